"""What is remembered of requests and responses: bounded in number and in bytes."""

from __future__ import annotations

import itertools
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .frames import Frame
from .http1 import Head

MAX_FRAMES = 1000  # of one connection; the oldest are forgotten
_FRAME, _FIELD, _RECORD = 200, 200, 1000  # bytes that Python takes besides


@dataclass(slots=True)
class Body:
    """A body: all of its bytes are counted, the first are kept."""

    size: int = 0
    kept: bytearray = field(default_factory=bytearray)

    @property
    def cut(self) -> bool:
        """Whether some of it is not kept."""
        return self.size > len(self.kept)


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame, who sent it, and when (seconds since the Epoch)."""

    sender: str
    at: float
    frame: Frame


@dataclass(slots=True)
class Exchange:
    """A request, its response, and the frames of the WebSocket that it may have become.

    ``started`` is in seconds since the Epoch, the other times in seconds after it; -1 where that
    has not happened. ``note`` is the front's word: the client's protocol, the number of its
    connection and of the request on it. ``state`` is "open", "done" or "broken", and then
    ``why`` says how.
    """

    number: int
    site: str
    request: Head
    note: tuple[str, ...] = ()
    started: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.monotonic)
    sent: Body = field(default_factory=Body)
    response: Head | None = None
    received: Body = field(default_factory=Body)
    frames: deque[Seen] = field(default_factory=lambda: deque(maxlen=MAX_FRAMES))
    frame_count: int = 0
    frame_bytes: int = 0
    uploaded: float = -1
    answered: float = -1
    ended: float = -1
    state: str = "open"
    why: str = ""
    closed: str = ""  # how a WebSocket ended

    def now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.clock

    @property
    def weight(self) -> int:
        """The bytes of memory that it takes, about."""
        heads = [head for head in (self.request, self.response) if head]
        sizes = sum(3 * len(head.raw) + _FIELD * len(head.fields) for head in heads)
        bodies = len(self.sent.kept) + len(self.received.kept)
        return _RECORD + sizes + bodies + self.frame_bytes

    def forget(self) -> None:
        """Let go of what takes memory: it may go on for hours after it was forgotten."""
        self.frames.clear()
        self.frame_bytes = 0
        self.sent.kept.clear()
        self.received.kept.clear()


class Watcher:
    """Somebody who looks on: which records have changed since they last looked."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.changed: dict[int, None] = {}
        self.cleared = False
        self.wake = wake


class Records:
    """The last exchanges: at most ``count``, ``memory`` bytes of them, ``body`` of each body."""

    def __init__(self, count: int = 500, memory: int = 16 * 2**20, body: int = 64 * 1024) -> None:
        self.count, self.memory, self.body = count, memory, body
        self.forgotten = 0
        self._numbers = itertools.count(1)
        self._found: OrderedDict[int, Exchange] = OrderedDict()
        self._weights: dict[int, int] = {}
        self._total = 0
        self._watchers: set[Watcher] = set()

    def __iter__(self) -> Iterator[Exchange]:
        return iter(list(self._found.values()))

    def __len__(self) -> int:
        return len(self._found)

    @property
    def total(self) -> int:
        """The bytes of all of them, about."""
        return self._total

    def get(self, number: int) -> Exchange | None:
        """One of them, while it is remembered."""
        return self._found.get(number)

    def begin(self, site: str, request: Head, note: tuple[str, ...] = ()) -> Exchange:
        """Remember a request that has just come."""
        made = Exchange(next(self._numbers), site, request, note)
        self._found[made.number] = made
        self._weights[made.number] = 0
        self.touch(made)
        return made

    @staticmethod
    def ignored(site: str, request: Head, note: tuple[str, ...] = ()) -> Exchange:
        """A request that is handed on and not remembered."""
        return Exchange(0, site, request, note)

    def keep(self, exchange: Exchange, body: Body, piece: bytes) -> None:
        """Count a piece of a body, and keep it as far as there is room."""
        body.size += len(piece)
        if exchange.number in self._found:
            body.kept += piece[: max(0, self.body - len(body.kept))]
            self.touch(exchange)

    def frame(self, exchange: Exchange, sender: str, frame: Frame) -> None:
        """Remember a frame; of too many, the latest."""
        exchange.frame_count += 1
        if exchange.number not in self._found:
            return
        if len(exchange.frames) == MAX_FRAMES:
            exchange.frame_bytes -= len(exchange.frames[0].frame.data) + _FRAME
        exchange.frames.append(Seen(sender, time.time(), frame))
        exchange.frame_bytes += len(frame.data) + _FRAME
        while exchange.frame_bytes > self.memory // 4:
            exchange.frame_bytes -= len(exchange.frames.popleft().frame.data) + _FRAME
        self.touch(exchange)

    def touch(self, exchange: Exchange) -> None:
        """Note that one has changed: weigh it, forget the oldest where there are too many."""
        if exchange.number not in self._found:
            return
        self._total += exchange.weight - self._weights[exchange.number]
        self._weights[exchange.number] = exchange.weight
        while len(self._found) > self.count or (self._total > self.memory and len(self._found) > 1):
            self._forget_oldest()
        for watcher in self._watchers:
            if exchange.number in self._found:
                watcher.changed[exchange.number] = None
            watcher.wake()

    def _forget_oldest(self) -> None:
        number, gone = self._found.popitem(last=False)
        gone.forget()
        self._total -= self._weights.pop(number)
        self.forgotten += 1
        for watcher in self._watchers:
            watcher.changed.pop(number, None)

    def clear(self) -> None:
        """Forget all of them."""
        for gone in self._found.values():
            gone.forget()
        self._found.clear()
        self._weights.clear()
        self._total = 0
        for watcher in self._watchers:
            watcher.changed.clear()
            watcher.cleared = True
            watcher.wake()

    def watch(self, wake: Callable[[], None]) -> Watcher:
        """Somebody who is woken when something changes; ``unwatch`` when they go."""
        watcher = Watcher(wake)
        watcher.changed.update(dict.fromkeys(self._found))
        self._watchers.add(watcher)
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Forget somebody who looked on."""
        self._watchers.discard(watcher)
