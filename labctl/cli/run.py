"""Runs one verb: arguments, then the verb, then errors in words for people."""

from __future__ import annotations

import argparse
import gc
import importlib
import keyword
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from labctl.cli import VERBS
from labctl.errors import LabctlError


class Verb(Protocol):
    """The face of a verb's module."""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's arguments."""

    def run(self, options: argparse.Namespace) -> int:
        """Do it; the exit status."""


def parser(verb: str) -> argparse.ArgumentParser:
    """The argument parser of a verb."""
    found = argparse.ArgumentParser(
        prog=f"labctl {verb}", description=f"{VERBS[verb].capitalize()}.", allow_abbrev=False
    )
    module(verb).arguments(found)
    return found


def module(verb: str) -> Verb:
    """The module of a verb; that of a word of Python's own has a ``_`` behind it."""
    name = f"{verb}_" if keyword.iskeyword(verb) else verb
    return cast(Verb, importlib.import_module(f"labctl.cli.{name}"))


def run(verb: str, words: Sequence[str]) -> int:
    """Run ``labctl verb words``; the only place where errors become messages."""
    gc.disable()  # a command is over soon: collecting cycles is a tenth of its time for nothing
    try:
        try:
            options = parser(verb).parse_args(words)
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else 2
        if getattr(options, "needs_lab", False) and options.lab is None:
            from labctl.work.which import the_lab

            options.lab = the_lab()
        status = module(verb).run(options)
        sys.stdout.flush()
        return status
    except LabctlError as error:
        return _report(error)
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output has gone (`labctl logs | head`): nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _report(LabctlError(f"{error.filename or 'the system'}: {error.strerror or error}"))


def _report(error: LabctlError) -> int:
    from labctl.cli.output import paint

    print(paint(error.message, "red", sys.stderr), file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return error.status
