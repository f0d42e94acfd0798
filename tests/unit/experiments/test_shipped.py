"""The programs that run on a lab's machines, run here against servers of the test's own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from labctl.experiments.apparatus.ship import source


class Pages(BaseHTTPRequestHandler):
    """/ is a page, /gone is none, /chunks comes in parts, /half breaks off."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/gone" else 200)
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"3\r\nabc\r\n0\r\n\r\n"
        else:
            self.send_header("Content-Length", "9" if self.path == "/half" else "3")
            body = b"abc"
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/half":
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its base's name)
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def run(program: str, work: Any, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-c", source(program)],
        input=json.dumps(work), capture_output=True, text=True, timeout=30, check=False, **more,
    )  # fmt: skip


def asked(port: int, path: str, keep: int, count: int = 5) -> list[list[Any]]:
    """What the asking program says of a page until so many answers and a mark have come."""
    site = {"name": "x", "host": "127.0.0.1", "port": port, "path": path, "tls": False}
    work = {"sites": [site | {"verify": False}], "rate": 50, "keep": keep, "timeout": 2}
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", source("asker")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(work) + "\n")
    process.stdin.flush()
    found = [json.loads(process.stdout.readline()) for _ in range(count)]
    process.stdin.write("mark\n")
    process.stdin.flush()
    rest, _ = process.communicate(timeout=10)
    return found + [json.loads(line) for line in rest.splitlines()]


@pytest.mark.parametrize("keep", [0, 2])
@pytest.mark.parametrize(
    ("path", "why"), [("/", ""), ("/chunks", ""), ("/gone", "404"), ("/half", "IncompleteRead")]
)
def test_it_asks_and_judges_whole_answers(port: int, path: str, why: str, keep: int) -> None:
    found = [words for words in asked(port, path, keep) if words[0] == "answer"][:5]
    assert all((why in words[4]) if why else not words[4] for words in found)
    dues = sorted(words[2] for words in found)
    slots = [(due - dues[0]) * 50 for due in dues]
    assert slots == pytest.approx([round(slot) for slot in slots]), "due at fixed times"
    assert len({round(slot) for slot in slots}) == len(slots), "each of them once"


def test_an_end_that_comes_with_an_answer_is_an_end() -> None:
    program: dict[str, Any] = {}
    exec(source("asker").removesuffix("asyncio.run(main())\n"), program)

    async def scene() -> None:
        class Ending:
            async def once(self) -> None:
                task.cancel()

        task = asyncio.ensure_future(program["timed"](Ending(), "x", time.monotonic(), 10))
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())


def test_marks_are_times_of_the_same_clock(port: int) -> None:
    found = asked(port, "/", 0)
    (mark,) = [words[1] for words in found if words[0] == "mark"]
    assert max(words[2] for words in found[:5]) < mark <= time.monotonic()


def test_a_dead_port_is_a_failure_not_an_end() -> None:
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        found = asked(holder.getsockname()[1], "/", 0)
    assert all("Refused" in words[4] for words in found[:5])


def test_what_a_stalled_server_has_not_answered_is_told() -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        found = asked(silent.getsockname()[1], "/", 2, count=2)
    assert next(words[4] for words in found if words[0] == "answer").startswith("no answer in")
    assert len([words for words in found if words[0] == "answer"]) > 50, "2 s at 50 a second"


def test_the_scanner_finds_open_ports() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        opened = server.getsockname()[1]
        with closing(socket.socket()) as holder:
            holder.bind(("127.0.0.1", 0))
            closed = holder.getsockname()[1]
            work = {"hosts": ["127.0.0.1"], "first": [closed], "then": [opened]}
            done = run("scanner", work)
    assert json.loads(done.stdout) == {"127.0.0.1": {"open": [opened], "answers": True}}


def test_noise_ends_and_nothing_of_it_is_left() -> None:
    # a group of its own, as a command in a container has: it kills that at its end
    done = run("noise", {"what": "cpu", "seconds": 0.5}, start_new_session=True)
    assert done.stdout == "full\n"
    assert done.returncode == -9


def intrude(directory: Path, files: list[list[str]], own: int) -> Any:
    """What an intruder sees where the broken service's first process is ``own``."""
    svstat = directory / "s6-svstat"
    svstat.write_text(f"#!/bin/sh\necho {own}\n")
    svstat.chmod(0o755)
    environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
    done = run("intruder", {"files": files, "own": ["test"]}, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_intruder_counts_files_that_are_the_same(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"secret")
    right, wrong = hashlib.sha256(b"secret").hexdigest(), hashlib.sha256(b"other").hexdigest()
    files = [[f"{mine}", right], [f"{mine}", wrong], [f"{mine}", ""], ["/no/such/file", ""]]
    assert intrude(tmp_path, files, 0)["files"] == [str(mine), str(mine)]


def test_the_intruder_counts_processes_of_others_only(tmp_path: Path) -> None:
    named = tmp_path / "somebodys"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", named)
    with subprocess.Popen([named, "30"]) as process:
        assert "somebodys" in intrude(tmp_path, [], 0)["processes"]
        assert "somebodys" not in intrude(tmp_path, [], os.getpid())["processes"], "our own's"
        process.kill()
