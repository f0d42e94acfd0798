"""Least privilege, as the engine tells it; and no secret where others may look."""

from __future__ import annotations

import json
import stat

import pytest

from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

BASIC = {"KILL", "SETGID", "SETUID"}
SSH = {"AUDIT_WRITE", "SYS_CHROOT"}  # where one can log in
VISITORS = {"client", "resolver"}
MORE = {"app": {"CHOWN"}, "dns": {"CHOWN"}, "resolver": {"CHOWN"}}
MAIL = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SYS_CHROOT"}


def machines(lab: OwnLab) -> list[str]:
    return [machine["name"] for machine in lab.must("status", "--json").json["machines"]]


def test_each_machine_has_few_capabilities_and_gains_none(lab1: OwnLab) -> None:
    for machine in machines(lab1):
        host = lab1.inspect(machine)["HostConfig"]
        assert host["CapDrop"] == ["ALL"], machine
        allowed = BASIC | MORE.get(machine, set()) | (MAIL if machine == "mail" else set())
        allowed |= set() if machine in VISITORS else SSH
        assert set(host["CapAdd"]) <= allowed, machine
        assert "no-new-privileges:true" in host["SecurityOpt"], machine
        assert not host["Privileged"], machine
        status = lab1.output(machine, "cat", "/proc/1/status")
        assert "NoNewPrivs:\t1" in status, machine


def test_each_machine_has_limits(lab1: OwnLab) -> None:
    for machine in machines(lab1):
        host = lab1.inspect(machine)["HostConfig"]
        assert host["Memory"] > 0, machine
        assert host["MemorySwap"] == host["Memory"], machine
        assert host["PidsLimit"] > 0, machine
        assert host["NanoCpus"] > 0, machine
        assert host["LogConfig"]["Config"]["max-size"], machine


def test_no_machine_sees_the_engine_or_more_of_the_host_than_its_own_directory(
    lab1: OwnLab,
) -> None:
    for machine in machines(lab1):
        engine = lab1.inspect(machine)
        binds = [mount for mount in engine["Mounts"] if mount["Type"] == "bind"]
        own = str(lab1.home.state / lab1.name / "machines" / machine)
        assert [(b["Source"], b["Destination"], b["RW"]) for b in binds] == [
            (own, "/labctl", False)
        ]
        assert lab1.exec(machine, "test", "-e", "/var/run/docker.sock").status == 1
        host = engine["HostConfig"]
        for namespace in ("PidMode", "IpcMode", "UTSMode", "NetworkMode"):
            assert host[namespace] != "host", machine


def test_only_the_front_is_published_and_only_on_loopback(lab1: OwnLab) -> None:
    published = {
        machine: {
            bind["HostIp"]
            for binds in (lab1.inspect(machine)["HostConfig"]["PortBindings"] or {}).values()
            for bind in binds
        }
        for machine in machines(lab1)
    }
    assert {machine for machine, addresses in published.items() if addresses} == {"front"}
    assert published["front"] == {"127.0.0.1", "::1"}


def test_a_machine_has_no_way_out(lab1: OwnLab) -> None:
    """To an address for documentation (RFC 5737): no packet of the test goes anywhere else."""
    look = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    assert lab1.exec("client", "python3", "-c", look).status != 0
    near = "import socket, sys; socket.create_connection((sys.argv[1], 80), 2)"
    lab1.output("client", "python3", "-c", near, f"www.{lab1.domain}")


def test_no_secret_shows_in_what_the_engine_and_the_machines_tell(lab1: OwnLab) -> None:
    secrets = list(lab1.passwords().values())
    assert len(secrets) == 2
    secrets += ["PRIVATE KEY"]
    places = {}
    for machine in machines(lab1):
        container = lab1.client.containers.get(lab1.container(machine))
        places[f"inspect {machine}"] = json.dumps(lab1.inspect(machine))
        places[f"ps {machine}"] = json.dumps(container.top())
        places[f"logs {machine}"] = container.logs().decode(errors="replace")
    image_ids = {lab1.inspect(machine)["Image"] for machine in machines(lab1)}
    for image in image_ids:
        history = lab1.client.api.history(image)  # type: ignore[no-untyped-call]  # docker has no types
        places[f"image {image}"] = json.dumps(history)
    found = [place for place, text in places.items() if any(s in text for s in secrets)]
    assert found == []


def test_private_keys_are_their_owners_only(lab1: OwnLab) -> None:
    keys = lab1.output("front", "find", "/etc/ssl/private", "-name", "*.key", "-printf", "%m %u\n")
    assert set(keys.split("\n")) - {""} == {"600 root"}
    dkim = lab1.output("mail", "stat", "-c", "%a %U", "/etc/dkimkeys/mail.pem")
    assert dkim.strip() == "600 opendkim"
    for path in (lab1.home.data / lab1.name).rglob("*"):
        closed = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == closed, path
    for directory in (lab1.home.data / lab1.name, lab1.home.state / lab1.name):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700, directory


def test_the_authoritys_own_keys_are_on_no_machine(lab1: OwnLab) -> None:
    kept = json.loads((lab1.home.data / lab1.name / "authority.json").read_text())["data"]
    lines = [kept[rank]["key"].splitlines()[1] for rank in ("root", "intermediate")]
    for machine in machines(lab1):
        for line in lines:
            look = ["grep", "-rsq", "-F", "--", line, "/etc", "/labctl", "/var/lib/labctl"]
            assert lab1.exec(machine, *look).status == 1, machine


def test_daemons_are_not_root(lab1: OwnLab) -> None:
    """Masters that hand work to ordinary users may be root, what answers strangers is not."""
    expected = {"app": "gunicorn", "chat": "python3", "dns": "named", "resolver": "unbound"}
    for machine, program in expected.items():
        users = {user for user, command in processes(lab1, machine) if program in command}
        assert users, machine
        assert "root" not in users, machine
    for machine in ("front", "www", "forms"):
        workers = {u for u, command in processes(lab1, machine) if "nginx: worker" in command}
        assert workers, machine
        assert "root" not in workers, machine


def processes(lab: OwnLab, machine: str) -> list[tuple[str, str]]:
    """User and command of each process; s6-supervise carries its daemon's name, and is root."""
    rows = lab.client.containers.get(lab.container(machine)).top(ps_args="-eo pid,user,args")
    return [(u, command) for _, u, command in rows["Processes"] if "s6-" not in command]
