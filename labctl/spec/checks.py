"""``checks:`` of a lab file or an exercise: what must hold, asked by a real client."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from labctl import platforms
from labctl.checks import variables
from labctl.checks.questions import QUESTIONS, request
from labctl.model import Check, Lab, party_domain
from labctl.spec import expectations
from labctl.spec.document import Mapping as MappingNode
from labctl.spec.document import Node, Scalar, Sequence
from labctl.spec.fields import Choice, Doc, Integer, Many, Name, Switch, Text, Type
from labctl.spec.problems import nearest, shown
from labctl.spec.reader import Path, Reader, fields_of, is_wrong

MAX_CHECKS = 500
_EXPOSED = {  # keys that become words of a command on the machine
    "command": frozenset({"command", "user"}),
    "file": frozenset({"path"}),
    "tcp": frozenset({"host"}),
    "udp": frozenset({"host"}),
    "dns": frozenset({"name", "server"}),
}
_MARGIN = 2  # seconds
ANCHORS = "/etc/bind/bind.keys"  # delv's own, which the client machine has


@dataclass(frozen=True)
class ByClient(Type):
    """Keys and values that depend on the client: read apart, by those of ``QUESTIONS``."""

    part: str

    def schema(self) -> dict[str, Any]:
        return {"type": ["object", "string"] if self.part == "is asked" else "object"}

    def words(self) -> str:
        return f"what the client {self.part}"


@dataclass(frozen=True, slots=True)
class CheckKeys:
    """Something that must hold: what a client asks, and what it must see."""

    name: Annotated[str, Text(120), Doc("what holds, as people say it")]
    client: Annotated[str, Choice(*QUESTIONS), Doc("who asks, one of those below")]
    ask: Annotated[Any, ByClient("is asked"), Doc("the question, with the client's own keys")]
    expect: Annotated[Any, ByClient("sees"), Doc("what must hold of the answer")]
    from_: Annotated[str, Name(), Doc("service or machine that asks; the visitor's client")] = ""
    service: Annotated[str, Name(), Doc("service that the check is about")] = ""
    points: Annotated[int, Integer(0, 1000), Doc("what it counts")] = 1
    hint: Annotated[str, Text(400), Doc("shown where it does not hold")] = ""
    lesson: Annotated[
        str, Text(120), Doc("heading in the exercise's README.md where this is taught")
    ] = ""
    needs: Annotated[
        tuple[str, ...], Many(Text(120)), Doc("names of checks without which this is not asked")
    ] = ()
    retries: Annotated[
        int, Integer(0, 5), Doc("how often a check that may fail by chance is asked again")
    ] = 0
    seconds: Annotated[int, Integer(1, 60), Doc("how long it may take")] = 10
    before: Annotated[
        bool, Switch(), Doc("in an exercise: it holds before the exercise is solved, too")
    ] = False


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check as a file says it; ``source`` is its place there, ``number`` that in the list.

    Texts in ``ask`` and ``expect`` still have their variables.
    """

    name: str
    client: str
    ask: Mapping[str, Any]
    expect: Mapping[str, Any]
    origin: str = ""
    service: str = ""
    points: int = 1
    hint: str = ""
    lesson: str = ""
    needs: tuple[str, ...] = ()
    retries: int = 0
    seconds: float = 10
    before: bool = False
    source: str = ""
    number: int = 0


def made(spec: CheckSpec, lab: Lab, exercise: str = "") -> Check:
    """The check of a placed lab; secrets in it stay sealed until it is asked.

    One that does not say from where is asked by the visitor, or where its platform lets it.
    """
    others = {f"domain.{party}": party_domain(lab.domain, party) for party in lab.parties}
    values = {"domain": lab.domain, "lab": lab.name, **others}
    ask: dict[str, Any] = variables.filled(spec.ask, values)
    if ask.get("tool") == "delv":
        ask = {"anchors": ANCHORS, "root": lab.domain, **ask}
    ask |= _in_time(spec, ask)
    check = Check(
        name=spec.name,
        service=spec.service,
        client=spec.client,
        ask=ask,
        expect=variables.filled(spec.expect, values),
        hint=spec.hint,
        points=spec.points,
        origin=spec.origin or lab.of_kind("client")[0].name,
        exercise=exercise,
        needs=spec.needs,
        retries=spec.retries,
        seconds=spec.seconds,
        lesson=spec.lesson,
    )
    return check if spec.origin else platforms.asked(check, lab)


def _in_time(spec: CheckSpec, ask: Mapping[str, Any]) -> dict[str, Any]:
    """What a client is told of its time: to say by itself what has not come, before it ends."""
    left = max(1.0, spec.seconds - _MARGIN)
    if spec.client == "ws":
        others = {"others": [{**one, "seconds": left} for one in ask.get("others", ())]}
        return {"seconds": left, **others}
    if "read" in ask and spec.client == "smtp":
        return {"read": {**ask["read"], "deadline": left}}
    return {}


def read_checks(node: Node, reader: Reader, path: Path) -> tuple[CheckSpec, ...]:
    """The checks that could be read; problems are noted with their places."""
    reader.marks[path] = node.mark
    if not isinstance(node, Sequence):
        hint = "each begins with `- name:`"
        reader.complain(node.mark, path, "a list of checks is expected", hint)
        return ()
    if len(node.items) > MAX_CHECKS:
        message = f"{len(node.items)} checks; at most {MAX_CHECKS} fit"
        reader.complain(node.mark, path, message)
        return ()
    found = {n: _check(item, reader, (*path, n)) for n, item in enumerate(node.items)}
    _judge(found, reader, path)
    return tuple(spec for spec in found.values() if spec)


def judge(
    specs: Collection[CheckSpec], reader: Reader, path: Path, services: Collection[str],
    origins: Collection[str],
) -> None:  # fmt: skip
    """Note checks about services, or from machines, that there are not."""
    for spec in specs:
        for key, name, known in (
            ("service", spec.service, services),
            ("from", spec.origin, origins),
        ):
            if name and name not in known:
                what = "service" if key == "service" else "service or machine"
                place = (*path, spec.number, key)
                message = f"there is no {what} '{name}'"
                reader.complain(reader.at(place), place, message, nearest(name, known))


def _check(node: Node, reader: Reader, path: Path) -> CheckSpec | None:
    """One check, or None."""
    if not isinstance(node, MappingNode):
        reader.marks[path] = node.mark
        hint = "name, client, ask and expect"
        reader.complain(node.mark, path, "keys and values of a check are expected", hint)
        return None
    known = dict(fields_of(CheckKeys))
    reader.unknown(node, path, known)
    own = {key: known[key] for key in known if key not in ("ask", "expect")}
    keys = reader.each(own, node, path)
    for key in ("ask", "expect"):
        if key not in node.items:
            hint = f"`{key}:` {known[key].doc}"
            reader.complain(node.mark, path, f"'{key}' is missing", hint)
    client = keys["client"]
    parts = None if is_wrong(client) else _parts(client, node, reader, path)
    if parts is None or is_wrong(keys):
        return None
    ask, expect = parts
    keys["origin"] = keys.pop("from")
    source = f"{reader.document.file}:{node.mark.line}"
    number = int(path[-1])
    return CheckSpec(ask=ask, expect=expect, source=source, number=number, **keys)


def _parts(client: str, node: MappingNode, reader: Reader, path: Path) -> Any:
    """The question and what is expected, or None."""
    question = QUESTIONS[client]
    if not {"ask", "expect"} <= node.items.keys():
        return None
    before = len(reader.problems)
    nodes = {key: node.items[key][1] for key in ("ask", "expect")}
    nodes["ask"] = reader.longhand(question, nodes["ask"])
    for key, part in nodes.items():
        _variables(part, reader, (*path, key), client)
    ask = reader.value(question, nodes["ask"], (*path, "ask"))
    expect = expectations.read(nodes["expect"], question.SEES, reader, (*path, "expect"))
    if is_wrong(ask) or is_wrong(expect):
        return None
    for key, message, hint in getattr(ask, "problems", tuple)():
        here = (*path, "ask", key)
        reader.complain(reader.at(here), here, message, hint)
    return None if len(reader.problems) > before else (request(ask), expect)


def _variables(node: Node, reader: Reader, path: Path, client: str) -> None:
    """Note variables that nobody knows, and secrets where all could read them."""
    for scalar, here in _scalars(node, path):
        for written in variables.unknown(scalar.value):
            message = f"'{shown(written)}' is no value that labctl knows"
            reader.complain(scalar.mark, here, message, variables.HINT)
        exposed = "ask" in here and _EXPOSED.get(client, frozenset()) & set(here)
        if exposed and variables.Sealed(scalar.value).names:
            message = "a secret here is read by everybody on the machine"
            hint = "give it with `input:`" if client == "command" else ""
            reader.complain(scalar.mark, here, message, hint)


def _scalars(node: Node, path: Path) -> Iterator[tuple[Scalar, Path]]:
    if isinstance(node, Scalar):
        yield node, path
    elif isinstance(node, Sequence):
        for number, item in enumerate(node.items):
            yield from _scalars(item, (*path, number))
    else:
        for name, (_, value) in node.items.items():
            yield from _scalars(value, (*path, name))


def _judge(found: Mapping[int, CheckSpec | None], reader: Reader, path: Path) -> None:
    """What is wrong with several checks together: names used twice, needs that cannot be."""
    names: dict[str, CheckSpec] = {}
    for number, spec in found.items():
        if spec and spec.name in names:
            place = (*path, number, "name")
            message = f"the name '{shown(spec.name)}' is given twice"
            reader.complain(reader.at(place), place, message, "every check has its own name")
        elif spec:
            names[spec.name] = spec
    broken = None in found.values()
    for number, spec in found.items():
        for n, need in enumerate(spec.needs if spec else ()):
            place = (*path, number, "needs", n)
            if need not in names and not broken:
                message = f"there is no check '{shown(need)}' in this file"
                reader.complain(reader.at(place), place, message, nearest(need, names))
            elif spec and _leads_to(spec.name, need, names):
                message = f"'{shown(need)}' needs this one itself"
                reader.complain(reader.at(place), place, message, "one of them must come first")


def _leads_to(name: str, start: str, names: Mapping[str, CheckSpec]) -> bool:
    """Whether following what ``start`` needs leads to ``name``."""
    todo, seen = [start], set[str]()
    while todo:
        one = todo.pop()
        if one == name:
            return True
        if one in names and one not in seen:
            seen.add(one)
            todo += names[one].needs
    return False
