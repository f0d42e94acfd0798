"""Asks the DNS with its own clients: dig, and delv, which validates by itself.

Shipped to the client machine as it is: standard library only. A request has

* ``name``, ``type`` (A; ``AXFR`` asks for the whole zone),
* ``server`` (a name or an address; the machine's own resolver where left out),
* ``recurse`` (true), ``reverse`` (ask for the name of ``name``'s address),
* ``tool`` (``dig`` or ``delv``), and for delv ``anchors`` (a file with ``trust-anchors``) and
  ``root`` (the zone whose key is trusted).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from labctl.checks import bounded

TIMEOUT = 10


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """What came back; ``error`` says why nothing did. Never raises for the network's failures.

    From dig: ``status`` (RFC 6895 section 2.3), the flags ``aa``, ``ad``, ``ra``, ``tc``,
    ``answers`` (record data, in order; of TXT the plain text), ``answer`` (the same in one
    text) and ``count``; for a transfer ``transferred`` and ``count``. From delv: ``validated``,
    ``answers``, ``count``, and ``reason`` where there is no answer that it trusts.
    """
    try:
        if request.get("tool") == "delv":
            return _delv(request)
        if request.get("type", "A").upper() in ("AXFR", "IXFR"):
            return _transfer(request)
        return _dig(request)
    except (OSError, ValueError) as error:
        return {"error": str(error)}


def _dig(request: dict[str, Any]) -> dict[str, Any]:
    name = _reverse_name(request) if request.get("reverse") else request["name"]
    recurse = "+recurse" if request.get("recurse", True) else "+norecurse"
    output = _run("dig", *_server(request), "+noall", "+comments", "+answer", "+tries=2",
                  "+time=3", recurse, "-t", request.get("type", "A"), "-q", name)  # fmt: skip
    status = re.search(r"^;; ->>HEADER<<- .*status: (\w+)", output, re.MULTILINE)
    flags = re.search(r"^;; flags: ([a-z ]*);", output, re.MULTILINE)
    if not status or not flags:
        return {"error": _reason(output)}
    seen = {flag: flag in flags[1].split() for flag in ("aa", "ad", "ra", "tc")}
    return {"status": status[1], **seen, **_answers(output)}


def _transfer(request: dict[str, Any]) -> dict[str, Any]:
    output = _run("dig", *_server(request), "+noall", "+answer", "+tries=1", "+time=5",
                  "-t", request["type"], "-q", request["name"])  # fmt: skip
    if "; Transfer failed." in output:
        return {"transferred": False, "count": 0}
    answers = _answers(output)
    if not answers["count"]:
        return {"error": _reason(output)}
    return {"transferred": True, "count": answers["count"]}


def _delv(request: dict[str, Any]) -> dict[str, Any]:
    arguments = [*_server(request), "-t", request.get("type", "A"), "-q", request["name"]]
    if "anchors" in request:
        arguments += ["-a", request["anchors"]]
    if "root" in request:
        arguments += [f"+root={request['root']}"]
    output = _run("delv", *arguments)
    verdict = re.search(
        r"^; (negative response, )?(fully validated|unsigned answer)", output, re.MULTILINE
    )
    if not verdict:
        return {"validated": False, "count": 0, "reason": _reason(output)}
    return {"validated": verdict[2] == "fully validated", **_answers(output)}


def _server(request: dict[str, Any]) -> list[str]:
    return [f"@{request['server']}"] if request.get("server") else []


def _reverse_name(request: dict[str, Any]) -> str:
    found = _dig({**request, "type": "A", "reverse": False})
    if not found.get("answers"):
        raise ValueError(f"{request['name']} has no address")
    return ipaddress.ip_address(found["answers"][-1]).reverse_pointer


def _answers(output: str) -> dict[str, Any]:
    """Records as dig and delv print them: name, TTL, class, type, data."""
    lines = [line for line in output.splitlines() if line and not line.startswith(";")]
    records = [fields for line in lines if len(fields := line.split(None, 4)) == 5]
    answers = [_data(type_, data) for _, _, _, type_, data in records if type_ != "RRSIG"]
    return {"answers": answers, "answer": "\n".join(answers), "count": len(answers)}


def _data(type_: str, data: str) -> str:
    """Record data; of TXT the text itself, its strings joined (RFC 7208 section 3.3)."""
    if type_ != "TXT":
        return data
    octets = re.sub(r'" "|^"|"$', "", data)
    plain = re.sub(r"\\([0-9]{3}|.)", lambda m: chr(int(m[1])) if m[1].isdigit() else m[1], octets)
    return plain.encode("latin-1", "replace").decode("utf-8", "replace")


def _reason(output: str) -> str:
    """The client's last words."""
    lines = [line.strip("; ") for line in output.splitlines() if line.strip("; ")]
    return lines[-1] if lines else "no answer"


def _run(*command: str) -> str:
    ran = bounded.run(command, TIMEOUT)
    if ran.ended:
        raise ValueError(ran.ended)
    return (ran.out + ran.err).decode(errors="replace")
