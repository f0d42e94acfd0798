"""The provider's book and what it does to a lab; limits as people write and read them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from labctl import kinds
from labctl.amounts import rate, size
from labctl.checks import command, expect
from labctl.engines import isolation, limits
from labctl.engines.helper import TOOLS
from labctl.engines.limits import Note, Notes, read_notes
from labctl.errors import LabctlError
from labctl.model import Check, Lab, Limits, Publishing
from labctl.platforms import vps
from labctl.platforms.book import Book, Resized, Restored, Server, merged, ordered, without
from labctl.render.compose import limits_from, limits_text
from labctl.spec.fields import Disk, Rate, Wrong
from labctl.spec.problems import InvalidLab
from labctl.work import lab_images
from labctl.work.provider_book import change_book, read_book
from tests.support import SUBNET, expanded_from, lab_from, tree_of

TEXT = """
lab: x
services:
  app: {kind: wsgi, memory: 300M, disk: 64M, bandwidth: 10M}
platforms: {vps: {isolation: runsc}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text("")
    return tmp_path


def placed(folder: Path, book: Book, text: str = TEXT) -> Lab:
    expanded = replace(expanded_from(text, folder), book=book)
    return vps.place(expanded, {"internet": SUBNET}, Publishing())


def test_an_order_holds_until_the_lab_file_says_otherwise(folder: Path) -> None:
    machine = placed(folder, Book()).machines["app"]
    book = ordered(Book(), machine, {"memory": 2**29, "cpus": 2.0})
    found = merged(machine, book).limits
    assert (found.memory, found.cpus, found.disk) == (2**29, 2.0, 64 * 2**20)
    rewritten = replace(machine, limits=replace(machine.limits, memory=2**28))
    assert merged(rewritten, book).limits == replace(rewritten.limits, cpus=2.0)


def test_limits_and_captures_need_an_image_that_is_saved_with_any_lab(folder: Path) -> None:
    found = lab_images.users(placed(folder, Book(), "lab: x\nservices:\n  app: wsgi\n"))
    assert ("helpers", TOOLS) in {(who, what) for who, what, _ in found}


def test_an_order_of_what_the_lab_file_says_is_none(folder: Path) -> None:
    machine = placed(folder, Book()).machines["app"]
    book = ordered(Book(), machine, {"memory": 2**29})
    assert ordered(book, machine, {"memory": machine.limits.memory}) == Book()


def test_a_server_of_the_book_has_packages_an_address_and_a_disk(folder: Path) -> None:
    before = placed(folder, Book())
    book = Book(servers={"shop": Server(("nano",), Limits(2**26, 0.5, 32, disk=2**25))})
    after = placed(folder, book)
    shop = after.machines["shop"]
    assert "nano" in shop.packages
    assert (shop.services, shop.limits.disk) == ((), 2**25)
    assert [(v.name, v.path, v.size) for v in shop.volumes] == [("shop-srv", "/srv", 2**25)]
    assert {n: after.machines[n].address for n in before.machines} == {
        n: m.address for n, m in before.machines.items()
    }
    assert shop.address not in {m.address for m in before.machines.values()}
    assert "shop" in tree_of(after).machines
    assert not kinds.visiting(shop, after), "it is nobody's visitor that nothing runs on it yet"


def test_a_restored_server_runs_from_its_image_while_its_packages_are_the_same(
    folder: Path,
) -> None:
    packages = tuple(placed(folder, Book()).machines["app"].packages)
    same = Book(restored={"app": Restored("restored:x.app", packages)})
    assert placed(folder, same).machines["app"].image == "restored:x.app"
    assert "restored:x.app" in tree_of(placed(folder, same)).compose.decode()
    other = Book(restored={"app": Restored("restored:x.app", ("nano",))})
    assert placed(folder, other).machines["app"].image == ""


def test_the_book_is_kept_and_forgets_what_is_destroyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path))
    book = Book(
        {"app": {"memory": Resized(1, 2)}},
        {"shop": Server(("nano",))},
        {"app": Restored("image", ("python3",))},
    )
    assert read_book("x") == Book()
    change_book("x", lambda _: book)
    assert read_book("x") == book
    assert (tmp_path / "x" / "provider.json").stat().st_mode & 0o777 == 0o600
    assert without(book, ["app", "shop"]) == Book()


def test_the_compose_file_says_disks_runtimes_and_limits(folder: Path) -> None:
    text = tree_of(placed(folder, Book())).compose.decode()
    assert 'device: "/dev/hosting-labctl/labctl-x_app-var-opt-app"' in text
    assert 'runtime: "runsc"' in text
    assert f'hosting-labctl.limits: "{300 * 2**20} 1 80"' in text


def test_limits_on_a_label() -> None:
    some = Limits(2**26, 0.25, 40)
    assert limits_from(limits_text(some)) == some
    assert limits_from("") is None
    assert limits_from("a b c") is None


def test_a_disk_for_a_service_without_data_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    with pytest.raises(InvalidLab) as caught:
        lab_from("lab: x\nservices:\n  www: {kind: static, disk: 64M}\n", tmp_path)
    (problem,) = caught.value.problems
    assert problem.message == "a static service has no data that a disk would hold"
    assert problem.path == "services.www.disk"


@pytest.mark.parametrize(
    ("text", "value"), [("10M", 10**7), ("100 K", 10**5), ("1Gbit/s", 10**9), ("2mbit", 2 * 10**6)]
)
def test_rates(text: str, value: int) -> None:
    assert Rate().read(text) == value


@pytest.mark.parametrize("text", ["10", "10MB", "1K", "999999G", "-1M", "10M/s"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(Wrong):
        Rate().read(text)


def test_too_small_a_disk() -> None:
    with pytest.raises(Wrong, match="too little"):
        Disk().read("1M")


def test_amounts_for_people() -> None:
    assert [size(n) for n in (0, 1023, 2**10, 3 * 2**19, 2**30)] == [
        "0B", "1023B", "1K", "1.5M", "1G",
    ]  # fmt: skip
    assert [rate(n) for n in (1500, 10**7, 25 * 10**8)] == ["1.5 kbit/s", "10 Mbit/s", "2.5 Gbit/s"]


def test_notes_are_about_one_container(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "limits.json")
    notes.write("app", Note("c1", "then", 10**7, 2**26))
    assert read_notes(tmp_path).of("app", "c1") == Note("c1", "then", 10**7, 2**26)
    assert read_notes(tmp_path).of("app", "c2") is None
    notes.path.write_text("{")
    assert read_notes(tmp_path).by_machine == {}


def test_memory_in_use_is_without_the_page_cache() -> None:
    one = {"usage": 100, "stats": {"total_rss": 1, "total_active_file": 20, "active_file": 99}}
    two = {"usage": 100, "stats": {"active_file": 20, "inactive_file": 30}}
    assert [limits.memory_used({"memory_stats": m}) for m in (one, two, {})] == [80, 50, 0]


def test_an_isolation_is_what_the_engine_has() -> None:
    info = {"Runtimes": {"runc": {}, "io.containerd.runc.v2": {}, "sysbox-runc": {}}}
    assert isolation.offered(info) == ("runc", "sysbox")
    assert list(isolation.problems(["runc"])) == []  # nobody is asked


def test_the_checks_of_a_provider(folder: Path) -> None:
    lab = placed(folder, Book())
    found = {check.name: check for check in lab.checks if check.service == "vps"}
    assert len(found) == 5
    memory = found["no server can use more memory than it has"]
    assert memory.expect == {
        **{m.name: str(m.limits.memory) for m in lab.machines.values()},
        "beyond": "stopped",
    }
    processes = found["no server can run more processes than it may"]
    assert processes.ask["commands"]["beyond"][0] == "client"
    assert found["no server can store more than its disk holds"].expect == {
        "app": {"most": 64 * 2**20}
    }


def test_the_probes_are_programs(folder: Path) -> None:
    lab = placed(folder, Book())
    for check in (check for check in lab.checks if check.client == "commands"):
        for _, perl, _, program, *_ in check.ask["commands"].values():
            done = subprocess.run([perl, "-c", "-e", program], capture_output=True, check=False)
            assert done.returncode == 0, done.stderr


def test_the_same_command_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []

    def one(container: str | None, words: tuple[str, ...]) -> dict[str, object]:
        ran.append(words)
        return {"status": 0, "output": "memory 5\npackets refused\n"} if container else {
            "error": "the machine does not run"
        }  # fmt: skip

    monkeypatch.setattr(command, "on_machine", one)
    asks = [{"line": name, "commands": {"a": ("app", "x"), "b": ("www", "x")}}
            for name in ("memory", "packets")]  # fmt: skip
    checks = [Check(str(n), "vps", "commands", ask, {}) for n, ask in enumerate(asks)]
    seen = command.run(checks, {"app": "c"})
    assert ran == [("x",), ("x",)]
    assert [one["a"] for one in seen[:2]] == ["5", "refused"]
    assert seen[0]["b"] == "the machine does not run"


def test_at_most() -> None:
    assert expect.holds({"most": 5}, "5")
    assert not expect.holds({"most": 5}, "6")
    assert not expect.holds({"most": 5}, "much")
    assert expect.words({"most": 5}) == "at most 5"


def test_a_damaged_book_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path))
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "provider.json").write_text("{}")
    with pytest.raises(LabctlError, match="damaged"):
        read_book("x")
