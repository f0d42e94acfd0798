"""What visitors must see at the sites of a front: checks that prove it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from labctl.kinds import Scope
from labctl.model import Check, Service, Site


def of_site(site: Site) -> Iterable[Check]:
    """What a client sees at a site, by HTTPS and by HTTP, where its service says that it works."""
    url = site.url("https", site.health)
    if site.clients:
        yield _check(site, "refuses who has no certificate", url, {"status": 400})
        lets_in = _check(site, f"lets {site.clients[0]} in", url, {"status": _GOOD})
        yield replace(lets_in, ask={"url": url, "person": site.clients[0]})
    elif site.tls == "ca":
        yield _check(site, "answers by HTTPS", url, {"status": _GOOD})
    if site.tls == "self-signed" and not site.clients:
        yield _check(
            site,
            "is refused by a client that trusts only the lab's CA",
            url,
            {"error": {"matches": "(?i)self.signed certificate"}},
        )
    if site.plain:
        words, plain = _PLAIN[site.http]
        yield _check(site, words, site.url("http", site.health), plain)
    if site.alone:
        yield _whatever_the_name(site)


def _whatever_the_name(site: Site) -> Check:
    """Where a site answers alone, a name that is nobody's gets it as well."""
    url = site.url(path=site.health).replace(site.host, f"no-such-site.{site.host}", 1)
    mismatch = {"error": {"matches": "(?i)no alternative certificate subject name|self.signed"}}
    return Check(
        name=f"{site.host} answers where it is alone, whatever the name",
        service=site.service,
        client="http",
        ask={"url": url, "connect": site.host},
        expect=mismatch if site.secure else {"status": _PLAIN[site.http][1]["status"]},
        hint="address and port choose first; the name decides only among those that share both",
    )


_GOOD = {"matches": "^([23]..|401)$"}  # who asks for a password answers
_PLAIN: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "redirect": ("sends HTTP to HTTPS", {"status": 308, "location": {"matches": "^https://"}}),
    "serve": ("answers by HTTP", {"status": _GOOD}),
    "refuse": ("refuses HTTP", {"status": 403}),
}


def _check(site: Site, words: str, url: str, expect: Mapping[str, Any]) -> Check:
    return Check(
        name=f"{site.host} {words}",
        service=site.service,
        client="http",
        ask={"url": url},
        expect=expect,
        hint=f"`labctl explain {url}` shows which virtual host answers",
    )


def refusals(
    service: Service, sites: Sequence[Site], scope: Scope, *, first: bool
) -> Iterable[Check]:
    """A name that is no site gets the defined refusal on both ports."""
    shared = [site for site in sites if not site.own_address]
    if not shared:
        return
    known = shared[0].host
    where = " inside" if sites[0].inside else ""
    where += "" if first or sites[0].inside else f" of {service.name}"
    unknown = f"no-such-site.{scope.domain}"
    yield Check(
        name=f"an unknown name gets 421 by HTTP{where}",
        service=service.name,
        client="http",
        ask={"url": f"http://{unknown}/", "connect": known},
        expect={"status": 421},
    )
    if service.options.server == "apache" and not any(site.secure for site in sites):
        return  # it listens on 443 only where a certificate is
    yield Check(
        name=f"an unknown name gets no TLS handshake{where}",
        service=service.name,
        client="http",
        ask={"url": f"https://{unknown}/", "connect": known},
        expect={"error": {"matches": "(?i)unrecognized name|handshake"}},
    )
