"""Engines run a lab's machines; today Docker with Compose. Effects live here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.errors import LabctlError

if TYPE_CHECKING:
    import docker


class EngineUnreachable(LabctlError):
    """No container engine answers."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the container engine does not answer: {reason}",
            "`labctl doctor` says what is missing, `make up` installs and starts it",
        )


def connect(timeout: float = 60) -> docker.DockerClient:
    """A client of the engine that the environment names; `EngineUnreachable` without one.

    ``timeout`` is in seconds, for each answer.
    """
    import docker
    import docker.errors

    try:
        return docker.from_env(timeout=int(timeout))
    except docker.errors.DockerException as problem:
        raise EngineUnreachable(plain_reason(problem)) from problem


def plain_reason(problem: BaseException) -> str:
    """The innermost thing that went wrong, in one line, without class names.

    It may have been said by a registry or be about a name in an archive: it is text.
    """
    from labctl.spec.problems import printable

    while (inner := problem.__cause__ or problem.__context__) is not None:
        problem = inner
    text = getattr(problem, "strerror", None) or getattr(problem, "explanation", None)
    return printable(" ".join(str(text or problem).split()))
