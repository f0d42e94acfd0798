"""Rooms: who is there, what was said, and who takes it too slowly. It knows of no protocol."""

import asyncio
import collections
import datetime
import itertools
import json
import re
import time

HISTORY = 200  # messages that a room remembers, for newcomers and for who comes back
MAX_ROOMS, MAX_MEMBERS = 200, 2000
MAX_TEXT = 1000  # characters of one message
MAX_WAITING = 100  # events that a member has not taken yet; one more, and they are dropped
BURST, RATE = 20, 10  # messages at once, and messages a second, from one member
SHOWN = 50  # names that anybody is told at once
PRESENCE = 0.2  # seconds in which who comes and goes is told together

rooms = {}
guests = itertools.count(1)


class Full(Exception):
    """No more rooms, or no more members."""


class Member:
    """Somebody in a room. `dropped` is called, once, when they take events too slowly."""

    def __init__(self, name, dropped):
        self.name = name[:30].strip() or f"guest-{next(guests)}"
        self.waiting = asyncio.Queue(MAX_WAITING)
        self.dropped = dropped
        self.credit, self.last = BURST, time.monotonic()

    def push(self, event):
        """Put an event where the member's connection fetches it; never wait for anybody."""
        try:
            self.waiting.put_nowait(event)
        except asyncio.QueueFull:
            self.dropped()

    def may_speak(self):
        """Whether they have not written too much of late: a bucket of messages that refills."""
        now = time.monotonic()
        self.credit = min(BURST, self.credit + (now - self.last) * RATE)
        self.last = now
        self.credit -= 1
        return self.credit >= 0


class Room:
    """Who is in a room, and what was last said there; each message has the next number."""

    def __init__(self):
        self.members = {}  # a dict keeps the order in which they came
        self.changes = {}  # by name: whether they came or went, and nobody was told yet
        self.history = collections.deque(maxlen=HISTORY)
        self.numbers = itertools.count(1)
        self.said = asyncio.Condition()

    def tell(self, kind, **event):
        """An event for all who are there; the same text for all of them, made once."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        event = {"type": kind, "time": now, **event}
        text = json.dumps(event)
        for member in list(self.members):
            member.push((event.get("id"), text))
        return event

    def say(self, name, text):
        """A message: told, remembered, and whoever polls is woken."""
        event = self.tell("message", id=next(self.numbers), text=text, **{"from": name})
        self.history.append(event)
        waking = asyncio.ensure_future(self.wake())
        waking.add_done_callback(lambda _: None)
        return event

    async def wake(self):
        async with self.said:
            self.said.notify_all()

    def since(self, number):
        """What was said after a message, as far as it is remembered."""
        return [event for event in self.history if event["id"] > number]

    def enter(self, member, since):
        """Let somebody in: they get what they missed, the others hear of them."""
        if sum(len(room.members) for room in rooms.values()) >= MAX_MEMBERS:
            raise Full
        names = [one.name for one in self.members][:SHOWN]
        missed = self.since(since)
        self.members[member] = None
        self.changed(member, came=True)
        welcome = {"type": "welcome", "name": member.name, "members": [*names, member.name],
                   "count": len(self.members), "history": missed}
        member.push((None, json.dumps(welcome)))

    def leave(self, member):
        """Let somebody out, once."""
        if member in self.members:
            del self.members[member]
            self.changed(member, came=False)

    def changed(self, member, came):
        """Have it told soon. At once, a thousand who come would be half a million events."""
        if not self.changes:
            asyncio.get_running_loop().call_later(PRESENCE, self.tell_changes)
        self.changes[member.name] = came

    def tell_changes(self):
        """Who came and who went since it was last told."""
        changes, self.changes = self.changes, {}
        self.tell(
            "presence",
            joined=[name for name, came in changes.items() if came][:SHOWN],
            left=[name for name, came in changes.items() if not came][:SHOWN],
            count=len(self.members),
        )


def room_called(name):
    """The room, made when it is new. ValueError: no name of a room. Full: there are too many."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", name):
        raise ValueError("a room is named by a-z, 0-9 and -")
    if name not in rooms and len(rooms) >= MAX_ROOMS:
        empty = next((old for old, room in rooms.items() if not room.members), None)
        if empty is None:
            raise Full
        del rooms[empty]
    rooms[name] = rooms.pop(name, None) or Room()  # the last entered is the last to be forgotten
    return rooms[name]


def text_of(sent):
    """The text of a message, or None where it is none that is taken."""
    text = sent.get("text") if isinstance(sent, dict) else sent
    if isinstance(text, str) and 0 < len(text.strip()) <= MAX_TEXT:
        return text
    return None
