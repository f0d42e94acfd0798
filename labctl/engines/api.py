"""Calls of the Docker Engine API: those that every `labctl` command makes, and a way to others.

The Docker SDK builds images and takes labs down. It is not used here because importing and
calling it costs three times as much processor time as everything else that `labctl up` does when
nothing has changed (docs/decisions.md), and because its ``exec_start`` loses output on a busy
host.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from labctl.engines import EngineUnreachable
from labctl.errors import LabctlError

VERSION = "v1.41"  # Docker 20.10, the oldest that labs run on; newer engines speak it too
_TIMEOUT = 300.0  # seconds for one answer: an exec answers when its command ends
_MOST = 64 * 2**20  # bytes of one answer
_SAID = 8 * 2**20  # bytes of what a machine says
_DEFAULT = "unix:///var/run/docker.sock"


class ApiError(LabctlError):
    """The engine refused a call; its own words."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended on a machine: its exit status, its output and errors together."""

    status: int
    output: str


class Unbounded(ApiError):
    """An answer that was longer than it may be, or did not end in time."""


def call(
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    seconds: float = _TIMEOUT,
    limit: int = _MOST,
) -> bytes:
    """One call; the body of its answer. EngineUnreachable or ApiError.

    Unbounded where it has not ended after so many seconds or bytes, whoever feeds it.
    """
    content = b"" if body is None else json.dumps(body).encode()
    # HTTP/1.0: the answer comes as it is and ends with the connection (RFC 1945 section 7.2.2)
    head = (
        f"{method} /{VERSION}{path} HTTP/1.0\r\nHost: docker\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    try:
        with _connected() as connection:
            connection.sendall(head.encode() + content)
            answer = b"".join(_parts(connection, seconds, limit))
    except OSError as error:
        raise EngineUnreachable(error.strerror or str(error)) from error
    status, data = _parsed(answer)
    if status >= 400:
        raise ApiError(_message(data))
    return data


def _parts(connection: socket.socket, seconds: float, limit: int) -> Iterator[bytes]:
    """What comes until the other side ends it. Unbounded: all of it took too long, or too much."""
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        connection.settimeout(max(left, 0.001))
        try:
            data = connection.recv(1 << 16) if left > 0 else None
        except TimeoutError:
            data = None
        if data is None:
            raise Unbounded(f"no end of the answer within {seconds:g} s")
        limit -= len(data)
        if limit < 0:
            raise Unbounded("the answer is too long")
        if not data:
            return
        yield data


def inspected(container: str) -> dict[str, Any]:
    """Everything that the engine says of a container (GET /containers/{id}/json)."""
    found: dict[str, Any] = json.loads(call("GET", f"/containers/{container}/json"))
    return found


def log_lines(container: str, seconds: float) -> Iterator[str]:
    """What a container says since its last end, as it says it, for at most so long.

    Not since its start: the engine writes that down when the first words may have been said.

    (Engine API: GET /containers/{id}/logs.) Ends with the container.
    """
    ended = inspected(container)["State"]["FinishedAt"]
    query = urlencode({"stdout": 1, "follow": 1, "since": _unix(ended)})
    with contextlib.suppress(TimeoutError, Unbounded), _connected() as connection:
        path = f"/{VERSION}/containers/{container}/logs?{query}"
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        stream = bytearray()
        in_head = True
        for part in _parts(connection, seconds, _SAID):
            stream += part
            if in_head and (end := stream.find(b"\r\n\r\n")) >= 0:
                in_head = False
                del stream[: end + 4]
            while not in_head and len(stream) >= 8 + (n := int.from_bytes(stream[4:8], "big")):
                yield from stream[8 : 8 + n].decode(errors="replace").splitlines()
                del stream[: 8 + n]


def said(container: str, since: float) -> Iterator[str]:
    """What a container has said since a time (seconds since 1970), each line behind its time.

    (Engine API: GET /containers/{id}/logs.) The time is as of RFC 3339, in UTC.
    """
    query = urlencode({"stdout": 1, "timestamps": 1, "since": f"{since:.3f}"})
    stream = call("GET", f"/containers/{container}/logs?{query}")
    for part in _frames(stream):
        yield from part.decode(errors="replace").splitlines()


def _unix(time: str) -> str:
    """A time as the engine tells it (RFC 3339, nanoseconds), in seconds since 1970; never is 0."""
    if time.startswith("0001-"):
        return "0"
    whole = int(datetime.fromisoformat(time[:19] + "+00:00").timestamp())
    return f"{whole}.{time[20:].rstrip('Z').ljust(9, '0')[:9]}"


def _connected() -> socket.socket:
    """A connection to the engine's unix socket, or to TCP where DOCKER_HOST says so."""
    where = urlsplit(os.environ.get("DOCKER_HOST") or _DEFAULT)
    if where.scheme != "unix":
        return socket.create_connection((where.hostname, where.port or 2375), _TIMEOUT)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_TIMEOUT)
    try:
        connection.connect(where.path)
    except OSError:
        connection.close()
        raise
    return connection


def _parsed(answer: bytes) -> tuple[int, bytes]:
    head, _, data = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[1].isdigit():
        raise EngineUnreachable("what answers is no Docker Engine")
    return int(words[1]), data


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


def stop(container: str, seconds: int) -> None:
    """Have a container end, by force after so many seconds (POST /containers/{id}/stop).

    Its networks have let it go when this returns. ApiError when there is none.
    """
    call("POST", f"/containers/{container}/stop?t={seconds}")


def networks(labels: Iterable[str]) -> list[dict[str, Any]]:
    """The networks with all of these labels (Engine API: GET /networks)."""
    query = urlencode({"filters": json.dumps({"label": list(labels)})})
    found: list[dict[str, Any]] = json.loads(call("GET", f"/networks?{query}"))
    return found


def subnets() -> list[tuple[str, str]]:
    """The IPv4 subnets of all networks that the engine has, with the lab that each belongs to.

    Those of a network without an address of the host are in no route of the host.
    """
    found: list[dict[str, Any]] = json.loads(call("GET", "/networks"))
    return [
        (pool["Subnet"], (network["Labels"] or {}).get("hosting-labctl.lab", ""))
        for network in found
        for pool in network["IPAM"]["Config"] or ()
        if "." in pool.get("Subnet", "")
    ]


def lacks(images: Iterable[str]) -> bool:
    """Whether the engine has not all of these images (Engine API: GET /images/{name}/json).

    To list all that it has would take it longer the more there are.
    """
    return not all(map(_has_image, images))


def _has_image(reference: str) -> bool:
    try:
        call("GET", f"/images/{quote(reference, safe='')}/json")
    except ApiError:
        return False
    return True


def image_references() -> frozenset[str]:
    """The references of all images that the engine has (Engine API: GET /images/json)."""
    found = json.loads(call("GET", "/images/json"))
    return frozenset(tag for image in found for tag in image["RepoTags"] or ())


def exec_in(
    container: str,
    command: Sequence[str],
    user: str = "root",
    privileged: bool = False,
    seconds: float = _TIMEOUT,
    limit: int = _SAID,
) -> Finished:
    """Run a command in a container and wait for its end; ``privileged`` only to look.

    (Engine API: POST /containers/{id}/exec, POST /exec/{id}/start, GET /exec/{id}/json.)
    Status 255 with the engine's words where it cannot be run, or with ours where it says too much
    or does not end in time: its machine's trouble, not the engine's.
    """
    wanted = {"Cmd": list(command), "User": user, "AttachStdout": True, "AttachStderr": True}
    wanted |= {"Privileged": True} if privileged else {}
    try:
        exec_id = json.loads(call("POST", f"/containers/{container}/exec", wanted))["Id"]
        how = {"Detach": False, "Tty": False}
        stream = call("POST", f"/exec/{exec_id}/start", how, seconds, limit)
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
