"""`${…}` in checks: values are text, secrets are never shown."""

from __future__ import annotations

import pytest

from labctl.checks.expect import differences
from labctl.checks.variables import (
    Pattern,
    Sealed,
    filled,
    hidden,
    names,
    revealed,
    unknown,
    wants,
)
from labctl.model import Check, Want

VALUES = {"domain": "lab1.test", "lab": "lab1"}
SECRETS = {"secret.flag": "0123456789abcdef"}


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("https://www.${domain}/${lab}", []),
        ("${secret.flag}${account.alice}${account.mail/bob}", []),
        ("costs $5 and {braces}", []),
        ("${Domain} ${secret} ${secret.} ${secret.A} ${}", 5),
        ("${open", ["${open"]),
        ("${account.a b}", ["${account.a b}"]),
    ],
)
def test_variables_that_nobody_knows(text: str, bad: list[str] | int) -> None:
    found = unknown(text)
    assert len(found) == bad if isinstance(bad, int) else found == bad


def test_values_are_filled_in_and_secrets_stay_sealed() -> None:
    ask = {"url": "https://www.${domain}/", "headers": {"A": "Bearer ${secret.flag}"}, "n": 1}
    made = filled(ask, VALUES)
    sealed = Sealed("Bearer ${secret.flag}")
    assert made == {"url": "https://www.lab1.test/", "headers": {"A": sealed}, "n": 1}
    assert revealed(made, SECRETS)["headers"] == {"A": "Bearer 0123456789abcdef"}


def test_a_value_in_a_pattern_stands_for_itself() -> None:
    assert filled(Pattern("^www.${domain}$"), VALUES) == r"^www.lab1\.test$"
    sealed = filled(Pattern("^${secret.flag}$"), VALUES)
    assert revealed(sealed, {"secret.flag": "a.b"}) == r"^a\.b$"


def test_a_kind_names_what_it_wants_kept() -> None:
    assert revealed({"password": {"secret": "mail/alice"}}, {"mail/alice": "x"}) == {
        "password": "x"
    }


def test_the_tokens_that_checks_need() -> None:
    check = Check("", "", "http", {"a": [Sealed("${secret.one}")]},
                  {"b": {"in": [Sealed("${account.alice}"), Sealed("${secret.one}")]}})  # fmt: skip
    assert names([check]) == ("secret.one", "account.alice")
    assert list(wants([check])) == [Want("token", "check/one")]


def test_an_expected_secret_is_shown_by_its_name() -> None:
    expect = {"body": {"contains": Sealed("${secret.flag}")}, "status": 200}
    assert differences(expect, {"body": "it is 0123456789abcdef.", "status": 200}, SECRETS) == []
    said = differences(expect, {"body": "wrong", "status": 404}, SECRETS)
    assert said == [
        "body: expected something that contains ${secret.flag}, got wrong",
        "status: expected 200, got 404",
    ]


def test_a_seen_secret_is_shown_by_its_name() -> None:
    seen = {"body": "x" * 190 + SECRETS["secret.flag"], "error": ""}
    (said,) = differences({"body": "other"}, seen, SECRETS)
    assert "0123" not in said
    assert "${secret." in said
    assert differences({"status": 1}, {"error": "no 0123456789abcdef"}, SECRETS) == [
        "expected an answer, got: no ${secret.flag}"
    ]


def test_secrets_are_hidden_in_any_text() -> None:
    assert hidden("a0123456789abcdefb", SECRETS) == "a${secret.flag}b"
    assert hidden("same", {"secret.none": ""}) == "same"
