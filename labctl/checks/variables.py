"""Values that stand as ``${…}`` in the texts of a check: ``domain``, ``lab``, and secrets.

``${domain.PARTY}`` is the domain of another party that has sites in the lab.

``${secret.NAME}`` is a token of the lab's own, the same at every check; ``${account.LOGIN}`` the
password of an account. Both stay sealed until the question is asked, and whatever is printed
shows their names instead.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labctl.model import Check, Want

VARIABLE = re.compile(r"\$\{([^}\n]*)\}?")
_KNOWN = re.compile(
    r"lab|domain|(?:domain|secret)\.[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,30}|account\.[^\s{}]{1,64}"
)
HINT = "${domain}, ${domain.PARTY}, ${lab}, ${secret.NAME} and ${account.LOGIN} are known"
SECRETS = ("secret", "account")


class Pattern(str):
    """A regular expression of a lab's author: values in it are text, and stand for themselves."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Sealed:
    """Text with secrets in it, still by their names; ``pattern``: a regular expression."""

    text: str
    pattern: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The secrets in it: ``secret.flag``, ``account.alice``."""
        return tuple(name for name in VARIABLE.findall(self.text) if name.startswith(SECRETS))

    def revealed(self, secrets: Mapping[str, str]) -> str:
        """The text with the values, which are text whatever is in them."""
        return _substituted(self.text, secrets, self.pattern)


def unknown(text: str) -> list[str]:
    """The variables of a text that nobody knows, as written."""
    return [m[0] for m in VARIABLE.finditer(text) if not _known(m)]


def _known(match: re.Match[str]) -> bool:
    return match[0].endswith("}") and _KNOWN.fullmatch(match[1]) is not None


def parties(value: Any) -> Iterator[str]:
    """The parties whose domains a question or an expectation speaks of."""
    if isinstance(value, str):
        names = VARIABLE.findall(value)
        yield from (n.removeprefix("domain.") for n in names if n.startswith("domain."))
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from parties(item)


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """A question or an expectation with all variables but secrets; with these it is sealed."""
    if isinstance(value, str):
        pattern = isinstance(value, Pattern)
        sealed = Sealed(_substituted(value, values, pattern), pattern)
        return sealed if sealed.names else sealed.text
    return _inside(value, lambda item: filled(item, values))


def _substituted(text: str, values: Mapping[str, str], pattern: bool) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        return re.escape(values[match[1]]) if pattern else values[match[1]]

    return VARIABLE.sub(value, text)


def revealed(value: Any, secrets: Mapping[str, str]) -> Any:
    """A question or an expectation with the secrets in it, for nobody's eyes.

    Kinds of services write ``{"secret": name}`` for one that they want.
    """
    if isinstance(value, Sealed):
        return value.revealed(secrets)
    if isinstance(value, Mapping) and set(value) == {"secret"}:
        return secrets[value["secret"]]
    return _inside(value, lambda item: revealed(item, secrets))


def hidden(text: str, secrets: Mapping[str, str]) -> str:
    """A text with every secret replaced by its name."""
    for name, value in secrets.items():
        if value:
            text = text.replace(value, f"${{{name}}}")
    return text


def names(checks: Iterable[Check]) -> tuple[str, ...]:
    """The secrets that checks ask or expect: ``secret.flag``, ``account.alice``."""
    found = (name for check in checks for part in (check.ask, check.expect) for name in _in(part))
    return tuple(dict.fromkeys(found))


def wants(checks: Iterable[Check]) -> Iterator[Want]:
    """The tokens of a lab's own that checks need."""
    for name in names(checks):
        if name.startswith("secret."):
            yield token(name)


def token(name: str) -> Want:
    """The token that ``secret.NAME`` stands for."""
    return Want("token", f"check/{name.removeprefix('secret.')}")


def _in(value: Any) -> Iterator[str]:
    if isinstance(value, Sealed):
        yield from value.names
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _in(item)


def _inside(value: Any, change: Any) -> Any:
    """A mapping or a list with every value in it changed."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return value
    if isinstance(value, Mapping):
        return {key: change(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [change(item) for item in value]
    return value
