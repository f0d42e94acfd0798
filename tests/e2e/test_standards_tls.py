"""TLS of every lab, as sslyze and testssl.sh judge it.

Controls: a server with old ciphers, which sslyze must refuse; an authority that nobody named.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.e2e.support import stacks, tools
from tests.e2e.support.home import run
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

COMPLIANT = "OK - Compliant."
# What testssl.sh finds above INFO that is meant to be so: a pattern of its ids, and why.
MEANT = {
    r"HSTS": "a lab's names serve both ways, and a browser would remember it for real",
    r"security_headers": "headers are the applications' business, and lessons of their own",
    r"DNS_CAArecord": "names below .localhost have no zone",
    r"cert_revocation|cert_crlDistributionPoints|cert_ocspURL": "leaves live for 90 days",
    r"OCSP_stapling|cert_mustStapleExtension": "there is no OCSP responder; the CAs end theirs",
    r"certificate_transparency": "a lab's certificates are in nobody's log",
    r"BREACH": "pages are compressed, and the static ones hold no secret",
    r"cert_trust|cert_chain_of_trust": "older versions do not take --add-ca for all stores",
    r"overall_grade|grade_cap_reason_\d+|final_score": "follows from the others",
    r"cipher_order.*": "Mozilla's profile leaves the choice to the client, for all are strong",
    r"QUIC|DNS_HTTPS_rrecord": "HTTP/3 is not published on the host",
    r"engine_problem|scanTime|service|optimal_proto": "about the scan, not the server",
}
ACCEPTED = {"OK", "INFO", "DEBUG"}


def test_every_signed_site_fits_mozillas_intermediate_profile(stack: OwnLab) -> None:
    signed = stacks.signed(stack.folder.name)
    targets = [f"{stacks.host(site, stack)}:{stacks.port(site, stack)}" for site in signed]
    if targets:  # a lab may be about something else than sites
        assert tools.sslyze(targets, stack.authority()) == dict.fromkeys(targets, COMPLIANT)


def test_each_way_of_speaking_tls_has_no_finding_that_is_not_meant(
    stack: OwnLab, tmp_path: Path
) -> None:
    for number, profile in enumerate(stacks.profiles()):
        if profile.stack != stack.folder.name:
            continue
        report = tmp_path / f"{number}.json"
        host, port = stacks.host(profile.site, stack), stacks.port(profile.site, stack)
        found = tools.testssl(host, port, stack.authority(), report)
        assert len(found) > 50, "testssl.sh has hardly asked anything"
        assert [one for one in found if not meant(one["id"], one["severity"])] == [], profile.lines


def meant(name: str, severity: str) -> bool:
    first = name.partition(" ")[0]
    return severity in ACCEPTED or any(re.fullmatch(one, first) for one in MEANT)


def test_the_profiles_are_few_and_say_something() -> None:
    assert 1 <= len(stacks.profiles()) < 6
    for profile in stacks.profiles():
        assert any("1.3" in line for line in profile.lines), profile


@contextmanager
def old_server(folder: Path) -> Iterator[int]:
    """A server with a CBC cipher and a certificate of its own."""
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", *files]
    assert run([*new, "-subj", "/CN=old.localhost"]).status == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ECDHE-RSA-AES128-SHA256:@SECLEVEL=0")
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def test_the_control_old_ciphers_and_a_stranger_are_found(tmp_path: Path) -> None:
    with old_server(tmp_path) as port:
        target = f"old.localhost:{port}"
        said = tools.sslyze([target], tmp_path / "cert.pem")[target]
    assert said.startswith("FAILED")
    assert "ciphers" in said
    assert not meant("cipher-tls1_2", "HIGH")
