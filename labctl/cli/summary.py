"""What there is after ``up``: sites, services, accounts, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from labctl.cli.output import paint, table

if TYPE_CHECKING:
    from labctl.model import Lab, Site
    from labctl.work.bring import Planned
    from labctl.work.session import Session


def text(planned: Planned) -> str:
    """The table that ``up`` ends with."""
    session = planned.session
    parts = [_headline(planned)]
    rows = [
        (site.name, url(site, session.lab), site.service, _tls(site)) for site in session.lab.sites
    ]
    if rows:
        parts.append(table(rows, ("SITE", "URL ON THIS HOST", "SERVICE", "TLS")))
    parts.append(table(_services(session.lab), ("SERVICE", "KIND", "ADDRESS", "PORTS")))
    if accounts := list(_accounts(session)):
        parts.append(table(accounts, ("ACCOUNT", "PASSWORD", "SERVICE")))
    parts += [*_drift(planned), _next(session)]
    return "\n\n".join(parts)


def as_json(planned: Planned) -> dict[str, Any]:
    """The same for scripts."""
    session = planned.session
    return {
        "lab": session.name,
        "domain": session.lab.domain,
        "platform": session.lab.platform,
        "changed": [change.machine for change in planned.plan.changes],
        "sites": [
            {
                "name": s.name,
                "host": s.host,
                "url": url(s, session.lab),
                "tls": s.tls,
                "service": s.service,
            }
            for s in session.lab.sites
        ],
        "services": [
            {"name": n, "kind": k, "address": a, "ports": p}
            for n, k, a, p in _services(session.lab)
        ],
        "accounts": [
            {"login": login, "service": service} for login, _, service in _accounts(session)
        ],
        "drift": [
            {"machine": d.machine, "path": d.path, "conflict": d.conflict}
            for d in planned.plan.drift
        ],
    }


def url(site: Site, lab: Lab) -> str:
    """A site's address in a browser on the host; inside the lab, where the host reaches it not."""
    port = 0 if site.inside or site.own_address else _port_on_host(site, lab)
    if not port:
        return site.url()
    host = next(name for name in site.names if name.endswith("localhost"))
    scheme, usual = ("https", 443) if site.secure else ("http", 80)
    return f"{scheme}://{host}{'' if port == usual else f':{port}'}/"


def _port_on_host(site: Site, lab: Lab) -> int:
    """The port of the host that leads to a site's own; 0 where none does."""
    machine = lab.machine_of(site.front)
    ports = {port.container: port.host for port in machine.ports if port.transport == "tcp"}
    if lab.services[site.front].expansion.published:
        ports |= {80: lab.publishing.http, 443: lab.publishing.https}
    return ports.get(site.secure or site.plain, 0)


def _headline(planned: Planned) -> str:
    session, plan = planned.session, planned.plan
    title = f"{session.name}: {session.lab.title}" if session.lab.title else session.name
    machines = session.lab.machines.keys()
    touched = machines & {change.machine for change in plan.changes}
    changed = f"{len(touched)} of {len(machines)} machines changed"
    said = "nothing to change" if plan.empty else changed
    return paint(title, "bold") + f" is up on {session.lab.platform} ({said})"


def _tls(site: Site) -> str:
    words = "lab's CA" if site.tls == "ca" else site.tls
    plain = "" if site.http == "redirect" or site.tls == "none" else f", HTTP {site.http}d"
    return words + plain + (", only inside" if site.inside else "")


def _services(lab: Lab) -> Iterable[tuple[str, str, str, str]]:
    for service in lab.services.values():
        ports = " ".join(f"{port}/{name}" for name, port in service.expansion.ports.items())
        yield service.name, service.kind, lab.address_of(service.name), ports


def _accounts(session: Session) -> Iterable[tuple[str, str, str]]:
    for want in session.lab.accounts:
        service, _, login = want.name.partition("/")
        yield f"{login}@{session.lab.domain}", session.kept.secrets[want.name], service
    for offer in session.lab.offers:  # of a sandbox, which has a seat
        if offer.account and (seat := session.lab.seat):
            password = session.kept.secrets[offer.account.name]
            yield f"{seat.id}@{seat.domain}", password, f"{offer.service} of {seat.group}"


def _drift(planned: Planned) -> Iterable[str]:
    if planned.plan.drift:
        yield drift(planned.plan.drift, planned.session.name)


def drift(found: Iterable[Any], lab: str) -> str:
    """Files changed by hand, and how to put them back."""
    lines = [
        f"  {d.machine}:{d.path}" + ("  (the lab has changed it too)" if d.conflict else "")
        for d in found
    ]
    return (
        "changed by hand on its machine, and kept:\n"
        + "\n".join(lines)
        + f"\n`labctl plan {lab} --diff` shows how, "
        f"`labctl up {lab} --reset MACHINE:PATH` puts one back"
    )


def _next(session: Session) -> str:
    lab = session.lab
    open_sites = (url(site, lab) for site in lab.sites if not site.inside)
    first = next(open_sites, "the lab has no site yet")
    rows = [
        ("open a site", first),
        ("trust the CA", f"labctl ca trust {session.name}"),
        ("run the checks", f"labctl check {session.name}"),
    ]
    return table(rows)
