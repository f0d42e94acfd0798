"""Signing certificate requests with a lab's authority: `labctl ca sign`."""

from __future__ import annotations

from datetime import UTC, datetime

from labctl.errors import LabctlError
from labctl.keep import authority, lab_home

MAX_BYTES = 64 * 1024


def sign(lab: str, request: bytes) -> str:
    """The certificate for a request (PKCS #10, PEM), its intermediate after it, in PEM.

    Only names that the lab's authority may sign for, as an ordinary server's certificate of 90
    days. LabctlError where the lab has no authority, or the request is refused.
    """
    from labctl.keep import making
    from labctl.pki.request import Refused, load

    found = authority(lab_home(lab))
    if found is None:
        raise LabctlError(f"{lab} has no authority yet", f"`labctl up {lab}` makes it")
    if len(request) > MAX_BYTES:
        raise LabctlError(f"the request has more than {MAX_BYTES // 1024} KiB", status=2)
    try:
        asked = load(request, found.allowed)
    except Refused as refused:
        raise LabctlError(refused.message, refused.hint, 2) from None
    now = datetime.now(UTC).replace(microsecond=0)
    made = making.certificate(asked, now, making.load(found.intermediate))
    return made + found.intermediate["certificate"]
