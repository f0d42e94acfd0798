"""Records as HTTP Archive 1.2, the format that browsers' network tabs export and import.

http://www.softwareishard.com/blog/har-12-spec/ ; keys that begin with ``_`` are our own, or
Chrome's where Chrome has one (``_webSocketMessages``).
"""

from __future__ import annotations

import base64
import json
import urllib.parse
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from .frames import BINARY, NAMES
from .http1 import Head
from .records import Body, Exchange, Seen

MAX_INFLATED = 2**20
CREATOR = {"name": "labctl inspector", "version": "1"}
# what the front adds to a request on its way in
ADDED = frozenset({"x-real-ip", "x-forwarded-for", "x-forwarded-proto"})


def archive(exchanges: Iterable[Exchange]) -> Iterator[str]:
    """The text of an archive, piece by piece."""
    yield f'{{"log": {{"version": "1.2", "creator": {json.dumps(CREATOR)}, "entries": ['
    for number, exchange in enumerate(exchanges):
        yield (",\n" if number else "\n") + json.dumps(entry(exchange))
    yield "\n]}}\n"


def entry(exchange: Exchange) -> dict[str, Any]:
    """One exchange as an entry."""
    made: dict[str, Any] = {
        "startedDateTime": stamp(exchange.started),
        "time": round(_lasted(exchange) * 1000, 3),
        "request": _request(exchange),
        "response": _response(exchange),
        "cache": {},
        "timings": timings(exchange),
        "connection": connection(exchange),
        "_site": exchange.site,
        "_state": exchange.state,
    }
    if exchange.why:
        made["_error"] = exchange.why
    if exchange.response and exchange.response.words[1] == "101":
        made["_resourceType"] = "websocket"
        made["_webSocketMessages"] = [message(seen) for seen in exchange.frames]
        made["_closed"] = exchange.closed
    return made


def stamp(at: float) -> str:
    """A time as ISO 8601 writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def url(exchange: Exchange) -> str:
    """What was asked for, as a browser's address bar has it."""
    head = exchange.request
    secure = head.get("x-forwarded-proto") == "https"
    scheme = "https" if secure else "http"
    if head.has("upgrade", "websocket"):
        scheme = "wss" if secure else "ws"
    return f"{scheme}://{head.get('host')}{head.words[1]}"


def client(exchange: Exchange) -> str:
    """The address of who asked."""
    return exchange.request.get("x-real-ip")


def protocol(exchange: Exchange) -> str:
    """The version of HTTP that the client speaks with the front."""
    return exchange.note[0] if exchange.note else exchange.request.words[2]


def connection(exchange: Exchange) -> str:
    """The number of the client's connection, the same for all requests on it."""
    return exchange.note[1] if len(exchange.note) > 1 else ""


def timings(exchange: Exchange) -> dict[str, float]:
    """Milliseconds; -1 for what happens between the client and the front, unseen here.

    The others are all of its time, each part of it once: who answers before everything has been
    sent ends the sending, and who never answers is waited for until the end.
    """
    ended = _lasted(exchange)
    answered = exchange.answered if exchange.answered >= 0 else ended
    sent = min(exchange.uploaded, answered) if exchange.uploaded >= 0 else answered
    return {
        "blocked": -1, "dns": -1, "connect": -1, "ssl": -1,
        "send": round(sent * 1000, 3),
        "wait": round((answered - sent) * 1000, 3),
        "receive": round((ended - answered) * 1000, 3),
    }  # fmt: skip


def _lasted(exchange: Exchange) -> float:
    """Seconds, to its end or to the last that has happened."""
    return max(0.0, exchange.uploaded, exchange.answered, exchange.ended)


def _request(exchange: Exchange) -> dict[str, Any]:
    head = exchange.request
    query = head.words[1].partition("?")[2]  # a target need not be a URL that can be taken apart
    made: dict[str, Any] = {
        "method": head.words[0],
        "url": url(exchange),
        "httpVersion": protocol(exchange),
        "cookies": [{"name": n, "value": v} for n, v in sent_cookies(head)],
        "headers": pairs(head.fields),
        "queryString": pairs(urllib.parse.parse_qsl(query, keep_blank_values=True)),
        "headersSize": len(head.raw),
        "bodySize": exchange.sent.size,
    }
    if exchange.sent.size:
        told = text(exchange.sent, head)
        made["postData"] = {"mimeType": head.get("content-type"), **told}
    return made


def _response(exchange: Exchange) -> dict[str, Any]:
    head = exchange.response
    if head is None:  # as Chrome exports a request without an answer
        return {
            "status": 0, "statusText": exchange.why, "httpVersion": "", "cookies": [],
            "headers": [], "content": {"size": 0, "mimeType": "x-unknown"}, "redirectURL": "",
            "headersSize": -1, "bodySize": -1,
        }  # fmt: skip
    version, status, reason = head.words
    return {
        "status": int(status) if status.isdecimal() else 0,
        "statusText": reason,
        "httpVersion": version,
        "cookies": [cookie(value) for name, value in head.fields if name.lower() == "set-cookie"],
        "headers": pairs(head.fields),
        "content": _content(exchange.received, head),
        "redirectURL": head.get("location"),
        "headersSize": len(head.raw),
        "bodySize": exchange.received.size,
    }


def pairs(found: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Names and values as HAR has them."""
    return [{"name": name, "value": value} for name, value in found]


def sent_cookies(head: Head) -> Iterator[tuple[str, str]]:
    """The cookies of a request (RFC 6265 section 4.2.1); programs put commas in their values."""
    for field in (value for name, value in head.fields if name.lower() == "cookie"):
        for part in filter(None, map(str.strip, field.split(";"))):
            name, _, value = part.partition("=")
            yield name, value


def cookie(value: str) -> dict[str, Any]:
    """A cookie that is set, with its attributes (RFC 6265 section 4.1)."""
    first, *attributes = value.split(";")
    name, _, said = first.strip().partition("=")
    made: dict[str, Any] = {"name": name, "value": said, "httpOnly": False, "secure": False}
    for attribute in attributes:
        key, _, word = attribute.strip().partition("=")
        known = {"path": "path", "domain": "domain", "samesite": "sameSite", "expires": "_expires",
                 "max-age": "_maxAge"}.get(key.lower())  # fmt: skip
        if known:
            made[known] = word
        elif key.lower() in ("httponly", "secure"):
            made["httpOnly" if key.lower() == "httponly" else "secure"] = True
        elif key:
            made["_" + key] = word
    return made


def text(body: Body, head: Head) -> dict[str, Any]:
    """A body as text where it is some, else in base64; ``comment`` says what is missing."""
    return _shown(body, *plain(bytes(body.kept), head.get("content-encoding").lower()))


def _content(body: Body, head: Head) -> dict[str, Any]:
    """What was received; its size is that of before it was compressed, where that is known."""
    data, whole = plain(bytes(body.kept), head.get("content-encoding").lower())
    size = body.size if body.cut else len(data)
    return {"size": size, "mimeType": head.get("content-type"), **_shown(body, data, whole)}


def _shown(body: Body, data: bytes, whole: bool) -> dict[str, Any]:
    words = _readable(data, partial=body.cut or not whole)
    if words is None:
        made: dict[str, Any] = {"text": base64.b64encode(data).decode(), "encoding": "base64"}
    else:
        made = {"text": words}
    if body.cut:
        made["comment"] = f"cut: the first {len(body.kept)} of {body.size} bytes"
    elif not whole:
        made["comment"] = f"cut: inflated to more than {len(data)} bytes"
    return made


def plain(data: bytes, encoding: str) -> tuple[bytes, bool]:
    """What a body says before it was compressed, as far as that is known; whether it is whole."""
    windows = {"gzip": 31, "x-gzip": 31, "deflate": 15}
    if encoding not in windows:
        return data, True
    inflater = zlib.decompressobj(windows[encoding])
    try:
        return inflater.decompress(data, MAX_INFLATED), not inflater.unconsumed_tail
    except zlib.error:
        return data, True


def _readable(data: bytes, partial: bool) -> str | None:
    """The text that these bytes are, if they are; a character cut at the end is left out."""
    for missing in range(4 if partial else 1):
        try:
            words = data[: len(data) - missing].decode()
        except UnicodeDecodeError:
            continue
        return None if "\0" in words else words
    return None


def message(seen: Seen) -> dict[str, Any]:
    """A frame, as Chrome exports them: ``send`` is by the browser."""
    frame = seen.frame
    words = None if frame.opcode == BINARY else _readable(frame.data, partial=True)
    made: dict[str, Any] = {
        "type": "send" if seen.sender == "client" else "receive",
        "time": round(seen.at, 3),
        "opcode": frame.opcode,
        "data": words if words is not None else base64.b64encode(frame.data).decode(),
        "_kind": NAMES.get(frame.opcode, f"opcode {frame.opcode}"),
        "_fin": frame.fin,
        "_masked": frame.masked,
        "_compressed": frame.compressed,
        "_size": frame.size,
    }
    if words is None:
        made["_encoding"] = "base64"
    if frame.opcode == 8:
        made["_code"] = frame.close_code
        made["data"] = frame.data[2:].decode(errors="replace")
        made.pop("_encoding", None)
    return made
