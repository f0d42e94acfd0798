"""SSH: which machines have it, whose keys, and the configuration of the host's client."""

from __future__ import annotations

import shlex
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labctl import ssh
from labctl.engines import dockerfile
from labctl.engines.state import write_atomically
from labctl.errors import LabctlError
from labctl.keep import keep
from labctl.model import Kept, Lab, Machine
from labctl.pki import keys
from labctl.render import ssh_config
from labctl.spec.problems import InvalidLab
from labctl.work import ssh_access
from labctl.work.session import wants
from tests.support import kept_for, lab_at, lab_from, tree_of

TEXT = "{lab: x, services: {www: static}, sites: {www: www}}"
HELLO = Path("stacks/hello/lab.yml")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<!doctype html>")
    return lab_from(TEXT, tmp_path)


@pytest.fixture
def kept(lab: Lab) -> Kept:
    return kept_for(wants(lab))


def names(machines: tuple[Machine, ...]) -> set[str]:
    return {machine.name for machine in machines}


def test_servers_have_it_and_visitors_do_not(lab: Lab) -> None:
    assert names(ssh.servers(lab)) == {"www", "front", "dns"}
    for name, machine in lab.machines.items():
        has = name in names(ssh.servers(lab))
        assert (machine.packages >= ssh.PACKAGES) is has
        assert (machine.capabilities >= ssh.CAPABILITIES) is has
        assert (ssh.USER_KEY in machine.wants) is has


def test_a_company_logs_in_to_all_its_servers_from_its_workstation() -> None:
    lab = lab_at(HELLO, "on-premise")
    assert names(ssh.servers(lab)) == {"www", "app", "front", "dns", "gateway", "inside-dns"}
    ways = {machine.name: ssh_config.way_to(machine, lab) for machine in ssh.servers(lab)}
    assert {start for start, _ in ways.values()} == {"workstation"}
    assert ways["gateway"][1] == lab.machines["gateway"].addresses["lan"]
    assert ways["front"][1] == lab.machines["front"].addresses["dmz"]


def test_on_the_internet_one_comes_from_the_client() -> None:
    lab = lab_at(HELLO, "bare-metal")
    (server,) = ssh.servers(lab)
    assert ssh_config.way_to(server, lab) == ("client", server.address)


def test_a_machine_has_its_own_key_and_only_the_public_half_of_labctls(
    lab: Lab, kept: Kept
) -> None:
    files = tree_of(lab).machines
    private = kept.keys[ssh.USER_KEY.name].pem.encode()
    hosts = {name: files[name][ssh.HOST_KEY] for name in names(ssh.servers(lab))}
    assert len({entry.content for entry in hosts.values()}) == len(hosts)
    assert {entry.mode for entry in hosts.values()} == {0o600}
    for machine in files.values():
        assert not any(private in entry.content for entry in machine.values())
    assert kept.keys[ssh.USER_KEY.name].public in files["www"][ssh.AUTHORIZED].content.decode()
    assert not {ssh.HOST_KEY, ssh.CONFIG, ssh.AUTHORIZED} & files["client"].keys()


def test_no_image_brings_a_host_key() -> None:
    """sshd's package makes keys where its configuration says nothing of others."""
    recipe = dockerfile.own_recipe()
    with_ssh = dockerfile.machine_files(ssh.PACKAGES, recipe)
    assert b"HostKey none\n" in with_ssh[ssh.CONFIG.removeprefix("/")]
    assert dockerfile.machine_files({"nginx"}, recipe) == {}


def options(config: str, host: str) -> dict[str, str]:
    """The options that hold for a host, as ssh itself reads them."""
    ran = subprocess.run(
        ["ssh", "-G", "-F", "/dev/stdin", host], input=config, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    pairs = (line.partition(" ") for line in ran.stdout.splitlines())
    return {name: value for name, _, value in pairs}


def test_ssh_reads_the_configuration_as_it_is_meant(lab: Lab) -> None:
    config = ssh_config.client_config(lab, "/a b/100%/key", "/a b/100%/known")
    found = options(config, "www.x")
    address = lab.machines["www"].address
    assert shlex.split(found["proxycommand"]) == [
        *("docker", "exec", "-i", "labctl-x-client-1", "nc", "-N", address, "22")
    ]
    assert found["user"] == "root"
    assert found["hostkeyalias"] == "www.x"
    assert found["identityfile"].replace("%%", "%").strip('"') == "/a b/100%/key"
    assert found["stricthostkeychecking"] in ("true", "yes")
    assert found["identitiesonly"] == "yes"
    assert found["globalknownhostsfile"] in ("none", "/dev/null")
    assert "proxycommand" not in options(config, "www.other")


@pytest.mark.parametrize("path", ["/a\nUser nobody/key", "/${HOME}/key"])
def test_a_path_that_ssh_would_read_otherwise_is_refused(lab: Lab, path: str) -> None:
    with pytest.raises(LabctlError) as caught:
        ssh_config.client_config(lab, path, "/known")
    assert "HOSTING_LABCTL_DIR" in caught.value.hint


def test_known_hosts_has_every_server(lab: Lab, kept: Kept) -> None:
    lines = [line.split() for line in ssh_config.known_hosts(lab, kept).splitlines()]
    assert {host for host, _, _ in lines} == {"www.x", "front.x", "dns.x"}
    assert len({key for _, _, key in lines}) == 3


def test_keys_are_kept_closed_and_openssh_takes_them(lab: Lab, tmp_path: Path) -> None:
    home = tmp_path / "data"
    now = datetime.now(UTC)
    first, _ = keep(lab, wants(lab), home, now)
    again, _ = keep(lab, wants(lab), home, now)
    assert first.keys == again.keys
    assert stat.S_IMODE((home / "keys.json").stat().st_mode) == 0o600
    user = first.keys[ssh.USER_KEY.name]
    path = tmp_path / "key"
    write_atomically(path, user.pem.encode(), 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True)
    assert said.stdout.split()[:2] == [ssh.ALGORITHM, user.public], said.stderr


def test_two_keys_are_two() -> None:
    assert keys.ssh_public(keys.new_ed()) != keys.ssh_public(keys.new_ed())


def test_the_command_line(lab: Lab, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(ssh_config.client_config(lab, "/key", "/known"))
    words = ssh_access.command(config, "x", "www", ["ls", "-l"], terminal=False)
    assert words[1:] == ["-F", str(config), "--", "www.x", "ls", "-l"]
    assert "-t" in ssh_access.command(config, "x", "www", ["top"], terminal=True)


def test_a_machine_without_server_is_told_from_one_with(lab: Lab, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(ssh_config.client_config(lab, "/key", "/known"))
    with pytest.raises(LabctlError, match="client has no SSH server") as caught:
        ssh_access.command(config, "x", "client", [], terminal=False)
    assert "labctl shell x client" in caught.value.hint


def test_a_host_without_ssh_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabctlError, match="no `ssh` program") as caught:
        ssh_access.command(tmp_path / "ssh_config", "x", "www", [], terminal=False)
    assert "openssh-client" in caught.value.hint


def test_no_service_takes_its_port(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "app.py").write_text("app = None")
    text = "{lab: x, services: {app: {kind: wsgi, port: 22}}, sites: {app: app}}"
    with pytest.raises(InvalidLab) as caught:
        lab_from(text, tmp_path)
    assert any("is for logging in" in problem.message for problem in caught.value.problems)
