"""Asks a lab's own machines: one exec carries many questions in, or each is a command there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from labctl.checks import asking, command, conversation, machine, reach, sent
from labctl.model import Check, Lab
from labctl.parallel import each

AT_ONCE = 8  # commands on machines at a time: each costs the engine an exec
Seen = Mapping[str, Any]
Ask = Callable[[str, Mapping[str, Any], float], dict[str, Any]]
Job = Callable[[], Iterable[tuple[int, Seen]]]

# clients that are one command on a machine: (container, question, seconds) → what is seen
SINGLE: Mapping[str, Ask] = {
    "command": command.ask,
    "file": machine.file,
    "process": machine.process,
    "log": machine.log,
    "tcp": conversation.tcp,
    "udp": conversation.udp,
}


class Machines:
    """The machines of a lab, asked by their containers; one that does not run has none.

    A machine's Python stays for the questions that come later: it is to be closed.
    """

    def __init__(self, lab: Lab, containers: Mapping[str, str]) -> None:
        self.lab = lab
        self.containers = containers
        self.pythons: dict[str, sent.Asker] = {}

    def __call__(self, checks: Sequence[Check], questions: Sequence[Any]) -> list[Seen]:
        """What is seen of each check's question, asked at the same time."""
        jobs, last = _Jobs(self, checks, questions), _numbers(checks, "commands")
        seen = dict(pair for answered in each(lambda job: job(), jobs.all()) for pair in answered)
        # after all else: some take for an instant everything that a machine has
        answers = command.run([checks[n] for n in last], self.containers)
        seen |= dict(zip(last, answers, strict=True))
        return [seen[n] for n in range(len(checks))]

    def asker(self, container: str) -> sent.Asker:
        """The Python of a machine. (No two threads ask for that of the same one.)"""
        if container not in self.pythons:
            self.pythons[container] = sent.Asker(sent.on(container))
        return self.pythons[container]

    def close(self) -> None:
        """Let all of them go."""
        for asker in self.pythons.values():
            asker.close()

    def askers(self, check: Check) -> frozenset[str]:
        """The machines that have a part in asking a check."""
        if check.client == "commands":
            return frozenset(command[0] for command in check.ask["commands"].values())
        return frozenset({self.asks(check)})

    def asks(self, check: Check) -> str:
        """The machine that asks: that of a service, or the one of this name."""
        known = check.origin in self.lab.services
        return self.lab.machine_of(check.origin).name if known else check.origin


class _Jobs:
    """Checks as work that can be done at the same time: one exec for many, or one each."""

    def __init__(
        self, machines: Machines, checks: Sequence[Check], questions: Sequence[Any]
    ) -> None:
        self.machines = machines
        self.checks = checks
        self.questions = questions
        self.slots = threading.Semaphore(AT_ONCE)

    def all(self) -> Iterator[Job]:
        """All of the work; each job answers some of the checks, by their numbers."""
        together: dict[tuple[str, str], list[int]] = {}
        for n, check in enumerate(self.checks):
            if check.client == "commands":
                continue
            name = self.machines.asks(check)
            container = self.machines.containers.get(name)
            if container is None:
                yield partial(_absent, n, name)
            elif check.client in SINGLE:
                yield partial(self.single, n, container)
            else:
                kind = "reach" if check.client == "reach" else "sent"
                together.setdefault((container, kind), []).append(n)
        for (container, kind), numbers in together.items():
            yield partial(getattr(self, kind), numbers, container)

    def single(self, n: int, container: str) -> Iterable[tuple[int, Seen]]:
        """One command on a machine."""
        check = self.checks[n]
        with self.slots:
            seen = SINGLE[check.client](container, self.questions[n], check.seconds)
        return [(n, asking.kept(seen))]

    def sent(self, numbers: list[int], container: str) -> Iterable[tuple[int, Seen]]:
        """Questions for the clients that run in a machine's Python."""
        checks = [self.checks[n] for n in numbers]
        questions = [self.questions[n] for n in numbers]
        return zip(numbers, self.machines.asker(container).ask(checks, questions), strict=True)

    def reach(self, numbers: list[int], container: str) -> Iterable[tuple[int, Seen]]:
        """Connections, which any machine can try."""
        answers = reach.ask([self.questions[n] for n in numbers], container)
        return zip(numbers, answers, strict=True)


def _absent(n: int, machine: str) -> Iterable[tuple[int, Seen]]:
    return [(n, {"error": f"the machine '{machine}' does not run"})]


def _numbers(checks: Sequence[Check], client: str) -> list[int]:
    return [n for n, check in enumerate(checks) if check.client == client]
