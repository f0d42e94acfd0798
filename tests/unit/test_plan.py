"""The plan: what there is against what there should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from labctl.model import Daemon, Lab, Limits, Machine
from labctl.plan import Change, Desired, Drift, Observation, Plan, SeenMachine, Step, plan
from labctl.render import DAEMONS
from labctl.render.tree import Entry, Files, Tree, generation, manifest_lines

HTTPD = Daemon(
    name="httpd",
    run=("httpd",),
    test=("httpd", "-t"),
    reload=("httpd", "-s", "reload"),
    watches=("/etc/httpd/",),
    restarts=("/etc/httpd/keys/",),
)
PLAIN = Daemon(name="plain", run=("plain",), watches=("/etc/plain/",))
FILES: Files = {
    "/etc/httpd/a.conf": Entry(b"a"),
    "/etc/httpd/keys/k": Entry(b"k"),
    "/etc/motd": Entry(b"hello"),
    "/etc/plain/p": Entry(b"p"),
    f"{DAEMONS}/httpd/run": Entry(b"run httpd"),
    f"{DAEMONS}/plain/run": Entry(b"run plain"),
}


def desired(files: Files = FILES, daemons: tuple[Daemon, ...] = (HTTPD, PLAIN)) -> Desired:
    machine = Machine(
        "web", (), frozenset(), frozenset(), {"internet": "198.18.0.9"}, "web.x.test",
        daemons=daemons,
    )  # fmt: skip
    lab = Lab("x", "", "x.test", {}, (), {"web": machine}, ())
    return Desired(lab, Tree({"web": files}, b""), {"web": "definition"})


def seen(files: Files = FILES, *drift: str) -> SeenMachine:
    return SeenMachine(
        "web",
        "c0",
        running=True,
        definition="definition",
        generation=generation(files),
        manifest=manifest_lines(files),
        drift=frozenset(drift),
    )


def planned(files: Files, machine: SeenMachine, *reset: tuple[str, str]) -> Plan:
    return plan(desired(files), Observation({"web": machine}), frozenset(reset))


def changed(**files: bytes | None) -> Files:
    """The files with some changed, new, or (None) removed, by the last part of their path."""
    names = {path.rpartition("/")[2]: path for path in FILES}
    found = dict(FILES)
    for name, content in files.items():
        path = names.get(name.replace("_", "."), f"/etc/{name}")
        if content is None:
            del found[path]
        else:
            found[path] = Entry(content)
    return found


def test_nothing_changed_is_nothing_to_do() -> None:
    found = planned(FILES, seen())
    assert found.empty
    assert found == Plan("x")


@pytest.mark.parametrize(
    ("machine", "change"),
    [
        (None, Change("web", "create", "it does not exist yet")),
        (
            replace(seen(), definition="another"),
            Change("web", "recreate", "its image, limits, addresses or ports have changed"),
        ),
        (
            replace(seen(), definition="another", running=False),
            Change("web", "recreate", "its image, limits, addresses or ports have changed"),
        ),
        (replace(seen(), running=False), Change("web", "start", "it is stopped")),
    ],
)
def test_what_happens_to_a_container(machine: SeenMachine | None, change: Change) -> None:
    machines = {"web": machine} if machine else {}
    assert plan(desired(), Observation(machines)).changes == (change,)


def test_a_machine_that_the_lab_has_no_more_is_removed() -> None:
    there = Observation({"web": seen(), "old": replace(seen(), name="old")})
    found = plan(desired(), there)
    assert found.changes == (Change("old", "remove", "the lab file no longer has it"),)
    assert found.of("remove") == found.changes
    assert not found.of("create", "update")


@pytest.mark.parametrize(
    ("files", "reason", "steps"),
    [
        (changed(motd=b"hi"), "files: 1 changed", ["write /etc/motd"]),
        (
            changed(a_conf=b"b"),
            "files: 1 changed",
            ["write /etc/httpd/a.conf", "test httpd", "reload httpd"],
        ),
        (
            changed(k=b"new"),
            "files: 1 changed",
            ["write /etc/httpd/keys/k", "test httpd", "restart httpd"],
        ),
        (changed(p=b"q"), "files: 1 changed", ["write /etc/plain/p", "restart plain"]),
        (
            changed(a_conf=None, issue=b"new"),
            "files: 1 new, 1 removed",
            ["write /etc/issue", "remove /etc/httpd/a.conf", "test httpd", "reload httpd"],
        ),
        (
            {**FILES, f"{DAEMONS}/httpd/run": Entry(b"otherwise")},
            "files: 1 changed",
            [f"write {DAEMONS}/httpd/run", "test httpd", "restart httpd"],
        ),
        (
            {**FILES, "/etc/motd": Entry(b"hello", mode=0o600)},
            "files: 1 changed",
            ["write /etc/motd"],
        ),
        (
            changed(a_conf=b"b", p=b"q"),
            "files: 2 changed",
            [
                "write /etc/httpd/a.conf",
                "write /etc/plain/p",
                "test httpd",
                "reload httpd",
                "restart plain",
            ],
        ),
    ],
)
def test_the_steps_of_an_update(files: Files, reason: str, steps: list[str]) -> None:
    (change,) = planned(files, seen()).changes
    assert (change.action, change.reason) == ("update", reason)
    assert [f"{step.verb} {step.target}" for step in change.steps] == steps


def test_a_new_daemon_is_tested_and_started_and_one_that_is_gone_stopped() -> None:
    before = {path: entry for path, entry in FILES.items() if "/httpd/run" not in path}
    before[f"{DAEMONS}/old/run"] = Entry(b"run old")
    (change,) = planned(FILES, seen(before)).changes
    assert change.steps == (
        Step("write", f"{DAEMONS}/httpd/run"),
        Step("remove", f"{DAEMONS}/old/run"),
        Step("test", "httpd"),
        Step("stop", "old"),
        Step("start", "httpd"),
    )


def test_files_changed_by_hand_are_told_and_kept() -> None:
    found = planned(FILES, seen(FILES, "/etc/motd"))
    assert found.empty
    assert found.drift == (Drift("web", "/etc/motd"),)


def test_a_file_that_the_lab_changed_too_is_a_conflict_and_kept() -> None:
    found = planned(changed(motd=b"hi", a_conf=b"b"), seen(FILES, "/etc/motd"))
    assert found.drift == (Drift("web", "/etc/motd", conflict=True),)
    (change,) = found.changes
    assert Step("write", "/etc/motd") not in change.steps
    assert Step("keep", "/etc/motd") in change.steps
    assert Step("write", "/etc/httpd/a.conf") in change.steps


def test_a_file_that_the_lab_removed_stays_when_changed_by_hand() -> None:
    found = planned(changed(motd=None), seen(FILES, "/etc/motd"))
    assert found.drift == (Drift("web", "/etc/motd", conflict=True),)
    (change,) = found.changes
    assert change.steps == (Step("keep", "/etc/motd"),)
    assert change.reason == "only files kept as changed by hand differ"


@pytest.mark.parametrize("machine", ["", "web"])
def test_what_is_reset_is_written_again_and_its_daemon_told(machine: str) -> None:
    there = seen(FILES, "/etc/httpd/a.conf", "/etc/motd")
    found = planned(FILES, there, (machine, "/etc/httpd/a.conf"))
    assert found.drift == (Drift("web", "/etc/motd"),)
    (change,) = found.changes
    assert change.steps == (
        Step("write", "/etc/httpd/a.conf"),
        Step("test", "httpd"),
        Step("reload", "httpd"),
    )


def test_a_reset_of_another_machine_or_of_an_untouched_file_changes_nothing() -> None:
    there = seen(FILES, "/etc/motd")
    found = planned(FILES, there, ("other", "/etc/motd"), ("", "/etc/plain/p"))
    assert found.empty
    assert found.drift == (Drift("web", "/etc/motd"),)


def test_a_reset_of_a_file_that_the_lab_has_no_more_removes_it() -> None:
    (change,) = planned(changed(motd=None), seen(FILES, "/etc/motd"), ("", "/etc/motd")).changes
    assert change.steps == (Step("remove", "/etc/motd"),)


def test_machines_come_in_the_order_of_the_lab() -> None:
    wanted = desired()
    web = wanted.lab.machines["web"]
    machines: Mapping[str, Machine] = {name: replace(web, name=name) for name in ("z", "web", "a")}
    tree = Tree(dict.fromkeys(machines, FILES), b"")
    lab = replace(wanted.lab, machines=machines)
    found = plan(Desired(lab, tree, dict.fromkeys(machines, "d")), Observation())
    assert [change.machine for change in found.changes] == ["z", "web", "a"]


SMALL = Limits(memory=64 * 2**20, cpus=0.5, processes=20)


AS_WRITTEN = Limits()


def resized(machine: SeenMachine, wanted: Limits = AS_WRITTEN, hot: bool = True) -> Plan:
    there = desired()
    web = replace(there.lab.machines["web"], limits=wanted, hot=hot)
    lab = replace(there.lab, machines={"web": web})
    return plan(replace(there, lab=lab), Observation({"web": machine}))


def test_another_limit_is_no_reason_to_make_a_machine_anew() -> None:
    there = replace(seen(), definition="another", alike=True, limits=SMALL)
    assert resized(there).changes == (
        Change("web", "resize", "memory 64M → 256M, cpus 0.5 → 1, processes 20 → 200"),
    )


def test_a_definition_that_differs_in_more_is() -> None:
    there = replace(seen(), definition="another", limits=SMALL)
    assert [change.action for change in resized(there).changes] == ["recreate"]


def test_what_has_its_limits_already_stays() -> None:
    there = replace(seen(), definition="another", alike=True, limits=Limits())
    assert resized(there).empty


def test_limits_that_somebody_changed_are_put_back() -> None:
    assert [c.action for c in resized(replace(seen(), limits=SMALL)).changes] == ["resize"]


@pytest.mark.parametrize(
    ("wanted", "off", "reason"),
    [
        (Limits(memory=2**29), True, "memory 256M → 512M; it is switched off for that"),
        (Limits(cpus=2), True, "cpus 1 → 2; it is switched off for that"),
        (Limits(processes=300), False, "processes 200 → 300"),
        (Limits(bandwidth=10**7), False, "bandwidth without limit → 10 Mbit/s"),
        (Limits(disk=2**26), True, "disk without limit → 64M; it is switched off for that"),
    ],
)
def test_a_physical_machine_is_switched_off_for_its_parts(
    wanted: Limits, off: bool, reason: str
) -> None:
    (change,) = resized(replace(seen(), limits=Limits()), wanted, hot=False).changes
    assert (change.off, change.reason) == (off, reason)


def test_files_and_limits_change_together() -> None:
    there = replace(seen(changed(motd=b"old")), limits=SMALL)
    assert [change.action for change in resized(there).changes] == ["resize", "update"]


def test_a_stopped_machine_is_started_as_it_is() -> None:
    there = replace(seen(), definition="another", alike=True, limits=Limits(), running=False)
    assert resized(there).changes == (Change("web", "start", "it is stopped"),)
