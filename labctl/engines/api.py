"""The few calls of the Docker Engine API that every `labctl` command makes, and nothing else.

The Docker SDK does the rest. It is not used here because importing and calling it costs three
times as much processor time as everything else that `labctl up` does when nothing has changed
(docs/decisions.md), and because its ``exec_start`` loses output on a busy host.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from labctl.engines import EngineUnreachable

VERSION = "v1.41"  # Docker 20.10, the oldest that labs run on; newer engines speak it too
_TIMEOUT = 300.0  # seconds for one answer: an exec answers when its command ends
_DEFAULT = "unix:///var/run/docker.sock"


class ApiError(Exception):
    """The engine refused a call; its own words."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended on a machine: its exit status, its output and errors together."""

    status: int
    output: str


class _Connection(http.client.HTTPConnection):
    """HTTP over the engine's unix socket, or TCP where DOCKER_HOST says so."""

    def __init__(self) -> None:
        self._where = urlsplit(os.environ.get("DOCKER_HOST") or _DEFAULT)
        super().__init__(self._where.hostname or "docker", self._where.port, timeout=_TIMEOUT)

    def connect(self) -> None:
        """Open the socket."""
        if self._where.scheme != "unix":
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT)
        self.sock.connect(self._where.path)


def call(method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
    """One call; the body of its answer. EngineUnreachable or ApiError."""
    connection = _Connection()
    try:
        content = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, f"/{VERSION}{path}", content, headers)
        answer = connection.getresponse()
        data = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise EngineUnreachable(getattr(error, "strerror", None) or str(error)) from error
    finally:
        connection.close()
    if answer.status >= 400:
        raise ApiError(_message(data))
    return data


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data.decode(errors="replace").strip()


def containers(labels: Iterable[str], running_only: bool = False) -> list[dict[str, Any]]:
    """The containers with all of these labels (Engine API: GET /containers/json)."""
    filters = json.dumps({"label": list(labels)})
    query = urlencode({"all": int(not running_only), "filters": filters})
    found: list[dict[str, Any]] = json.loads(call("GET", f"/containers/json?{query}"))
    return found


def exec_in(container: str, command: Sequence[str], user: str = "root") -> Finished:
    """Run a command in a container and wait for its end.

    (Engine API: POST /containers/{id}/exec, POST /exec/{id}/start, GET /exec/{id}/json.)
    Status 255 with the engine's words where it cannot be run.
    """
    wanted = {"Cmd": list(command), "User": user, "AttachStdout": True, "AttachStderr": True}
    try:
        exec_id = json.loads(call("POST", f"/containers/{container}/exec", wanted))["Id"]
        stream = call("POST", f"/exec/{exec_id}/start", {"Detach": False, "Tty": False})
        status = json.loads(call("GET", f"/exec/{exec_id}/json"))["ExitCode"]
    except ApiError as error:
        return Finished(255, str(error))
    output = b"".join(_frames(stream)).decode(errors="replace")
    return Finished(255 if status is None else status, output)


def _frames(stream: bytes) -> Iterable[bytes]:
    """The parts of an attached stream: 8 octets (which output, 000, length), then so many."""
    at = 0
    while at + 8 <= len(stream):
        length = int.from_bytes(stream[at + 4 : at + 8], "big")
        yield stream[at + 8 : at + 8 + length]
        at += 8 + length
