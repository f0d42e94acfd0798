"""Checking a server outside the lab: the learner's own, asked by the same clients from here."""

from __future__ import annotations

import importlib.util
import os
import shutil
import ssl
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from labctl.checks import outside, runner, sent
from labctl.checks.outside import NotAsked, Target
from labctl.checks.runner import Result
from labctl.errors import LabctlError
from labctl.exercises import reader
from labctl.exercises.reader import Exercise
from labctl.grades import run as runs
from labctl.grades import store
from labctl.model import Check
from labctl.spec.checks import CheckSpec, made
from labctl.work.checking import Checked, preserved, secrets
from labctl.work.exercising import exercises_of
from labctl.work.session import Session

_STORES = (  # where systems have their authorities in one file
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def check(lab: str, urls: Sequence[str], words: Sequence[str], ca: str = "") -> Checked:
    """Ask exercises of servers in place of a lab, which need not be up, and keep the run.

    ``urls`` as on the command line; ``words`` name exercises, without them those that can be done
    anywhere. ``ca`` is a file with further authorities. LabctlError where nothing can be asked.
    """
    session = Session(lab, dry=True, running=True)
    targets = [outside.read(url, session.lab) for url in urls]
    exercises = _exercises(session, words)
    found = [one for exercise in exercises for one in _moved(session, exercise, targets)]
    asked = [one for one in found if isinstance(one, Check)]
    _judge(asked, found)
    stamp = store.stamped()
    values = secrets(session.lab, asked)
    with _here(ca) as python, closing(sent.Asker(python)) as asker:
        results = iter(runner.run_at(asker.ask, asked, values))
    titles = {exercise.name: exercise.title for exercise in exercises}
    all_ = [one if isinstance(one, Result) else next(results) for one in found]
    return preserved(runs.made(session.name, stamp, all_, titles, " ".join(map(str, targets))))


def _exercises(session: Session, words: Sequence[str]) -> Sequence[Exercise]:
    """Those that are named, else those that can be done anywhere."""
    known = exercises_of(session)
    if words:
        return tuple({one.name: one for one in (reader.named(known, w) for w in words)}.values())
    found = tuple(one for one in known if one.anywhere)
    if not found:
        message = f"no exercise of {session.name} says that it can be done outside the lab"
        raise LabctlError(message, "name one: `--exercise NAME`", 2)
    return found


def _moved(
    session: Session, exercise: Exercise, targets: Sequence[Target]
) -> Iterator[Check | Result]:
    """Each check of an exercise as it is asked of the targets, or the result that it is not."""
    found = [_one(session, exercise, spec, targets) for spec in exercise.checks]
    excused = {one.check.name for one in found if isinstance(one, Result)}
    for one in found:
        if isinstance(one, Check):
            yield replace(one, needs=tuple(need for need in one.needs if need not in excused))
        else:
            yield one


def _one(
    session: Session, exercise: Exercise, spec: CheckSpec, targets: Sequence[Target]
) -> Check | Result:
    check = made(spec, session.lab, exercise.name)
    try:
        if spec.origin:
            raise NotAsked(f"it is asked from {spec.origin}, a machine of the lab")
        return outside.moved(check, targets, session.lab)
    except NotAsked as reason:
        return Result(replace(check, points=0), {}, (f"not asked outside the lab: {reason}",), 0)


def _judge(asked: Sequence[Check], found: Sequence[Check | Result]) -> None:
    """LabctlError where there is nothing to ask, or nobody here to ask it."""
    if not asked:
        reasons = dict.fromkeys(d for r in found if isinstance(r, Result) for d in r.differences)
        raise LabctlError("\n".join(reasons) or "there is nothing to ask", status=2)
    clients = {check.client for check in asked}
    if "http" in clients and not shutil.which("curl"):
        raise LabctlError("there is no curl on this host, which asks HTTP", "install it")
    if "ws" in clients and not importlib.util.find_spec("tornado"):
        hint = "install it beside labctl: the PyPI package tornado"
        raise LabctlError("there is no Tornado on this host, which asks WebSocket", hint)


@contextmanager
def _here(ca: str) -> Iterator[sent.Python]:
    """This host's Python, without proxies, with its authorities and those of a file."""
    kept = ("PATH", "LANG", "LC_ALL", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    python = sent.Python((sys.executable,), environment)
    if not ca:
        yield python
        return
    with tempfile.TemporaryDirectory(prefix="labctl-") as folder:
        bundle = Path(folder) / "authorities.pem"
        bundle.write_bytes(_own_authorities() + _authorities(ca))
        own = {"SSL_CERT_FILE": str(bundle), "CURL_CA_BUNDLE": str(bundle)}
        yield replace(python, environment={**environment, **own})


def _authorities(path: str) -> bytes:
    """The certificates in a file (PEM); LabctlError where there are none."""
    try:
        content = Path(path).read_bytes()
        ssl.create_default_context(cadata=content.decode("ascii"))
    except (ssl.SSLError, ValueError):
        hint = "`labctl ca export LAB` prints that of a lab"
        raise LabctlError(f"{path} holds no certificate in PEM", hint, 2) from None
    except OSError as error:
        raise LabctlError(f"{path}: {error.strerror or error}", status=2) from None
    return content


def _own_authorities() -> bytes:
    """The host's own authorities, as far as they are in one file."""
    named = ssl.get_default_verify_paths().cafile
    for path in filter(None, (named, *_STORES)):
        if Path(path).is_file():
            return Path(path).read_bytes() + b"\n"
    return b""
