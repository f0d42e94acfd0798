"""What it costs to hear from a server at once: WebSocket, events, long polling, asking again.

HTTP knows questions and answers; a server that has something to say must wait until it is asked.
Four ways around that, each with the same listeners and the same messages, from the visitor's
machine through the front. By WebSocket (RFC 6455) a connection becomes one in which both sides
speak. By server-sent events (HTML Living Standard, section 9.2) an answer never ends. By long
polling a question waits for its answer, and then the next is asked. And one may just ask every
second. Measured are the time from saying to hearing, and what the listeners have sent and received
for each message that they heard: bytes of HTTP and of frames, TLS apart; connections; requests.

It needs a site that says at ``/push.json`` how it is used: the lab web-chat has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labctl.experiments import Figure, Needs
from labctl.experiments.apparatus.bench import Bench
from labctl.experiments.apparatus.load import percentile, target

TITLE = "hearing from a server: WebSocket, events, long polling, asking again and again"
NEEDS: Needs = "running"
STEPS = (
    "ask the lab's sites with WebSocket how they are used, and take the first that says so",
    "let ten listeners hear twelve messages by WebSocket",
    "the same by server-sent events",
    "the same by long polling",
    "the same by asking every second",
)
LISTENERS, MESSAGES, PAUSE, EVERY, PATIENCE = 10, 12, 0.4, 1.0, 5.0
WAYS = {
    "websocket": "WebSocket",
    "events": "server-sent events",
    "long poll": "long polling",
    "asking": "asking every second",
}


def run(bench: Bench) -> Iterable[Figure]:
    """Listen in each way."""
    sites = [s for s in bench.sites if bench.lab.services[s.service].kind == "websocket"]
    work = {
        "sites": [target(site) for site in sites],
        "listeners": LISTENERS,
        "messages": MESSAGES,
        "pause": PAUSE,
        "every": EVERY,
        "patience": PATIENCE,
    }
    bench.say(f"{LISTENERS} listeners hear {MESSAGES} messages in {len(WAYS)} ways")
    seconds = len(WAYS) * (MESSAGES * (PAUSE + 1) + 3 * PATIENCE)
    found = bench.ask(bench.client.name, "pusher", work, seconds) if sites else {}
    yield from figures(found)


def figures(found: Mapping[str, Any]) -> Iterable[Figure]:
    """What the program on the visitor's machine has counted, for people."""
    ways = found.get("ways", {})
    for key, words in WAYS.items():
        if key in ways:
            yield from _figures(key.replace(" ", "-"), words, ways[key])
        else:
            why = "the lab has no site that says at /push.json how it pushes"
            yield Figure(f"push.{key.replace(' ', '-')}.p50", f"{words}: p50", None, note=why)


def _figures(key: str, words: str, seen: Mapping[str, Any]) -> Iterable[Figure]:
    times = [seconds * 1000 for seconds in seen["delays"]]
    note = f"{len(times)} messages heard"
    if seen["missing"] or seen["troubles"]:
        note += f", {seen['missing']} missing {'; '.join(seen['troubles'])}".rstrip()
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        value = percentile(times, share) if times else None
        title = f"{words}: from saying to hearing, {name}"
        yield Figure(f"push.{key}.{name}", title, value, "ms", "lower", note)
    each = seen["bytes"] / len(times) if times else None
    title = f"{words}: sent and received for a message"
    yield Figure(f"push.{key}.bytes", title, each, "bytes", "lower", "fields of HTTP included")
    opened = f"for {LISTENERS} listeners"
    title = f"{words}: connections"
    yield Figure(f"push.{key}.connections", title, seen["connections"], "", "lower", opened)
    yield Figure(
        f"push.{key}.requests", f"{words}: requests", seen["requests"], "", "lower", opened
    )
