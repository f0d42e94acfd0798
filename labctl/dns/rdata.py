"""Record data as people write it: what is wrong with it, and how a zone file has it.

A zone file (RFC 1035 section 5.1) has a syntax of its own: quotes, parentheses, ``;`` and
``$`` mean something. Nothing reaches one but through ``presentation``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

MAX_NAME = 253  # characters of a name without its final dot (RFC 1035 section 2.3.4)
MAX_STRING = 255  # octets of one character string (RFC 1035 section 3.3)

_HOST_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})")
_CAA = re.compile(r'([0-9]{1,3}) ([A-Za-z0-9]{1,15}) ("?)([ !#-\[\]-~]*)\3')
_PLAIN = re.compile(r"[A-Za-z0-9.:+/=_ -]+")

HOST_OWNERS = frozenset({"A", "AAAA", "MX"})  # whose owner is a host (RFC 1123 section 2.1)


def owner_problem(text: str) -> str:
    """What is wrong with a record's name relative to a domain ("" when nothing is).

    Service labels (``_sip._tcp``, RFC 8552) and wildcards (RFC 4592) are names too.
    """
    labels = text.split(".")
    if text == "@" or all(map(_LABEL.fullmatch, labels[1:] if labels[0] == "*" else labels)):
        return ""
    return "letters, digits, - and _ in each label, at most 63, relative to the domain"


def presentation(type_: str, value: str, domain: str = "") -> str:
    """Record data in presentation form, as one line of a zone file may carry it.

    ``value`` is what a person wrote; names in it are relative to ``domain`` unless they end
    with a dot. ValueError with the reason where it is no data of this type.
    """
    writer = _WRITERS.get(type_)
    if writer:
        return writer(value, domain)
    if not _PLAIN.fullmatch(value):
        raise ValueError(f"a character that a {type_} record does not have")
    return value


def quoted(text: str) -> str:
    """Text as character strings of at most 255 octets (RFC 1035 sections 3.3.14 and 5.1)."""
    data = text.encode()
    parts = [data[i : i + MAX_STRING] for i in range(0, len(data), MAX_STRING)] or [b""]
    return " ".join(f'"{"".join(map(_escaped, part))}"' for part in parts)


def relative(name: str, domain: str) -> str:
    """An absolute name below a domain as that domain's zone writes it."""
    return "@" if name == domain else name.removesuffix(f".{domain}")


def absolute(name: str, domain: str) -> str:
    """A name in a zone as an absolute one, without the final dot, in lower case."""
    if name.endswith("."):
        return name[:-1].lower()
    return domain if name == "@" else f"{name}.{domain}".lower()


def target(type_: str, value: str) -> str:
    """The name that a record points to; "" where its type has none."""
    words = value.split() if type_ in ("CNAME", "MX", "NS", "PTR", "SRV") else []
    return words[-1] if words else ""


def _escaped(octet: int) -> str:
    if octet in b'"\\':
        return f"\\{octet:c}"
    return f"{octet:c}" if 32 <= octet < 127 else f"\\{octet:03}"


def _name(text: str, domain: str, label: re.Pattern[str]) -> str:
    bare = text.removesuffix(".")
    if text != "@" and not all(map(label.fullmatch, bare.split("."))):
        raise ValueError(
            "this is not a name: letters, digits and hyphens in each label, at most 63"
        )
    if len(absolute(text, domain)) > MAX_NAME:
        raise ValueError(f"the whole name is longer than {MAX_NAME} characters")
    return text


def _host(text: str, domain: str) -> str:
    return _name(text, domain, _HOST_LABEL)


def _alias(text: str, domain: str) -> str:
    return _name(text, domain, _LABEL)


def _address4(text: str, domain: str) -> str:
    return _address(text, ipaddress.IPv4Address, "IPv4 address, for example 198.18.7.9")


def _address6(text: str, domain: str) -> str:
    return _address(text, ipaddress.IPv6Address, "IPv6 address, for example fd00::9")


def _address(text: str, parse: Callable[[str], object], form: str) -> str:
    try:
        if "%" in text:  # a zone index (RFC 4007) means something to one host only
            raise ValueError(text)
        return str(parse(text))
    except ValueError:
        raise ValueError(f"this is not an {form}") from None


def _mx(text: str, domain: str) -> str:
    """RFC 1035 section 3.3.9; ``0 .`` says that there is no mail here (RFC 7505)."""
    return _numbers_and_host(text, domain, 1, "a preference and a host, for example 10 mail")


def _srv(text: str, domain: str) -> str:
    """RFC 2782; the target ``.`` says that the service is not there."""
    example = "priority, weight, port and host, for example 0 5 5060 sip"
    return _numbers_and_host(text, domain, 3, example)


def _numbers_and_host(text: str, domain: str, count: int, form: str) -> str:
    *numbers, host = text.split() or [""]
    small = [n for n in numbers if re.fullmatch(r"[0-9]{1,5}", n) and int(n) < 2**16]
    if len(numbers) != count or len(small) != count:
        raise ValueError(f"this is not {form}")
    return " ".join([*(str(int(n)) for n in numbers), host if host == "." else _host(host, domain)])


def _caa(text: str, domain: str) -> str:
    """RFC 8659 section 4.1."""
    match = _CAA.fullmatch(text)
    if not match or int(match[1]) > 255:
        raise ValueError("this is not a flag, a tag and a value, for example 0 issue ca.example")
    return f"{int(match[1])} {match[2].lower()} {quoted(match[4])}"


def _txt(text: str, domain: str) -> str:
    if len(text.encode()) > 16_000:
        raise ValueError("16000 octets of text at most")
    return quoted(text)


_WRITERS: dict[str, Callable[[str, str], str]] = {
    "A": _address4,
    "AAAA": _address6,
    "CAA": _caa,
    "CNAME": _alias,
    "MX": _mx,
    "NS": _host,
    "PTR": _host,
    "SRV": _srv,
    "TXT": _txt,
}
