"""Applying what an exercise brings to the machines of a lab that is up."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping, Sequence

from labctl.checks import bounded
from labctl.errors import LabctlError
from labctl.exercises.folders import MachineSteps, Steps
from labctl.model import Lab
from labctl.spec.problems import printable

SECONDS = 60
_PATIENCE = 5  # seconds more for the engine
_KILLED = 128 + 9
_WORDS = 20  # lines of a script's output that are told when it fails
Sign = Callable[[bytes], str]


def machine_of(name: str, lab: Lab) -> str:
    """The machine that a name means: its own, or that of the service; LabctlError for neither."""
    if name in lab.machines:
        return name
    if name in lab.services:
        return lab.machine_of(name).name
    raise LabctlError(f"{lab.name} has no machine or service '{name}'")


def apply(steps: Steps, lab: Lab, containers: Mapping[str, str], sign: Sign) -> None:
    """Do what ``steps`` say on the machines of a lab, one after the other.

    ``containers`` by machine; ``sign`` makes a certificate of a request. Files over the lab's
    folder are not done here. LabctlError with a script's last words where it fails.
    """
    for name, machine in steps.machines.items():
        where = machine_of(name, lab)
        if where not in containers:
            raise LabctlError(f"the machine '{where}' does not run", f"`labctl up {lab.name}`")
        _Machine(name, where, containers[where], lab).do(machine, sign)


class _Machine:
    """One machine as scripts are run there; ``name`` is what the exercise calls it."""

    def __init__(self, name: str, machine: str, container: str, lab: Lab) -> None:
        self.name = name
        self.machine = machine
        self.container = container
        self.variables = {"LAB": lab.name, "DOMAIN": lab.domain, "MACHINE": machine}

    def do(self, steps: MachineSteps, sign: Sign) -> None:
        if steps.files:
            self.put(steps.files)
        if steps.script:
            self.run(f"{self.name}.sh", steps.script)
        for request in steps.requests:
            asked = self.exec(f"reading {request.request}", ["cat", "--", request.request])
            self.put({request.certificate: sign(asked).encode()})
        if steps.after:
            self.run(f"{self.name}.after.sh", steps.after)

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write files, owned by root and readable by all; folders are made where missing."""
        options = ["--no-same-owner", "--no-overwrite-dir", "--touch", "--directory=/"]
        self.exec("putting files", ["tar", "--extract", *options], _archive(files))

    def run(self, title: str, script: str) -> None:
        """Run a script by bash, which ends at the first command that fails.

        It reads nothing: all of it is parsed before its first command is run.
        """
        self.exec(title, ["bash", "-eu"], f"{{ {script}\n}} </dev/null\n".encode())

    def exec(self, title: str, words: Sequence[str], sent: bytes = b"") -> bytes:
        """Run a command as root, with the lab's name and domain in its environment; its output.

        LabctlError with its last words where it fails, says too much or does not end.
        """
        told = [word for pair in self.variables.items() for word in ("--env", "=".join(pair))]
        limit = ["timeout", "--signal=KILL", str(SECONDS)]
        command = ["docker", "exec", "--interactive", *told, self.container, *limit, *words]
        ran = bounded.run(command, SECONDS + _PATIENCE, sent, together=True)
        if ran.status == 0:
            return ran.out
        ended = ran.ended or f"status {ran.status}"
        if ran.status == _KILLED:
            ended = f"no end within {SECONDS} s"
        lines = ran.out.decode(errors="replace").strip().splitlines()[-_WORDS:]
        said = "\n".join(f"  {printable(line)}" for line in lines)
        raise LabctlError(f"{title} on {self.machine} failed: {ended}\n{said}".rstrip())


def _archive(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
