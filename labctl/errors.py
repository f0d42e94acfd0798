"""The one family of errors that people see: a message, what to do, and an exit status.

``labctl.cli`` catches `LabctlError` once and prints it; a traceback is a bug.
"""

from __future__ import annotations

FAILED = 1
USAGE = 2


class LabctlError(Exception):
    """Something that a person can understand and mend.

    ``message`` says in one or two lines what is wrong and where, ``hint`` what to do about
    it, ``status`` is the process's exit status: 1 failed, 2 wrong usage or input.
    """

    status: int = FAILED

    def __init__(self, message: str, hint: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if status is not None:
            self.status = status

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UsageError(LabctlError):
    """A wrong command line or a wrong input."""

    status = USAGE


class Unsettled(LabctlError):
    """What was looked at has changed while it was worked on; looking again may do."""
