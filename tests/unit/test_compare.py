"""The table, the page and the JSON of a comparison, from figures that nobody measured."""

from __future__ import annotations

import argparse
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from labctl import experiments
from labctl.cli import compare as verb
from labctl.experiments import Figure, number, some
from labctl.experiments.comparison import Column, Comparison, Row, rows
from labctl.model import PlatformName
from labctl.picture import bars, topology
from labctl.picture.page import page
from labctl.picture.paper import on_paper

ROOT = Path(__file__).parent.parent.parent
LAB1 = str(ROOT / "stacks" / "lab1")
HOSTILE = "</svg></td><script>alert(1)</script>\" onload='x' & é\x00"
VOID = {"meta", "rect", "path", "br", "link"}


def column(platform: PlatformName, *figures: Figure, troubles: tuple[str, ...] = ()) -> Column:
    found = {figure.key: figure for figure in figures}
    return Column(platform, on_paper(LAB1, platform), found, troubles, 1.5)


def compared(*columns: Column, title: str = "A lab") -> Comparison:
    return Comparison("lab1", "lab1", title, columns, tuple(rows(columns)), "a host")


def usual() -> Comparison:
    return compared(
        column(
            "bare-metal",
            Figure("answer.seconds", "until it answers", 3.98, "s", "lower", "3 s of it"),
            Figure("blast.keys", "keys", 9, "", "lower", "a, b"),
            Figure("reach.lan", "ports from the LAN", None, note="there is no LAN"),
            Figure("who.DNS", "DNS", "the customer", note="not measured: from the lab file"),
        ),
        column(
            "vps",
            Figure("answer.seconds", "until it answers", 8.6, "s", "lower"),
            Figure("reach.lan", "ports from the LAN", None, note="there is no LAN"),
            Figure("blast.keys", "keys", 0, "", "lower"),
            troubles=("crash: no steady answers",),
        ),
    )


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order; collects attributes and tags."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Balanced:
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    return parser


def test_rows_are_in_the_experiments_order_whatever_the_platforms_measured() -> None:
    keys = [row.key for row in usual().rows]
    assert keys == ["answer.seconds", "reach.lan", "blast.keys", "who.DNS"]
    named = [experiments.NAMES.index(row.experiment) for row in usual().rows]
    assert named == sorted(named)


def test_the_table_has_a_command_for_each_row_that_is_measured() -> None:
    text = verb.text(usual())
    assert re.search(r"until it answers +3\.98 s +8\.60 s +labctl experiment answer lab1", text)
    assert re.search(r"ports from the LAN +– +–", text)
    assert "–  there is no LAN (bare-metal, vps)" in text
    assert "experiment who" not in text
    assert "not measured: from the lab file" in text
    assert re.search(r"vps +failed", text), "a row that one platform lacks"


def test_json_has_raw_values_and_whole_commands() -> None:
    found = json.loads(json.dumps(verb.as_json(usual())))
    by_key = {row["key"]: row for row in found["rows"]}
    assert by_key["answer.seconds"]["figures"]["vps"]["value"] == 8.6
    command = by_key["blast.keys"]["figures"]["bare-metal"]["command"]
    assert command == "labctl experiment blast lab1 --on bare-metal"
    assert not by_key["who.DNS"]["measured"]
    assert found["platforms"][1]["troubles"] == ["crash: no steady answers"]


def test_a_path_in_a_command_is_quoted() -> None:
    found = Comparison("my labs/a b", "a", "", ())
    assert found.command("crash", "vps") == "labctl experiment crash 'my labs/a b' --on vps"


def test_the_page_is_complete_and_asks_nobody() -> None:
    text = page(usual())
    tree = parsed(text)
    assert text.startswith("<!DOCTYPE html>\n<html lang=")
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(tree.tags)
    assert not [a for a in tree.attributes if a[0] in ("src", "href") or a[0].startswith("on")]
    assert set(re.findall(r"https?://[^\"\s<]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\(|@import", text)
    assert tree.tags.count("main") == 1
    assert "no steady answers" in text


def test_ids_are_unique_and_what_is_labelled_is_there() -> None:
    tree = parsed(page(usual()))
    ids = [value for name, value in tree.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    labels = [v for name, v in tree.attributes if name == "aria-labelledby" and v]
    assert labels
    assert {word for label in labels for word in label.split()} <= set(ids)


def test_values_stay_text_in_the_page() -> None:
    hostile = Figure("answer.seconds", HOSTILE, 1.0, HOSTILE, "lower", HOSTILE)
    words = Figure(f"who.{HOSTILE}", HOSTILE, HOSTILE, note=HOSTILE)
    text = page(compared(column("vps", hostile, words, troubles=(HOSTILE,)), title=HOSTILE))
    tree = parsed(text)
    assert "script" not in tree.tags
    assert not [name for name, _ in tree.attributes if name.startswith("on")]


def test_platforms_are_named_in_one_word_and_wrong_ones_are_refused() -> None:
    parser = argparse.ArgumentParser()
    verb.arguments(parser)
    assert parser.parse_args(["--on", "vps,bare-metal"]).on == ("bare-metal", "vps")
    with pytest.raises(SystemExit):
        parser.parse_args(["--on", "vps,cloud"])


@pytest.mark.parametrize("platform", ["bare-metal", "vps", "on-premise"])
def test_the_topology_names_everything_and_nothing_overlaps(platform: PlatformName) -> None:
    lab = on_paper(LAB1, platform)
    text = topology.draw(lab)
    for machine in lab.machines.values():
        assert f">{machine.name}</text>" in text
        assert all(f">{address}</text>" in text for address in machine.addresses.values())
    assert all(network.subnet in text for network in lab.networks)
    layout = topology.arrange(lab)
    assert set(layout.machines) == set(lab.machines)
    boxes = list(layout.machines.values())
    for n, one in enumerate(boxes):
        for other in boxes[n + 1 :]:
            apart = one.right <= other.x or other.right <= one.x
            assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y
    for name, machine in lab.machines.items():
        if len(machine.addresses) == 1:
            inner, outer = layout.machines[name], layout.segments[next(iter(machine.addresses))]
            assert outer.x < inner.x
            assert inner.right < outer.right
            assert outer.y < inner.y
            assert inner.y + inner.height < outer.y + outer.height


def test_only_a_gateway_is_joined_to_networks() -> None:
    assert 'class="t-line"' not in topology.draw(on_paper(LAB1, "vps"))
    lab = on_paper(LAB1, "on-premise")
    assert [machine.name for machine in topology.gateways(lab)] == ["gateway"]
    assert topology.draw(lab).count('class="t-line"') == len(lab.networks)


def test_bars_are_as_long_as_their_values() -> None:
    assert bars.length(10, 10) == 2 * bars.length(5, 10)
    assert bars.length(0, 10) == bars.length(None, 10) == bars.length(0, 0) == 0
    assert bars.length(0.001, 1000) > 0, "what is not nothing is seen"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (3.979, "3.98"), (31.24, "31.2"), (2641.2, "2,641"), (12.0, "12")],
)
def test_numbers_have_three_digits_that_matter(value: float, shown: str) -> None:
    assert number(value) == shown


def test_examples_are_few() -> None:
    assert some(["a", "b", "a"]) == "a, b"
    assert some("abcdef", 2) == "a, b and 4 more"
    assert some([]) == ""


def test_a_row_takes_unit_and_direction_from_any_platform() -> None:
    row = Row("blast", "blast.keys", "keys", {"vps": Figure("blast.keys", "keys", 1, "", "lower")})
    assert row.first.better == "lower"
