"""Checks as a lab's author writes them: every client, asked for real, and one that must fail.

Then the same of a learner who puts other programs in place of the clients.
"""

from __future__ import annotations

import csv
import io
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests.e2e.conftest import Labs
from tests.e2e.support.chromium import Chromium
from tests.e2e.support.home import Home, Ran
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

SERVICES = {
    "www": "static",
    "chat": "websocket",
    "mail": {"kind": "mail", "users": ["alice"]},
}
SITES = {"www": {"service": "www", "http": "serve"}, "chat": "chat"}
UDP_PORT = 7007
# answers every datagram with the same and a prefix
ECHO = (
    "use Socket; socket S, PF_INET, SOCK_DGRAM, 0 or die; bind S, pack_sockaddr_in(7007, "
    "INADDR_ANY) or die; while (my $from = recv S, my $data, 2000, 0) "
    "{ send S, 'got ' . $data, 0, $from }"
)

HTTP = {"url": "https://www.${domain}/"}
WS = {"url": "wss://chat.${domain}/ws"}
MAIL = {"server": "mail.${domain}"}
LOGIN = {**MAIL, "login": "alice", "password": "${account.alice}"}
LETTER = {**MAIL, "tls": "starttls", "sender": "x@outside.example", "recipient": "alice@${domain}"}
READ = {"server": "mail.${domain}", "login": "alice", "password": "${account.alice}"}
DATAGRAM = {"host": "www.hosts.${domain}", "port": UDP_PORT, "send": "ping"}
# of each client: what is asked, what must be seen, and what must not
CASES: list[tuple[str, str, Any, dict[str, Any], dict[str, Any]]] = [
    ("http", "", HTTP,
     {"status": 200, "header": {"ETag": {"there": True}, "x-none": {"there": False}},
      "body": {"contains": "<title>"}, "version": "2", "milliseconds": {"most": 9000}},
     {"status": 404}),
    ("ws", "", WS, {"status": 101, "opened": True}, {"status": 403}),
    ("tls", "", {"host": "www.${domain}"},
     {"verified": True, "protocol": "TLSv1.3", "self_signed": False, "chain": 2,
      "names": {"contains": "www.${domain}"}, "issuer": {"matches": "(?i)${lab}"},
      "days": {"least": 1}, "key": "EC 256"},
     {"self_signed": True}),
    ("tls", "", {"host": "mail.${domain}", "port": 25, "starttls": "smtp"},
     {"verified": True}, {"names": {"contains": "www.${domain}"}}),
    ("tls", "", {"host": "mail.${domain}", "port": 143, "starttls": "imap"},
     {"verified": True}, {"days": {"least": 9999}}),
    ("dns", "", {"name": "www.${domain}"},
     {"status": "NOERROR", "count": 1, "ad": True, "aa": False}, {"status": "NXDOMAIN"}),
    ("dns", "", {"name": "www.${domain}", "tool": "delv"}, {"validated": True}, {"count": 7}),
    ("smtp", "", {**LETTER, "read": READ},
     {"code": 250, "delivered": True, "verified": True}, {"code": 550}),
    ("imap", "", LOGIN, {"login": True, "messages": {"least": 0}}, {"login": False}),
    ("pop3", "", LOGIN, {"login": True, "verified": True}, {"verified": False}),
    ("tcp", "", {"host": "mail.${domain}", "port": 25, "read": True},
     {"connected": True, "reply": {"matches": "^220 "}}, {"state": "refused"}),
    ("tcp", "www", {"host": "mail.${domain}", "port": 143, "send": "a LOGOUT\r\n", "until": "a OK"},
     {"reply": {"contains": "BYE"}}, {"reply": {"contains": "NO WAY"}}),
    ("tcp", "www", {"host": "mail.${domain}", "port": 24}, {"state": "refused"},
     {"connected": True}),
    ("udp", "", DATAGRAM, {"answered": True, "reply": "got ping"}, {"reply": "pong"}),
    ("udp", "mail", {**DATAGRAM, "port": 7008}, {"state": "refused"}, {"answered": True}),
    ("command", "www", "nginx -t", {"status": 0, "output": {"contains": "successful"}},
     {"status": 1}),
    ("command", "www", {"command": ["cat"], "input": "${secret.flag}", "user": "www-data"},
     {"output": "${secret.flag}"}, {"output": "${secret.other}"}),
    ("file", "www", "/etc/passwd",
     {"exists": True, "mode": "0644", "owner": "root", "content": {"matches": "(?m)^root:"}},
     {"owner": "daemon"}),
    ("file", "www", "/no/such/file", {"exists": False}, {"exists": True}),
    ("process", "www", "nginx", {"running": True, "users": {"contains": "www-data"}},
     {"running": False}),
    ("log", "mail", {"lines": 2000}, {"count": {"least": 1}}, {"lines": {"contains": "no line"}}),
]  # fmt: skip


def a_check(name: str, client: str, origin: str, ask: Any, expect: Any, **more: Any) -> Any:
    where = {"from": origin} if origin else {}
    return {"name": name, "client": client, "ask": ask, "expect": expect, **where, **more}


def all_checks() -> list[dict[str, Any]]:
    found = []
    for n, (client, origin, ask, good, bad) in enumerate(CASES):
        found += [
            a_check(f"{n} {client} holds", client, origin, ask, good, seconds=30),
            a_check(f"{n} {client} fails", client, origin, ask, bad, seconds=30),
        ]
    return found


def write(lab: OwnLab, checks: list[Any]) -> None:
    """Let the lab's file have these checks, which changes nothing else."""
    content = {"lab": "language", "services": SERVICES, "sites": SITES, "checks": checks}
    lab.write("lab.yml", yaml.safe_dump(content, sort_keys=False))


def checked(lab: OwnLab, checks: list[Any], *words: str) -> tuple[Ran, dict[str, Any]]:
    """What came of these checks, without those of the kinds: they are about no service."""
    write(lab, checks)
    ran = lab.labctl("check", "--json", *words)
    assert ran.status in (0, 1), ran.said
    names = {one["name"] for one in checks}
    return ran, {one["check"]: one for one in ran.json if one["check"] in names}


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("lab1")
    write(made, [])
    made.must("up")
    run = ["docker", "exec", "-d", made.container("www"), "perl", "-e", ECHO]
    subprocess.run(run, check=True, capture_output=True)
    return made


def test_every_client_sees_what_there_is_and_nothing_else(lab: OwnLab) -> None:
    _, found = checked(lab, all_checks())
    wrong = {
        name: one["differences"]
        for name, one in found.items()
        if one["passed"] is not name.endswith("holds")
        or any("expected an answer" in said for said in one["differences"])
    }
    assert wrong == {}
    assert len(found) == 2 * len(CASES)


def test_the_same_lab_has_the_same_result(lab: OwnLab) -> None:
    def states() -> dict[str, bool]:
        return {name: one["passed"] for name, one in checked(lab, all_checks())[1].items()}

    assert states() == states()


def test_no_secret_is_ever_printed(lab: OwnLab) -> None:
    secret = {"command": ["cat"], "input": "${secret.flag} ${account.alice}"}
    checks = [a_check("shows", "command", "www", secret, {"output": "${secret.other}"})]
    ran, found = checked(lab, checks, "--html", f"{lab.folder}/page.html")
    (said,) = found["shows"]["differences"]
    assert said == "output: expected ${secret.other}, got ${secret.flag} ${account.alice}"
    password = lab.passwords()["alice"]
    kept = "".join(path.read_text() for path in (lab.home.data / lab.name / "runs").iterdir())
    assert password not in ran.said + kept + (lab.folder / "page.html").read_text()


def test_what_is_needed_and_what_is_retried(lab: OwnLab) -> None:
    count = "/tmp/count"
    lab.output("www", "rm", "-f", count)
    twice = ["sh", "-c", f"echo x >> {count}; test $(wc -l < {count}) -ge 2"]
    checks = [
        a_check("second", "file", "www", "/etc/passwd", {"exists": True}, needs="first"),
        a_check("first", "file", "www", "/etc/passwd", {"exists": False}),
        a_check("flaky", "command", "www", {"command": twice}, {"status": 0}, retries=3),
        a_check("hopeless", "command", "www", "false", {"status": 0}, retries=2),
    ]
    _, found = checked(lab, checks)
    assert (found["second"]["attempts"], found["second"]["unmet"]) == (0, ["first"])
    assert (found["flaky"]["passed"], found["flaky"]["attempts"]) == (True, 2)
    assert (found["hopeless"]["passed"], found["hopeless"]["attempts"]) == (False, 3)
    lab.output("www", "rm", "-f", count)
    assert "flaky (held on attempt 2 of 4)" in lab.labctl("check").out


def test_every_run_is_kept(lab: OwnLab) -> None:
    folder = lab.home.data / lab.name / "runs"
    before = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
    checked(lab, [])
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()


# --- machines whose learner has put other programs in place


EVIL = "=1+1 <script>alert(1)</script> \x1b[2J\x9b31m ]]>"
FAKES = {
    "gigabytes": "exec yes '{\"status\": 200}'",
    "for ever": "trap '' TERM; sleep 1000",
    "nothing": "exit 0",
    "words": f"cat <<'END'\n{EVIL}\nEND\n>&2 cat <<'END'\n{EVIL}\nEND\nexit 1",
    "a web page": f"printf 'HTTP/1.1 404 {EVIL}\\r\\nX-Evil: {EVIL}\\r\\n\\r\\n{EVIL}'",
    "errors": "exec >&2; exec yes",
}


@pytest.fixture
def replaced(lab: OwnLab) -> Iterator[Any]:
    """Puts a shell script in place of a program of a machine, until the test ends."""
    done: list[tuple[str, str]] = []

    def replace(machine: str, program: str, script: str) -> None:
        path = f"/usr/local/bin/{program}"
        done.append((machine, path))
        lab.output(machine, "sh", "-c", 'cat > "$1"; chmod 755 "$1"', "-", path,
                   input=f"#!/bin/sh\n{script}\n")  # fmt: skip

    yield replace
    for machine, path in done:
        lab.output(machine, "rm", "-f", path)


HONEST = a_check("honest", "tcp", "mail", {"host": "www.hosts.${domain}", "port": 80},
                 {"connected": True})  # fmt: skip
ASKED = [
    HONEST,
    a_check("by the client", "http", "", HTTP, {"status": 200}, seconds=3),
    a_check("by the chat", "tls", "chat", {"host": "www.${domain}"}, {"verified": False}),
    a_check("the machine's own", "command", "client", "curl --version", {"status": 0}, seconds=3),
    a_check("its file", "file", "client", "/etc/passwd", {"exists": False}, seconds=3),
]
ABOUT_WWW = [{**one, "service": "www"} for one in ASKED]  # asked without all the others


@pytest.mark.parametrize("fake", FAKES)
@pytest.mark.parametrize("program", ["python3", "curl", "perl", "timeout"])
def test_a_replaced_program_harms_only_its_own_checks(
    lab: OwnLab, replaced: Any, tmp_path: Path, program: str, fake: str
) -> None:
    replaced("client", program, FAKES[fake])
    begin = time.monotonic()
    files = {kind: tmp_path / kind for kind in ("junit", "csv", "html")}
    words = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    ran, found = checked(lab, ABOUT_WWW, "--service", "www", *words)
    assert time.monotonic() - begin < 60
    assert found["honest"]["passed"]
    assert not found["by the chat"]["passed"]
    if program in ("python3", "curl"):
        assert not found["by the client"]["passed"]
    assert not found["its file"]["passed"]
    assert all(c.isprintable() or c == "\n" for c in ran.said)
    assert len(ran.said) < 200_000
    _harmless(files)


def _harmless(files: dict[str, Path]) -> None:
    """The exported files can be read, and none of them runs anything."""
    ElementTree.fromstring(files["junit"].read_bytes())
    table = csv.reader(io.StringIO(files["csv"].read_text(), newline=""))
    formula = ("=", "+", "-", "@", "\t", "\r")
    assert not any(cell.startswith(formula) for row in table for cell in row)
    page = files["html"].read_text()
    assert "<script" not in page
    assert all(c.isprintable() or c == "\n" for c in page)


def test_a_machine_cannot_answer_for_another(lab: OwnLab, replaced: Any) -> None:
    """It answers what it is asked itself, and claims the same of whatever else it can name."""
    forger = (
        'read -r work; for token in $(echo "$work" | grep -o "[0-9a-f]\\{32\\}"); do '
        'echo "$token {\\"status\\": 404}"; done; echo "by the chat {\\"verified\\": false}"; '
        'echo "[{\\"status\\": 404}, {\\"status\\": 404}]"'
    )
    replaced("client", "python3", forger)
    _, found = checked(lab, ABOUT_WWW, "--service", "www")
    assert found["by the client"]["differences"] == ["status: expected 200, got 404"]
    assert found["by the chat"]["differences"] == ["verified: expected false, got true"]
    assert found["honest"]["passed"]


def test_the_page_fits_a_telephone(lab: OwnLab, tmp_path: Path, home: Home) -> None:
    long = a_check("a" * 110, "command", "www", ["echo", "b" * 3000], {"output": "c" * 500})
    checked(lab, [*ASKED, {**long, "ask": {"command": long["ask"]}}], "--html", str(tmp_path / "a"))
    page = tmp_path / "page.html"
    (tmp_path / "a").rename(page)
    with Chromium(tmp_path, tmp_path / "profile", "--window-size=360,740") as browser:
        tab = browser.open(page.as_uri())
        assert tab.run("document.documentElement.scrollWidth") <= 500
        assert tab.run("document.documentElement.scrollWidth <= window.innerWidth")
        assert tab.run("performance.getEntriesByType('resource').length") == 0
        assert tab.run("document.querySelectorAll('svg.bar').length") == 1
