"""What the bench's own prober asks of lab1: every service, in its own protocol."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

Target = dict[str, str | int]
SITES = ("www", "forms", "app", "chat")
MAIL = (
    ("smtp", "tcp", 25, r"220 "),
    ("submission", "tcp", 587, r"220 "),
    ("submissions", "tls", 465, r"220 "),
    ("imap", "tcp", 143, r"\* OK "),
    ("imaps", "tls", 993, r"\* OK "),
    ("pop3", "tcp", 110, r"\+OK "),
    ("pop3s", "tls", 995, r"\+OK "),
)
_SOA, _A = 6, 1
_RECURSIVE = 0x0100  # the flag "recursion desired"


FORWARDED = (25, 587, 993)  # mail ports that a gateway lets in


def of_lab1(domain: str, addresses: Mapping[str, str], gateway: bool = False) -> list[Target]:
    """The targets of a lab1 under ``domain`` whose services have these addresses.

    Behind a ``gateway`` only the ports that it forwards can be asked from outside.
    """
    ports = FORWARDED if gateway else [port for _, _, port, _ in MAIL]
    mail = (target for target in _mail(domain, addresses) if target["port"] in ports)
    return [*_sites(domain, addresses["front"]), *mail, *_dns(domain, addresses)]


def _target(name: str, transport: str, host: str, port: int, expect: str) -> Target:
    return {
        "name": name,
        "transport": transport,
        "host": host,
        "port": port,
        "server_name": "",
        "send": "",
        "expect": expect,
    }


def _sites(domain: str, front: str) -> Iterable[Target]:
    """Each site's first page by HTTPS, its certificate verified."""
    for site in SITES:
        name = f"{site}.{domain}"
        request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
        target = _target(f"https {site}", "tls", front, 443, r"HTTP/1\.1 [23]\d\d ")
        yield target | {"server_name": name, "send": request.hex()}


def _mail(domain: str, addresses: Mapping[str, str]) -> Iterable[Target]:
    """The greeting at each port of the mail server."""
    for name, transport, port, expect in MAIL:
        target = _target(name, transport, addresses["mail"], port, expect)
        yield target | {"server_name": f"mail.{domain}"}


def _dns(domain: str, addresses: Mapping[str, str]) -> Iterable[Target]:
    """The zone's SOA from its server, a site's address from the resolver."""
    for name, machine, query in (
        ("dns", "dns", dns_query(domain, _SOA, 0)),
        ("resolver", "resolver", dns_query(f"www.{domain}", _A, _RECURSIVE)),
    ):
        # response, no error, one question, at least one answer (RFC 1035 section 4.1.1)
        expect = r"..[\x80-\xff][\x00\x20\x80\xa0]\x00\x01\x00[\x01-\xff]"
        yield _target(name, "udp", addresses[machine], 53, expect) | {"send": query.hex()}


def dns_query(name: str, kind: int, flags: int) -> bytes:
    """A DNS query message (RFC 1035 section 4.1) for class IN."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", 4711, flags, 1, 0, 0, 0) + labels + struct.pack(">xHH", kind, 1)
