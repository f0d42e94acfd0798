"""The clients of checks in the lab file's reference: what each is asked, and what it sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from labctl.checks.mail_questions import Read
from labctl.checks.questions import QUESTIONS
from labctl.spec.reader import Field, fields_of

_EXAMPLE = """\
checks:
  - name: the front page has a heading
    client: http
    ask: https://www.${domain}/     # a word alone is the client's first key
    expect:
      status: 200
      header: {cache-control: {contains: max-age}}
      body: {matches: "<h1>.+</h1>", not: {contains: error}}
    hint: the page is www/index.html
"""
_INTRODUCTION = f"""\
## Clients of checks

A check asks a question by a real client and says what must come back:

```yaml
{_EXAMPLE}```

An expectation is a value that must be equal, or a mapping of words, all of which must hold:

| word | holds when what is seen |
|---|---|
| `matches` | has a place that matches this regular expression (Python's `re`) |
| `contains` | contains this text, or, of a list, this item |
| `in` | is one of these values |
| `least`, `most` | is a number from, or up to, this one |
| `json` | is JSON, in which at each path (`user.name`, `list[0].id`) the expectation there holds |
| `there` | is there (`true`), or is not (`false`) |
| `not` | is not as this expectation says |

In the texts of a question or an expectation, `${{domain}}` and `${{lab}}` stand for the lab's,
`${{domain.PARTY}}` for the domain of another party that has sites in it,
`${{account.LOGIN}}` for the password of an account and `${{secret.NAME}}` for a token of the lab's
own, which is the same at every check. What is printed shows the names of these two instead.
"""


def clients(table: Callable[[Iterable[Field]], str]) -> Iterable[str]:
    """The sections; ``table`` makes one of fields."""
    yield _INTRODUCTION
    for name, question in QUESTIONS.items():
        yield f"### {name} (client)\n\n{_words(question)}\n\nIt is asked:\n"
        yield table(fields_of(question).values())
        if name == "smtp":
            yield f"{_words(Read)} Its keys, below `read`:\n"
            yield table(fields_of(Read).values())
        yield "It sees:\n"
        yield _seen(question)


def _words(cls: type[Any]) -> str:
    return " ".join((cls.__doc__ or "").replace("``", "`").split())


def _seen(question: type[Any]) -> str:
    lines = ["| key of `expect` | type | meaning |", "|---|---|---|"]
    for name, (seen, meaning) in question.SEES.items():
        lines.append(f"| `{name}` | {seen.words} | {meaning} |")
    return "\n".join(lines) + "\n"
