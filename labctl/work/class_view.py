"""What a class looks like: where each sandbox is found, whether it is up, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labctl.classes import life, registry
from labctl.classes.record import ClassRecord, Place
from labctl.render.compose import LABEL
from labctl.sandbox import VISITOR
from labctl.spec.specification import Spec
from labctl.work import class_work
from labctl.work.classes import spec_of
from labctl.work.edge_home import EdgeSettings, settings


@dataclass(frozen=True, slots=True)
class Standing:
    """A student's sandbox: its state in a word, how it is reached, when it ends.

    ``state`` is up, partly up, down, archived or removed; ``ends`` seconds since 1970, 0 never,
    and ``warning`` what is to be said of that by now.
    """

    id: str
    name: str
    sandbox: str
    state: str
    url: str
    ssh: str
    ends: int = 0
    idle: bool = False
    warning: str = ""


def standings(record: ClassRecord, places: Iterable[Place], now: int) -> tuple[Standing, ...]:
    """Where some students of a class stand, by one look at the engine."""
    up = class_work.by_lab()
    ways = Ways(record)
    return tuple(_standing(record, place, up, ways, now) for place in places)


def _standing(
    record: ClassRecord,
    place: Place,
    up: dict[str, list[class_work.Container]],
    ways: Ways,
    now: int,
) -> Standing:
    state = _state(place, up.get(record.sandbox(place.id), ()))
    end = life.end_of(record, place) if state.endswith("up") else None
    due = life.step(record, place, now) if end else "none"
    return Standing(
        place.id,
        place.student.name,
        record.sandbox(place.id),
        state,
        ways.url(place.id),
        ways.ssh(place.id),
        end.at if end else 0,
        bool(end and end.idle),
        life.announcement(record, end) if end and due != "none" else "",
    )


def _state(place: Place, containers: Sequence[class_work.Container]) -> str:
    mine = [one for one in containers if one["Labels"].get(f"{LABEL}.machine") != VISITOR]
    running = sum(one["State"] == "running" for one in mine)
    if class_work.is_up(mine):
        return "up" if running == len(mine) else "partly up"
    return "down" if place.state == "active" else place.state


class Ways:
    """How the sandboxes of a class are reached from this host, and from others."""

    def __init__(self, record: ClassRecord) -> None:
        self.record = record
        self.edge: EdgeSettings = settings()
        self.spec: Spec = spec_of(record, record.seat("x"))
        others = (one for one in registry.everything() if one.name != record.name)
        self.elsewhere = {place.id for other in others for place in other.active}

    def url(self, student: str) -> str:
        """The first site of a student, as a browser on this host finds it."""
        site = next((site for site in self.spec.sites if not site.inside), None)
        if site is None:
            return ""
        plain = site.tls == "none"
        port = self.edge.publishing.http if plain else self.edge.publishing.https
        usual = port == (80 if plain else 443)
        label = "" if site.names[0] == "@" else f"{site.names[0]}."
        name = f"{label}{student}.{self.record.name}.localhost"
        return f"{'http' if plain else 'https'}://{name}{'' if usual else f':{port}'}/"

    def ssh(self, student: str) -> str:
        """The command that enters a student's machine through the bastion."""
        user = f"{student}.{self.record.name}" if student in self.elsewhere else student
        host = "HOST" if self.edge.publishing.public else "localhost"
        return f"ssh -p {self.edge.ssh} {user}@{host}"

    def needs(self) -> str:
        """What the DNS of a domain that the teacher chose needs; "" where there is none to have."""
        domain = self.record.domain
        if domain == f"{self.record.name}.test":
            return ""
        return (
            f"names below {domain} are the teacher's to publish. In its zone:\n"
            f"  *.{domain}.  IN A  <the address of this host>\n"
            "or, where the room's resolver is dnsmasq or the host's own:\n"
            f"  address=/{domain}/<the address of this host>\n"
            "and the edge has to listen to others: `labctl edge up --public`\n"
            "or this host answers them itself, at port 53, to whom the room's resolver, or each\n"
            "machine in the room, is sent: `labctl edge up --public --dns <the address>`"
        )
