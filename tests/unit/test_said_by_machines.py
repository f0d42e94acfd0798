"""What a machine says of itself is text: no terminal obeys it, and nginx reads no word of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from labctl.engines import api, plain_reason
from labctl.engines.api import Finished
from labctl.engines.compose import _logged, _told
from labctl.experiments import Figure
from labctl.plan import SeenMachine
from labctl.render.templates import nginx_key
from labctl.render.tree import Entry
from labctl.work.execute import _late, refusal

EVIL = "\x1b]0;owned\x07\x1b[2J"


def test_what_a_machine_says_reaches_no_terminal_as_it_is() -> None:
    output = f"1\n\f\nab 644 root root /etc/{EVIL}\n\f\n/x{EVIL}: FAILED\n\f\n{EVIL}\tno {EVIL}\n"
    seen = _told(SeenMachine("m", "c", True, ""), output)
    late = _late("m", Finished(1, f"{EVIL}\t{EVIL}\n"))
    refused = refusal("m", f"refused\t{EVIL}\n{EVIL}\n", {})
    told = [*seen.manifest, *seen.drift, *seen.ready, *seen.ready.values(), late, refused]
    assert len(told) == 6
    assert EVIL in output  # the control
    assert not any("\x1b" in one or "\x07" in one for one in told)


def test_what_an_engine_or_a_registry_says_is_text() -> None:
    assert plain_reason(ValueError(f"no such\nimage: {EVIL}")).isprintable()
    assert plain_reason(ValueError("é\n x")) == "é x"


def test_what_an_experiment_shows_is_text() -> None:
    figure = Figure("servers.server.nginx", "what it calls itself", EVIL, note=EVIL)
    assert figure.text.isprintable()
    assert figure.note.isprintable()
    assert Figure("k", "t", "nginx é", note="—").text == "nginx é"


@pytest.mark.parametrize(
    "words",
    [
        "nginx: [emerg] unknown directive in /etc/x.conf:3",
        "AH00526: Syntax error on line 3 of /etc/x.conf:\nInvalid command 'Nonsense'",
    ],
)
def test_the_line_of_a_complaint_is_found_in_the_labs_own_file(words: str) -> None:
    files = {"/etc/x.conf": Entry(b"", source="stacks/lab/own.conf")}
    told = refusal("front", f"refused\tapache2\n{words}\n", files)
    assert told.splitlines()[-1] == "  /etc/x.conf comes from stacks/lab/own.conf:3"


def test_what_is_plain_stays_as_it_is() -> None:
    seen = _told(
        SeenMachine("m", "c", True, ""), "7\n\f\nab 644 root root /etc/ü x\n\f\n\f\nnginx\tok\n"
    )
    assert (seen.generation, dict(seen.ready)) == ("7", {"nginx": "ok"})
    assert dict(seen.manifest) == {"/etc/ü x": "ab 644 root root /etc/ü x"}


@pytest.fixture
def dripping(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever the engine is taken for answers some bytes at a time, and does not end."""
    ours, theirs = socket.socketpair()
    over = threading.Event()

    def drip() -> None:
        with suppress(BrokenPipeError):  # whoever gives up hangs up
            while not over.wait(0.05):
                theirs.sendall(b"x" * 100)

    thread = threading.Thread(target=drip)
    thread.start()
    monkeypatch.setattr(api, "_connected", lambda: ours)
    yield
    over.set()
    thread.join()
    theirs.close()


@pytest.mark.parametrize("limits", [{"seconds": 0.5}, {"limit": 1000}])
def test_an_answer_that_does_not_end_is_given_up(dripping: None, limits: dict[str, Any]) -> None:
    with pytest.raises(api.Unbounded):
        api.call("GET", "/x", None, **limits)


def test_no_key_of_an_nginx_map_is_a_word_of_the_maps_own() -> None:
    assert nginx_key("include") == r'"\\include"'


def test_a_log_keeps_composes_colours_and_obeys_no_machines_words() -> None:
    prefix = "\x1b[36mwww-1  | \x1b[0m"
    clear = "\x1b[2K"
    assert _logged(f"{clear}{prefix}GET /\n") == f"{prefix}GET /"
    assert _logged(f"{clear}www-1  | GET /\r\n") == "www-1  | GET /"
    for before in ("", prefix, "www-1  | "):
        told = _logged(f"{clear}{before}{EVIL}{prefix}\n")
        assert told.startswith(before)
        assert told.removeprefix(before).isprintable()
    assert _logged(f"{clear}\x1b[36mw\x9b2Jw | \x1b[0m").isprintable()
