"""Sandboxes: what they may write to, what they are held to, and what reaches them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from labctl import sandbox
from labctl.engines.dockerfile import WRITTEN, Recipe, machine_dockerfile
from labctl.expand import expand
from labctl.model import Lab, Limits, Machine, PlatformName, Seat
from labctl.picture.paper import placed
from labctl.spec.lab import read
from tests.support import tree_of

LAB = """
lab: course
services:
  www: {kind: static, content: www}
  app: {kind: wsgi, content: app}
sites: {www: www, app: app}
"""
SEAT = Seat("web", "s01", "web.test", "/shm/doors/web-s01")
MIB = 2**20
USUAL = Limits(0, 0, 0)


def closed(folder: Path, quota: Limits = USUAL, platform: PlatformName = "bare-metal") -> Lab:
    for path in ("www/index.html", "app/app.py"):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text("x")
    spec, reader = read(LAB.encode(), "lab.yml", folder)
    assert not reader.problems
    lab = placed(expand(sandbox.own(spec, SEAT), reader, platform))
    return sandbox.closed(lab, SEAT, quota)


def own(lab: Lab) -> list[Machine]:
    return [machine for machine in lab.machines.values() if not machine.visiting]


def test_a_students_machine_writes_to_two_disks_and_no_more(tmp_path: Path) -> None:
    (server,) = own(closed(tmp_path))
    assert server.sealed
    assert {volume.path: volume.size for volume in server.volumes} == {
        "/etc": 32 * MIB,
        "/var": 224 * MIB,
    }
    assert any(text.startswith("/tmp:") and "size=32m" in text for text in server.tmpfs)


def test_the_data_of_services_has_its_directory(tmp_path: Path) -> None:
    (server,) = own(closed(tmp_path))
    daemon = next(one for one in server.daemons if one.name == "gunicorn-app")
    assert daemon.prepare[0] == ("mkdir", "-p", "/var/opt/app")


@pytest.mark.parametrize(
    ("disk", "etc", "var"), [(64, 16, 48), (128, 32, 96), (1024, 32, 992), (8, 16, 32)]
)
def test_the_disk_is_split_and_never_too_small_to_start(
    tmp_path: Path, disk: int, etc: int, var: int
) -> None:
    (server,) = own(closed(tmp_path, Limits(0, 0, 0, disk * MIB)))
    assert [volume.size // MIB for volume in server.volumes] == [etc, var]


def test_several_machines_share_the_quota(tmp_path: Path) -> None:
    machines = own(closed(tmp_path, Limits(512 * MIB, 1, 300, 512 * MIB), "vps"))
    assert len(machines) > 1
    assert sum(machine.limits.memory for machine in machines) <= 512 * MIB
    assert sum(machine.limits.processes for machine in machines) <= 300
    disks = sum(volume.size for machine in machines for volume in machine.volumes)
    assert disks <= 512 * MIB


def test_the_compose_file_seals_bounds_and_puts_last(tmp_path: Path) -> None:
    text = tree_of(closed(tmp_path)).compose.decode()
    server = text.partition("\n  visitor:")[0]
    for line in (
        "read_only: true", "cpu_shares: 256", "oom_score_adj: 500", "core: 0",
        'max-size: "1m"', 'max-file: "2"', f"mem_limit: {256 * MIB}",
        f"memswap_limit: {256 * MIB}", "pids_limit: 256", "shm_size: 16777216",
    ):  # fmt: skip
        assert line in server, line
    assert "read_only: true" not in text.partition("\n  visitor:")[2].partition("target")[0]


def test_the_engines_name_server_asks_the_students_own(tmp_path: Path) -> None:
    lab = closed(tmp_path)
    server = tree_of(lab).compose.decode().partition("\n  visitor:")[0]
    assert f'dns:\n      - "{lab.machine_of("dns").address}"' in server


def test_an_ordinary_lab_has_none_of_it(tmp_path: Path) -> None:
    lab = closed(tmp_path)
    machines = {name: replace(one, sealed=False, weight=1024) for name, one in lab.machines.items()}
    text = tree_of(replace(lab, seat=None, machines=machines)).compose.decode()
    for word in ("dns:", "oom_score_adj", "ulimits", "shm_size", "cpu_shares"):
        assert word not in text
    assert "read_only: true\n" not in text


def test_what_is_written_to_is_below_the_disks_in_every_image() -> None:
    text = machine_dockerfile(["nginx"], Recipe({}))
    assert all(new.startswith("/var/") for new in WRITTEN.values())
    for link in ("var/roothome /root", "../var/usrlocal /usr/local", "var/srv /srv"):
        assert f"ln -s {link}" in text
    assert text.index("apt-get install") < text.index("ln -s") < text.index("COPY scripts/")
