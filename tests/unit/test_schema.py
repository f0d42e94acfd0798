"""The JSON Schema and the reference, against the reader that they describe."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from labctl import kinds
from labctl.spec.lab import read
from labctl.spec.problems import InvalidLab, Problem
from labctl.spec.reference import EXAMPLE, markdown
from labctl.spec.schema import schema

ROOT = Path(__file__).parent.parent.parent
STACKS = sorted((ROOT / "stacks").glob("*/lab.yml"))


def problems(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(schema())
    return [error.message for error in validator.iter_errors(yaml.safe_load(text))]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("path", STACKS, ids=lambda path: path.parent.name)
def test_the_labs_that_come_with_labctl_fit(path: Path) -> None:
    assert problems(path.read_text()) == []


def test_the_example_of_the_reference_fits() -> None:
    assert problems(EXAMPLE) == []


@pytest.mark.parametrize(
    "services",
    ["www: static", "dns:", "dns: {ttl: 5}", "mail: {users: ann}", "mail: {users: [ann, bob]}",
     "www: {kind: static, memory: 64M, cpus: 0.5}", "dns: {kind: static}"],
)  # fmt: skip
def test_what_the_reader_takes_fits(services: str) -> None:
    text = f"lab: x\nservices:\n  {services}\n"
    assert problems(text) == []
    assert not _keys_wrong(text)


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ("www: statc", "'statc' is not one of"),
        ("www: {kind: statc}", "'statc' is not one of"),
        ("www: mail", "'mail' is not one of"),
        ("mail: {}", "'users' is a required property"),
        ("www: {memory: 64M}", "'kind' is a required property"),
        ("www: {kind: static, workers: 2}", "'workers' was unexpected"),
        ("dns: {ttl: fast}", "'fast' is not of type 'integer'"),
        ("dns: {ttl: 99999999}", "greater than the maximum"),
        ("Www: static", "does not match"),
    ],
)
def test_what_the_reader_refuses_does_not_fit(services: str, said: str) -> None:
    text = f"lab: x\nservices:\n  {services}\n"
    assert any(said in message for message in problems(text)), problems(text)
    assert _keys_wrong(text)


@pytest.mark.parametrize(
    "rest", ["site: {}", "sites: {www: {service: a, tls: no-one}}", "expose: {service: a, port: 0}"]
)
def test_wrong_keys_at_the_top_do_not_fit(rest: str) -> None:
    assert problems(f"lab: x\nservices: {{www: static}}\n{rest}\n")


def test_every_kind_and_key_is_in_the_reference() -> None:
    page = markdown()
    for name in kinds.names():
        assert f"\n### {name}\n" in page


def test_the_reference_in_docs_is_up_to_date() -> None:
    written = (ROOT / "docs" / "lab-file.md").read_text(encoding="utf-8")
    assert written == markdown(), "make it anew: labctl schema --markdown > docs/lab-file.md"


def _keys_wrong(text: str) -> list[Problem]:
    """The problems of the reader, those of missing content left out."""
    try:
        found = read(text.encode(), "lab.yml", Path("/nonexistent"))[1].problems
    except InvalidLab as error:
        found = list(error.problems)
    return [p for p in found if "there is no folder" not in p.message]
