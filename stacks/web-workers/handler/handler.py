"""One handler for every server of this lab: a page that computes, and a page that waits.

The servers beside it, serve.py, differ in who runs it. `answer` is for those in which a process
or a thread may be kept waiting, `answer_async` for those with an event loop.
"""

import asyncio
import json
import os
import threading
import time
from contextlib import contextmanager

TYPE = "application/json"
ROUNDS = 60_000  # a few milliseconds of one processor
WAIT = 20  # milliseconds, as a database may take them
LONGEST = 1000

lock = threading.Lock()
present = 0  # requests that this process is answering


@contextmanager
def counted():
    """Count a request while it is answered; how many others there were when it came."""
    global present
    with lock:
        others = present
        present += 1
    try:
        yield others
    finally:
        with lock:
            present -= 1


def said(**more):
    """An answer: who gave it, and more."""
    who = {"process": os.getpid(), "thread": threading.current_thread().name}
    return json.dumps({**who, **more}).encode() + b"\n"


def milliseconds(query):
    """How long to wait: `ms=300` of the query, else the usual time."""
    number = next((word[3:] for word in query.split("&") if word.startswith("ms=")), "")
    return min(int(number[:6]), LONGEST) if number.isascii() and number.isdigit() else WAIT


def computed():
    """Something that takes a processor, and cannot be cut short."""
    total = 0
    for number in range(ROUNDS):
        total = (total * 31 + number) % 1_000_003
    return total


def answer(target):
    """The body for a request's target (path and query); None where there is no such page."""
    path, _, query = target.partition("?")
    with counted() as others:
        if path == "/wait":
            time.sleep(milliseconds(query) / 1000)  # this thread can do nothing else meanwhile
            return said(beside=others)
        if path == "/compute":
            return said(beside=others, result=computed())
    return said(pages=["/compute", "/wait"]) if path == "/" else None


async def answer_async(target):
    """The same for an event loop, which has other things to do while a request waits."""
    path, _, query = target.partition("?")
    if path != "/wait":
        return answer(target)  # computing gives nothing back to the loop
    with counted() as others:
        await asyncio.sleep(milliseconds(query) / 1000)
        return said(beside=others)
