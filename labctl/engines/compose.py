"""The engine: Docker with Compose v2. Observes and executes; decides nothing.

``up`` and ``down`` of the rendered stack go through the Compose command line, looking and exec
through the Engine API, what is rare through the Docker SDK.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.edge import is_edge
from labctl.engines import api, connect
from labctl.engines.api import Finished
from labctl.errors import LabctlError, Unsettled
from labctl.host.addresses import SubnetTaken
from labctl.parallel import each
from labctl.plan import Observation, SeenMachine
from labctl.render.compose import LABEL, LIMITS, limits_from, project
from labctl.spec.problems import printable, shown

if TYPE_CHECKING:
    import docker

_SETTLE_SECONDS = 20.0
_LOOK_SECONDS = 60.0  # for what a machine says of itself
_LOOK_AGAIN = 0.3  # seconds between two looks at containers that are being started or stopped
_READY = "labctl: ready "
_NOT_READY = "labctl: not ready: "
_SCRIPTS = "/usr/lib/labctl"
# Compose clears the line before each, also in a pipe (2.26)
_COMPOSE_LINE = re.compile(r"(?s)(?:\x1b\[2K)?((?:\x1b\[\d+m[\w.-]+ +\| \x1b\[0m)?)(.*)")
_STOP_SECONDS = 10  # that a machine has to end by itself
PROJECT = "com.docker.compose.project"
_CONFIG_HASH = "com.docker.compose.config-hash"


class Engine:
    """What labctl asks of Docker; nothing is asked before it is needed."""

    @cached_property
    def client(self) -> docker.DockerClient:
        """The Docker SDK's client, for what is done rarely."""
        return connect()

    def containers(self, lab: str = "") -> list[dict[str, Any]]:
        """The containers of one lab, or of all labs without the edge's, running or not."""
        label = f"{LABEL}.lab={lab}" if lab else f"{LABEL}.lab"
        found = api.containers([label, f"{LABEL}.machine"])
        return [one for one in found if lab or not is_edge(one["Labels"][f"{LABEL}.lab"])]

    def definitions(self, lab: str) -> dict[str, str]:
        """Compose's hash of each machine's definition, as its container is labelled with it."""
        labels = [container["Labels"] for container in self.containers(lab)]
        return {one[f"{LABEL}.machine"]: one.get(_CONFIG_HASH, "") for one in labels}

    def has_network(self, lab: str) -> bool:
        """Whether a network of the lab is there, with or without containers."""
        return bool(api.networks([f"{LABEL}.lab={lab}"]))

    def settle(self, lab: str) -> None:
        """Wait until the lab's containers stay as they are: somebody's half-done work goes on."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        before: list[tuple[str, str]] = []
        while time.monotonic() < deadline:
            now = sorted((one["Id"], one["State"]) for one in self.containers(lab))
            if now == before:
                return
            before = now
            time.sleep(_LOOK_AGAIN)  # the engine has no event for "nothing more happens"

    def state_of(self, lab: str) -> str:
        """The state directory that a lab's containers name, or ""."""
        labels = [container["Labels"] for container in self.containers(lab)]
        return next((text for one in labels if (text := one.get(f"{LABEL}.state"))), "")

    def observe(self, lab: str) -> Observation:
        """What there is of a lab: containers, and what each running machine says of itself."""
        containers = self.containers(lab)
        machines = each(self._seen, containers)
        labels = containers[0]["Labels"] if containers else {}
        state, platform = (labels.get(f"{LABEL}.{what}", "") for what in ("state", "platform"))
        return Observation({machine.name: machine for machine in machines}, state, platform)

    def _seen(self, container: Mapping[str, Any]) -> SeenMachine:
        labels = container["Labels"]
        running = container["State"] == "running"
        seen = SeenMachine(
            name=labels[f"{LABEL}.machine"],
            container=container["Id"],
            running=running,
            definition=labels.get(_CONFIG_HASH, ""),
            made=limits_from(labels.get(LIMITS, "")),
        )
        if not running:
            return seen
        finished = api.exec_in(container["Id"], [f"{_SCRIPTS}/observe"], seconds=_LOOK_SECONDS)
        if finished.status != 0:
            said = finished.output.strip().splitlines()
            return replace(
                seen, trouble=shown(said[-1], 200) if said else "it says nothing of itself"
            )
        return _told(seen, finished.output)

    def ask_ready(self, container: str, seconds: int) -> Finished:
        """Ask a running machine until its daemons answer: status 0, or 1 and who does not."""
        command = [f"{_SCRIPTS}/ready", str(seconds)]
        return api.exec_in(container, command, seconds=seconds + 30.0)

    def hear_ready(self, container: str, seconds: int) -> Finished:
        """Listen until a machine that has just started says in its log that its daemons answer.

        It finds that out by itself (``init``), which costs less than an exec a machine, and says
        which generation of its files it has.
        """
        try:
            for line in api.log_lines(container, seconds + 10.0):
                if line.startswith(_READY):
                    return Finished(0, line.removeprefix(_READY))
                if line.startswith(_NOT_READY):
                    return Finished(1, "\n".join(line.removeprefix(_NOT_READY).split("; ")))
        except api.ApiError as error:  # it is gone
            return Finished(1, error.message)
        return Finished(1, "it has not said that it is ready")

    def apply(self, container: str) -> Finished:
        """Let a machine carry out the change that lies in its directory."""
        return api.exec_in(container, [f"{_SCRIPTS}/apply", "change"])

    def read(self, container: str, path: str) -> bytes | None:
        """A file of a machine, or None where there is none."""
        finished = api.exec_in(container, ["cat", "--", path])
        return finished.output.encode() if finished.status == 0 else None


def _told(seen: SeenMachine, output: str) -> SeenMachine:
    """What the machine's ``observe`` script said, with nothing that a terminal would obey."""
    parts = ["\n".join(map(_harmless, part.split("\n"))) for part in output.split("\f\n")]
    generation, manifest, drift, ready = [*parts, "", "", ""][:4]
    lines = {line.split(" ", 4)[4]: line for line in manifest.splitlines() if line.count(" ") > 3}
    return replace(
        seen,
        generation=generation.strip(),
        manifest=lines,
        drift=frozenset(line.rpartition(": FAILED")[0] for line in drift.splitlines()),
        ready=dict(_pair(line) for line in ready.splitlines() if "\t" in line),
    )


def _harmless(line: str) -> str:
    """A line printable but for its tabs, which part its words."""
    return "\t".join(map(printable, line.split("\t")))


def _pair(line: str) -> tuple[str, str]:
    name, _, said = line.partition("\t")
    return name, printable(said)


def definitions(compose: bytes) -> dict[str, str]:
    """Compose's own hash of each service's definition, as it labels containers with it."""
    output = run_compose(["-f", "-", "config", "--hash", "*"], compose)
    pairs = (line.partition(" ") for line in output.splitlines() if line.strip())
    return {name: digest for name, _, digest in pairs}


def up(lab: str, file: Path, services: Iterable[str], as_they_are: bool = False) -> None:
    """Create and start these services of a Compose file; ``as_they_are``: recreate none."""
    _up(lab, file, ["--no-deps", *(["--no-recreate"] if as_they_are else []), *services])


def remove_others(lab: str, file: Path, others: Collection[str]) -> None:
    """Remove the machines that a Compose file no longer has; the rest stays as it is."""
    stop(lab, others)
    _up(lab, file, ["--no-recreate", "--remove-orphans"])


def _up(lab: str, file: Path, words: Iterable[str]) -> None:
    command = ["-p", project(lab), "-f", str(file), "up", "--detach", "--no-build"]
    try:
        run_compose([*command, "--quiet-pull", *words])
    except SubnetTaken:
        raise
    except LabctlError as error:  # perhaps what a killed `down` had begun was still going on
        raise Unsettled(error.message, error.hint) from None


OCCUPIED = "active endpoints"  # what the engine says


class Occupied(LabctlError):
    """A network that the engine keeps, for it counts containers on it.

    It may have lost count (seen with 20.10, once in some hundred times, where containers of one
    network start together): until its restart nothing removes such a network.
    """


def stop(lab: str, machines: Collection[str] | None = None) -> None:
    """Stop a lab's running machines, or these of them, one after the other.

    Where several leave one network in the same moment, an engine before 23.0 may wait for itself
    for ever, and answers nobody any more (moby/moby#46661).
    """
    for container in api.containers([f"{PROJECT}={project(lab)}"], running_only=True):
        if machines is None or container["Labels"].get(f"{LABEL}.machine") in machines:
            with contextlib.suppress(api.ApiError):  # it is gone, or Compose will say why not
                api.stop(container["Id"], _STOP_SECONDS)


def down(lab: str, volumes: bool) -> None:
    """Stop and remove a lab's containers and networks, and its volumes where asked.

    Occupied where the engine keeps a network.
    """
    stop(lab)
    command = ["-p", project(lab), "down", "--remove-orphans", "--timeout", str(_STOP_SECONDS)]
    try:
        run_compose([*command, *(["--volumes"] if volumes else [])])
    except LabctlError as error:
        if OCCUPIED not in error.message:
            raise
        hint = f"if `labctl down {lab}` says so again, the engine must be restarted"
        raise Occupied(error.message, hint) from None


def run_compose(arguments: Sequence[str], stdin: bytes | None = None) -> str:
    """Run ``docker compose``; its standard output. LabctlError with its words when it fails."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COMPOSE_")}
    # one look at all machines, in parallel: the engine sets the pace, not Compose's default
    environment |= {"COMPOSE_PARALLEL_LIMIT": "-1", "COMPOSE_PROGRESS": "plain"}
    try:
        finished = subprocess.run(
            ["docker", "compose", *arguments],
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            check=False,
        )
    except FileNotFoundError:
        raise LabctlError("there is no `docker` command", "`make up` installs it") from None
    if finished.returncode != 0:
        reason = _reason(finished.stderr.decode(errors="replace"))
        raise (SubnetTaken if "Pool overlaps" in reason else LabctlError)(reason)
    return finished.stdout.decode(errors="replace")


def _reason(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if "rror" in line] or lines[-3:]
    return "Compose: " + (" ".join(telling) or "it failed without a word")


def attach(container: str, command: Sequence[str], user: str, terminal: bool) -> int:
    """Run a command in a container with our own input and output; its exit status."""
    words = ["docker", "exec", "--interactive", *(["--tty"] if terminal else [])]
    return subprocess.call([*words, "--user", user, container, *command])


def logs(lab: str, machine: str | None, follow: bool, tail: int, colours: bool) -> Iterator[str]:
    """What a lab's containers say, on both of their outputs, line by line as Compose shows it.

    What a machine says is text: no terminal obeys it. The colours are of Compose's own prefix.
    """
    words = ["docker", "compose", "--ansi", "always" if colours else "never", "-p", project(lab)]
    words += ["logs", f"--tail={tail}", *(["--follow"] if follow else [])]
    words += ["--no-log-prefix", machine] if machine else []
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                yield _logged(line.decode(errors="replace"))
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise LabctlError("Compose shows no log, or not all of it")


def _logged(line: str) -> str:
    """A line of Compose's: its prefix, in its colour, and what the machine said, as text."""
    found = _COMPOSE_LINE.fullmatch(line.rstrip("\r\n"))
    assert found
    return found[1] + printable(found[2])
