"""TLS of every lab, as sslyze and testssl.sh judge it.

Controls: a server with old ciphers, which sslyze must refuse; an authority that nobody named.
"""

from __future__ import annotations

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
from tests.e2e.support.ways import Ways

pytestmark = pytest.mark.e2e

COMPLIANT = "OK - Compliant."
# What testssl.sh finds above INFO that is meant to be so: its id and how bad it is, and why.
MEANT = {
    "HSTS LOW": "a lab's names serve both ways, and a browser would remember it for real",
    "cert_revocation HIGH": "leaves live for 90 days",
    "cipher_order HIGH": "Mozilla's profile leaves the choice to the client, for all are strong",
    "secure_renego WARN": "it asks without a name, to which nobody answers; asked by name below",
    "security_headers MEDIUM": "headers are the applications' business, and lessons of their own",
    "BREACH MEDIUM": "pages are compressed, and the static ones hold no secret",
    "sessionresumption_ticket WARN": "it cannot ask where certificates of visitors are wanted",
    "engine_problem WARN": "about this host's openssl, not the server",
}
ACCEPTED = {"OK", "INFO", "DEBUG"}


def test_every_signed_site_fits_mozillas_intermediate_profile(stack: OwnLab, ways: Ways) -> None:
    targets = [ways.to(site) for site in stacks.signed(stack.folder.name)]
    assert targets
    assert tools.sslyze(targets, stack.authority()) == dict.fromkeys(targets, COMPLIANT)


def test_each_way_of_speaking_tls_has_no_finding_that_is_not_meant(
    stack: OwnLab, ways: Ways, tmp_path: Path
) -> None:
    for number, profile in enumerate(stacks.profiles()):
        if profile.stack != stack.folder.name:
            continue
        report = tmp_path / f"{number}.json"
        at = ways.to(profile.site)
        found = tools.testssl(at, stack.authority(), report)
        assert len(found) > 50, "testssl.sh has hardly asked anything"
        assert [one for one in found if not meant(one["id"], one["severity"])] == [], profile.lines
        assert_no_renegotiation(at)


def meant(name: str, severity: str) -> bool:
    return severity in ACCEPTED or f"{name.partition(' ')[0]} {severity}" in MEANT


def assert_no_renegotiation(at: str) -> None:
    """A client that wants to begin anew within a connection is refused (RFC 5746, RFC 8446 4.1)."""
    host, _, port = at.partition(":")
    words = ["openssl", "s_client", "-tls1_2", "-connect", f"127.0.0.1:{port}"]
    asked = run([*words, "-servername", host], input="R\n")
    assert "Secure Renegotiation IS supported" in asked.out
    assert "no renegotiation" in asked.err


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
