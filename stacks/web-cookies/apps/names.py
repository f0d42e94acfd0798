"""The host names of this lab, told from the one that was asked for."""

from flask import request

PARTY = "ads"  # its sites are below <lab>-ads, which to a browser is another site
OTHERS = {"other", "tracker", "evil"}


def domains():
    """The lab's domain and the other party's, each with the port that was asked for."""
    site, _, domain = request.host.partition(".")
    label, dot, rest = domain.partition(".")
    own = label.removesuffix(f"-{PARTY}") if site in OTHERS else label
    return f"{own}{dot}{rest}", f"{own}-{PARTY}{dot}{rest}"


def origin(site):
    """The origin of one of the lab's sites, for links: ``https://shop.web-cookies.test``."""
    own, other = domains()
    scheme = request.headers.get("X-Forwarded-Proto", "https")  # the front says how it was asked
    return f"{scheme}://{site}.{other if site in OTHERS else own}"


def this_site():
    """The first label of the host that was asked for: ``www``, ``sub``, ``other``."""
    return request.host.partition(".")[0]
