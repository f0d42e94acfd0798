"""Explains a URL by the lab that it belongs to: finds the lab, renders it, asks `explain`."""

from __future__ import annotations

from labctl.errors import LabctlError
from labctl.explain.explanation import Explanation, explain
from labctl.explain.url import request
from labctl.spec.problems import InvalidLab
from labctl.work.listing import labs
from labctl.work.session import Session


def explain_url(url: str, lab: str = "") -> Explanation:
    """Explain a URL by ``lab``, or by the lab whose names it has; LabctlError where none has."""
    asked = request(url)
    session = Session(lab, dry=True, running=True) if lab else lab_of(asked.host)
    return explain(asked, session.lab, session.tree)


def lab_of(host: str) -> Session:
    """The lab whose domain, or names on the host, a host name belongs to; first those up."""
    known: list[str] = []
    for listed in sorted(labs(), key=lambda one: one.state != "up"):
        try:
            session = Session(
                listed.name if listed.state == "up" else listed.file, dry=True, running=True
            )
            parents = (*session.lab.domains, *session.lab.localhosts)
        except (InvalidLab, LabctlError):
            continue  # `labctl list` says so
        if any(host == parent or host.endswith(f".{parent}") for parent in parents):
            return session
        known += parents
    raise LabctlError(
        f"{host} belongs to no lab that is known here",
        f"labs have names below {', '.join(known)}; --lab LAB asks one of them" if known
        else "`labctl list` shows the labs",
        status=2,
    )  # fmt: skip
