"""lab1 on one machine, and its way there and back: what goes and what stays."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.load import Load
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
SERVERS = {"nginx", "named", "postfix", "dovecot", "opendkim", "gunicorn-app", "websocket-chat"}

STAFF = "  staff: {service: forms, clients: alice}\n"
# a program that says what it was told of who asks, and of another header of the visitor's
TOLD = (
    "printf 'Content-Type: text/html",
    """printf 'X-Told: %s,%s\\r\\n' "${HTTP_X_CLIENT-}" "${HTTP_X_OTHER-}"
printf 'Content-Type: text/html""",
)


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("lab1")
    made.replace("lab.yml", "  forms: forms\n", "  forms: forms\n" + STAFF)
    made.replace("forms/cgi-bin/form.sh", *TOLD)
    made.must("up", "--on", "bare-metal")
    return made


def machines(lab: OwnLab) -> set[str]:
    return {c.labels["hosting-labctl.machine"] for c in lab.containers()}


def test_one_machine_runs_every_server_under_one_init(lab: OwnLab) -> None:
    assert machines(lab) == {"server", "client", "resolver"}
    daemons = set(lab.output("server", "ls", "/run/service").split())
    assert daemons >= SERVERS
    assert lab.output("server", "ps", "-o", "comm=", "1").strip() == "s6-svscan"
    assert lab.output("server", "pgrep", "-c", "-o", "gunicorn").strip() != "0"


def test_every_check_holds(lab: OwnLab) -> None:
    ran = lab.labctl("check")
    assert ran.status == 0, ran.said


def test_nothing_but_public_services_listens_to_others(lab: OwnLab) -> None:
    """What only the front talks to is not reachable from the Internet."""
    seen = lab.output(
        "client",
        "python3",
        "-c",
        "import socket, sys\n"
        "for port in (80, 8000, 8001):\n"
        "    with socket.socket() as s:\n"
        "        print(port, s.connect_ex((sys.argv[1], port)) == 0)",
        f"www.{lab.domain}",
    )
    assert seen.split("\n")[:3] == ["80 True", "8000 False", "8001 False"]


def test_a_server_logs_who_really_asks(lab: OwnLab) -> None:
    lab.output("client", "curl", "-sS", f"https://app.{lab.domain}/?asked-by-the-client")
    client = lab.output("client", "hostname", "-i").strip()

    def logged() -> list[str]:
        lines = lab.labctl("logs", "server").out.splitlines()
        return [line for line in lines if "asked-by-the-client" in line]

    eventually(lambda: len(logged()) == 2)  # nginx's line, which it buffers, and gunicorn's
    assert all(client in line for line in logged())


def test_no_visitor_says_who_asks(lab: OwnLab) -> None:
    forged = ("-H", "X-Client: bob", "-H", "X-Other: bob")
    shown = ("--cert", "/root/tls/alice.pem", "--key", "/root/tls/alice.key")

    def told(site: str, *words: str) -> str:
        url = f"https://{site}.{lab.domain}/cgi-bin/form.sh"
        command = ("curl", "-sS", "-o", "/dev/null", "-w", "%header{x-told}", *words)
        return lab.output("client", *command, url)

    assert told("staff", *shown) == "alice,"
    assert told("staff", *shown, *forged) == "alice,bob"
    assert told("forms", *forged) == ",bob"


def test_a_change_is_a_reload_and_loses_no_request(lab: OwnLab) -> None:
    before, pid = lab.started(), lab.pid("server", "nginx")
    root = lab.authority()
    with Load(lab, root, "www") as load:
        lab.write("www/new.html", "<!doctype html><title>New</title>new")
        lab.must("up")
    assert not load.failures
    assert (lab.started(), lab.pid("server", "nginx")) == (before, pid)
    assert curl(lab.url("www", "/new.html"), ca=root).body.endswith("new")


def test_on_a_terminal_another_platform_is_a_question(lab: OwnLab) -> None:
    before = lab.started()
    said, status = answered(lab.home.command("up", *lab.target, "--on", "vps"), lab, b"n\n")
    assert "leaves bare-metal for vps" in said
    assert "nothing was changed" in said
    assert status == 1
    assert lab.started() == before


def answered(command: list[str], lab: OwnLab, answer: bytes) -> tuple[str, int]:
    """What a command says on a terminal where its first question gets this answer; its status."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=lab.home.environment,
        cwd=lab.home.directory,
    )
    os.close(follower)
    said = b""
    with contextlib.suppress(OSError):  # a terminal that nobody holds any more cannot be read
        while part := os.read(leader, 4096):
            said += part
            if part.endswith(b"[y/N] "):
                os.write(leader, answer)
    os.close(leader)
    return said.decode(), process.wait()


def test_another_platform_keeps_the_data_unless_it_is_to_be_fresh(lab: OwnLab) -> None:
    lab.output("server", "s6-setuidgid", "www-data", "sh", "-c", "echo kept >/var/opt/app/note")
    planned = lab.plan("--on", "vps", "--json")
    assert planned.status == 3
    assert planned.json["replaces"] == "bare-metal"
    ran = lab.must("up", "--on", "vps")
    assert "leaves bare-metal for vps" in ran.err
    assert {"www", "app", "mail"} <= machines(lab)
    assert "server" not in machines(lab)
    assert lab.output("app", "cat", "/var/opt/app/note") == "kept\n"
    assert lab.labctl("check").status == 0
    assert lab.plan().status == 0  # it stays where it is when nobody says another
    ran = lab.must("up", "--on", "bare-metal", "--fresh")
    assert lab.exec("server", "cat", "/var/opt/app/note").status != 0
    assert lab.labctl("check").status == 0


def test_fresh_is_refused_while_the_data_is_in_use(lab: OwnLab) -> None:
    ran = lab.up("--fresh")
    assert ran.status == 2
    assert "its data is in use" in ran.err


def test_several_machines_where_the_lab_says_so(fresh: Labs, tmp_path: Path) -> None:
    lab = fresh("hello")
    file = lab.folder / "lab.yml"
    lab.write(
        "lab.yml",
        file.read_text()
        + "\nplatform: bare-metal\nplatforms:\n  bare-metal:\n    machines: {second: [dns]}\n",
    )
    lab.must("up")
    assert machines(lab) == {"server", "second", "client", "resolver"}
    assert lab.labctl("check").status == 0
