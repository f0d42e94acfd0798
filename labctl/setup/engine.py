"""The container engine's state, and its start on hosts without systemd."""

from __future__ import annotations

import enum
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

SOCKET = Path("/var/run/docker.sock")
LOG = Path("/var/log/labctl-dockerd.log")
PATIENCE = 90.0


class State(enum.Enum):
    """What the engine's socket says."""

    ANSWERS = "answers"
    DENIED = "denied"
    DOWN = "down"
    ABSENT = "absent"


def state(path: Path = SOCKET) -> State:
    """Ask the engine whether it is there; one that another DOCKER_HOST names counts too."""
    if _client_reaches_one():
        return State.ANSWERS
    try:
        return State.ANSWERS if ping(path) else State.DOWN
    except PermissionError:
        return State.DENIED
    except OSError:
        return State.DOWN if _dockerd() else State.ABSENT


def ping(path: Path = SOCKET) -> bool:
    """Whether the engine behind the socket answers; OSError where nothing listens."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        return connection.recv(64).partition(b"\r\n")[0].split()[1:2] == [b"200"]


def _client_reaches_one() -> bool:
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def _dockerd() -> Path | None:
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/usr/local/sbin"]
    found = (Path(folder) / "dockerd" for folder in folders)
    return next((path for path in found if os.access(path, os.X_OK)), None)


def wait(patience: float = PATIENCE) -> bool:
    """Wait until the engine answers, at most ``patience`` seconds.

    A socket that refuses this user belongs to an engine that is there.
    """
    end = time.monotonic() + patience
    while state() not in {State.ANSWERS, State.DENIED}:
        if time.monotonic() > end:
            return False
        time.sleep(0.2)  # between two questions to an engine that is starting
    return True


def start() -> bool:
    """Start the engine as root where no systemd does: by its init script, else by itself."""
    if state() is State.ANSWERS:
        return True
    if Path("/etc/init.d/docker").exists():
        print("    service docker start", flush=True)
        done = subprocess.run(["service", "docker", "start"], stdin=subprocess.DEVNULL, check=False)
        if done.returncode == 0 and wait(patience=30):
            return True
    return _start_detached()


def _start_detached() -> bool:
    daemon = _dockerd()
    if daemon is None:
        print("dockerd is not installed", file=sys.stderr)
        return False
    print(f"    {daemon} in the background, its log is {LOG}", flush=True)
    with LOG.open("ab") as log:
        subprocess.Popen(
            [str(daemon)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    return wait()


if __name__ == "__main__":
    sys.exit(0 if start() else f"the engine did not start; its log is {LOG}")
