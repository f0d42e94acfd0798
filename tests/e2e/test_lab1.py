"""lab1 as its user sees it: up, ready, proved."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

SERVICES = {"www", "forms", "app", "chat", "mail", "dns", "front", "resolver", "client"}


def test_every_machine_is_ready(lab1: OwnLab) -> None:
    told = lab1.must("status", "--json").json
    assert told["ready"] is True
    assert {m["name"]: m["state"] for m in told["machines"]} == dict.fromkeys(SERVICES, "ready")


def test_every_check_holds(lab1: OwnLab) -> None:
    ran = lab1.labctl("check", "--json")
    failed = [(c["check"], c["differences"]) for c in ran.json if not c["passed"]]
    assert failed == []
    assert ran.status == 0
    assert {c["service"] for c in ran.json} >= SERVICES - {"client"}


def test_one_service_can_be_checked_alone(lab1: OwnLab) -> None:
    told = lab1.must("check", "--service", "www", "--json").json
    assert {c["service"] for c in told} == {"www"}
    unknown = lab1.labctl("check", "--service", "wwww")
    assert unknown.status == 2
    assert "www" in unknown.err


def test_up_says_where_everything_is(lab1: OwnLab) -> None:
    told = lab1.must("up", "--json").json
    assert told["changed"] == []
    urls = {site["name"]: site["url"] for site in told["sites"]}
    assert urls == {name: lab1.url(name) for name in ("www", "forms", "app", "chat", "selfsigned")}
    assert {a["login"] for a in told["accounts"]} == {
        f"alice@{lab1.domain}",
        f"bob@{lab1.domain}",
    }
    assert {service["name"] for service in told["services"]} == SERVICES


def test_the_table_of_up_has_the_three_lines_that_a_newcomer_needs(lab1: OwnLab) -> None:
    out = lab1.must("up").out
    for words in (lab1.url("www"), f"labctl ca trust {lab1.name}", f"labctl check {lab1.name}"):
        assert words in out


def test_nothing_changed_means_that_nothing_would_change(lab1: OwnLab) -> None:
    ran = lab1.plan("--json")
    assert ran.status == 0, ran.said
    assert ran.json == {"lab": lab1.name, "changes": [], "drift": [], "replaces": ""}


def test_list_shows_it_as_up(lab1: OwnLab) -> None:
    found = {lab["name"]: lab for lab in lab1.home.labctl("list", "--json").json}
    assert found[lab1.name]["state"] == "up"
    assert found[lab1.name]["file"] == str(lab1.folder / "lab.yml")


def test_exec_runs_a_command_and_returns_its_status(lab1: OwnLab) -> None:
    assert lab1.must("exec", "www", "--", "hostname", "-f").out.startswith("www.hosts.")
    assert lab1.labctl("exec", "www", "--", "sh", "-c", "exit 7").status == 7
    assert lab1.labctl("exec", "no-such-machine", "--", "true").status == 2


def test_a_person_can_read_and_edit_a_file_in_any_language(lab1: OwnLab) -> None:
    look = "locale charmap; nano --version; printf 'h\\303\\251\\n' | less"
    charmap, *versions, read = lab1.output("www", "bash", "-lc", look).splitlines()
    assert (charmap, read) == ("UTF-8", "hé")
    assert "GNU nano" in versions[0]


def test_logs_show_who_asked_for_what(lab1: OwnLab) -> None:
    lab1.output("client", "curl", "-sS", f"http://www.{lab1.domain}/asked-for-the-log")
    eventually(lambda: "/asked-for-the-log" in lab1.must("logs", "front").out)
    said = lab1.must("logs", "front").out
    assert "/never-asked-for" not in said
    assert "\x1b" not in said


def test_what_is_not_up_is_neither_ready_nor_checked(own: Labs) -> None:
    lab = own("hello")
    lab.replace("lab.yml", "lab: hello", f"lab: {lab.name}")
    status = lab.home.labctl("status", lab.folder)
    assert status.status == 1
    assert "missing" in status.out
    check = lab.home.labctl("check", lab.folder)
    assert check.status == 1
    assert "is not up" in check.err
