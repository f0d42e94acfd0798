"""The clock that classes with limits need: whether it ticks, and how to have it tick. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from labctl.host.doctor import Finding

EVERY = 5 * 60
_UNITS = "~/.config/systemd/user"
_LATE = 3 * EVERY


def findings(
    classes: Sequence[str], ticked: int, now: int, command: str, systemd: bool
) -> tuple[Finding, ...]:
    """What is to be said where there are classes whose sandboxes end; nothing where none are.

    ``ticked`` is when the last tick was (seconds since 1970, 0 never), ``command`` what makes
    one; ``systemd`` says that the host has that, else it has cron.
    """
    if not classes:
        return ()
    ago = now - ticked
    if ticked and ago < _LATE:
        return (Finding("clock", "ok", f"`labctl tick` was {ago // 60} minutes ago"),)
    when = f"was {ago // 60} minutes ago" if ticked else "has never been"
    what = f"sandboxes of {', '.join(classes)} have limits, but `labctl tick` {when}"
    return (Finding("clock", "warn", what, mend(command, systemd)),)


def mend(command: str, systemd: bool) -> str:
    """The command that has the clock tick every five minutes."""
    if systemd:
        # a timer of the user's own; without lingering it would end with the last login
        escaped = command.replace("%", "%%").replace("$", "$$")  # systemd.service(5)
        service = ["[Service]", "Type=oneshot", f"ExecStart=/usr/bin/env {escaped}"]
        timer = ["[Timer]", "OnStartupSec=1min", "OnCalendar=*:0/5"]
        timer += ["[Install]", "WantedBy=timers.target"]
        write = "printf '%s\\n'"
        return (
            f"mkdir -p {_UNITS}; {write} {shlex.join(service)} >{_UNITS}/labctl-tick.service;"
            f" {write} {shlex.join(timer)} >{_UNITS}/labctl-tick.timer;"
            " loginctl enable-linger; systemctl --user enable --now labctl-tick.timer"
        )
    line = shlex.quote(f"*/5 * * * * {command}")
    return f"(crontab -l 2>/dev/null; echo {line}) | crontab -"


def command(program: Sequence[str], settings: dict[str, str]) -> str:
    """One tick as a command line, with the settings that it needs (env(1))."""
    given = [f"{name}={value}" for name, value in settings.items() if value]
    return shlex.join([*(["env", *given] if given else []), *program, "tick"])
