"""The command line: one small module a verb, imported only when it is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence

VERBS = {
    "up": "bring a lab up, or bring what is new to one that is up",
    "down": "take a lab down and leave nothing behind",
    "plan": "show what up would change, and why",
    "status": "show whether every machine is up and ready",
    "check": "prove with real clients that the lab works",
    "lab": "list a lab's exercises, begin one, prove that each can be solved",
    "compare": "measure a lab on each platform, and show the difference",
    "experiment": "measure one thing: what platforms, servers, worker models differ in",
    "list": "list the labs that there are and those that are up",
    "init": "start a new lab",
    "validate": "report every problem of a lab file",
    "render": "write the files of a lab, to read or to use elsewhere",
    "explain": "say which virtual host answers a URL, and why",
    "graph": "draw the lab as SVG",
    "capture": "write down the packets of a machine or a network, for Wireshark",
    "logs": "show what the machines' daemons say",
    "shell": "open a shell on a machine",
    "exec": "run a command on a machine",
    "ssh": "log in to a machine by SSH",
    "vps": "be the provider: list, create, resize, reboot, snapshot, destroy servers",
    "class": "give each student of a roster a sandbox of their own, check them, grade them",
    "sandbox": "bring up, reset, enter, keep or compare the sandbox of one student",
    "tick": "let the clock of classes tick: warn before sandboxes end, archive those that do",
    "gc": "find what crashes have left of sandboxes, and remove it",
    "ca": "show, export or trust the lab's certificate authority, have it sign or revoke",
    "edge": "share the host's 80, 443 and one port for SSH among labs and sandboxes",
    "images": "build, list, save or load the machines' images",
    "doctor": "look for what keeps labs from running on this host",
    "schema": "print the JSON Schema of the lab file",
    "completion": "print a completion script for bash, zsh or fish",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status (0 done, 1 failed, 2 wrong usage or input)."""
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if words else 2
    if words[0] in ("-V", "--version"):
        from labctl import __version__

        print(f"labctl {__version__} (hosting-labctl: a hosting lab as code)")
        return 0
    if words[0] not in VERBS:
        return _unknown(words[0])
    from labctl.cli.run import run

    return run(words[0], words[1:])


def usage() -> str:
    """What ``labctl --help`` prints."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {verb:{width}}  {what}" for verb, what in VERBS.items())
    return (
        "usage: labctl VERB [LAB] [options]\n\n"
        "A hosting lab as code: web, mail and DNS servers from one lab file.\n\n"
        f"{verbs}\n\n"
        "`labctl VERB --help` says more. `labctl up lab1` is a good start.\n"
        "Exit status: 0 done, 1 failed, 2 wrong usage or input."
    )


def _unknown(word: str) -> int:
    from difflib import get_close_matches

    close = get_close_matches(word, VERBS, n=1)
    hint = f"did you mean `labctl {close[0]}`?" if close else "`labctl --help` lists the verbs"
    print(f"labctl: there is no verb {word!r}\nhint: {hint}", file=sys.stderr)
    return 2
