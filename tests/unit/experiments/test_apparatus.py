"""Trial labs, their files, what listens, and memory."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from labctl.errors import LabctlError
from labctl.experiments import NAMES, load
from labctl.experiments.apparatus import memory, trial
from labctl.experiments.apparatus.lab_file import LabFile
from labctl.experiments.apparatus.listeners import listening
from labctl.experiments.apparatus.ship import source
from labctl.spec.fields import Name
from labctl.spec.lab import load as load_lab
from labctl.work.session import Choices

LAB = """\
# a lab
lab: sample
subnet: 198.18.9.0/24
services:
  www: static
  mail:
    kind: mail
    users: [no, 0123, "null"]
  wsgi:
sites:
  www: www
expose:
- {service: mail, port: 25, host: 2525}
platforms:
  on-premise: {dmz: 10.1.1.0/24, lan: 10.1.2.0/24, outgoing: proxy}
"""


@pytest.fixture
def file(tmp_path: Path) -> LabFile:
    path = tmp_path / "lab.yml"
    path.write_text(LAB)
    return LabFile(path)


def test_what_is_the_hosts_is_replaced_and_the_rest_stays(file: LabFile) -> None:
    file.drop("subnet", "dmz", "lan")
    assert file.exposed() == 1
    file.expose_at([31000])
    text = file.path.read_text()
    for gone in ("2525", "198.18.9", "10.1."):
        assert gone not in text
    spec, _ = load_lab(file.path)
    assert spec.on("on-premise").outgoing == "proxy"
    assert [(keys.port, keys.host) for keys in spec.expose.values()] == [(25, 31000)]
    assert spec.services["mail"].options.users == ("no", "0123", "null")


def test_a_services_key_is_set_however_the_service_is_written(file: LabFile) -> None:
    for service in ("www", "mail", "wsgi"):
        file.set(service, "memory", "128M")
        file.set(service, "memory", "512M")
    (file.path.parent / "www").mkdir()
    (file.path.parent / "wsgi").mkdir()
    spec, _ = load_lab(file.path)
    for service in ("www", "mail", "wsgi"):
        assert spec.services[service].limits == {"memory": 512 * 2**20}
    assert spec.services["www"].kind == "static"
    assert spec.services["wsgi"].kind == "wsgi"


def test_a_site_is_added_under_a_name_that_is_free(file: LabFile) -> None:
    assert [file.add_site(name, "www") for name in ("another", "another", "www")] == [
        "another", "another-2", "www-2",
    ]  # fmt: skip
    spec, _ = load_lab(file.path)
    assert {site.name for site in spec.sites} == {"www", "another", "another-2", "www-2"}


def test_another_lab_file_is_merged_key_by_key(file: LabFile) -> None:
    before, _ = load_lab(file.path)
    file.merge("sites: {shop: www, www: {service: www, tls: none}}\ntitle: Merged\n")
    spec, _ = load_lab(file.path)
    sites = {site.name: site for site in spec.sites}
    assert set(sites) == {"shop", *(site.name for site in before.sites)}
    assert (sites["www"].tls, spec.title) == ("none", "Merged")
    assert spec.services.keys() == before.services.keys()
    for text in ("- a\n", "a: [\n", ""):
        with pytest.raises(ValueError, match=r"keys and values are expected|not YAML"):
            file.merge(text)


def test_files_are_laid_over_the_folder_and_never_outside(
    file: LabFile, tmp_path_factory: pytest.TempPathFactory
) -> None:
    changing = trial.Changing(file.path.parent, Choices(), lambda text: None)
    changing.lay_over({"club/index.html": b"club", "lab.yml": b"title: Merged\n"})
    assert (file.path.parent / "club/index.html").read_bytes() == b"club"
    assert load_lab(file.path)[0].title == "Merged"
    outside = tmp_path_factory.mktemp("outside")
    (file.path.parent / "link").symlink_to(outside)
    with pytest.raises(ValueError, match="leads out of the lab's folder"):
        changing.lay_over({"link/passwd": b"x"})
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("lab", ["lab1", "a" * 31, "a-very-long-name-of-a-lab-x"])
def test_a_trials_name_is_a_name(lab: str) -> None:
    names = {trial.trial_name(lab, platform) for platform in ("bare-metal", "vps", "on-premise")}
    assert len(names) == 3
    assert lab not in names
    assert all(Name().read(name) == name for name in names)


def test_free_ports_are_free_and_different() -> None:
    found = trial.free_ports(3)
    assert len(set(found)) == 3
    for port in found:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_two_trials_at_a_time_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path))
    refused = pytest.raises(LabctlError, match="another experiment is going on")
    with trial._alone(), refused, trial._alone():
        pass
    with trial._alone():
        pass


TCP = """\
  sl  local_address rem_address   st tx_queue
   0: 0B00007F:8CD7 00000000:0000 0A 00000000:00000000
   1: CA0012C6:0035 00000000:0000 0A 00000000:00000000
   2: 00000000:0019 00000000:0000 0A 00000000:00000000
   3: CA0012C6:01BB D90012C6:C77C 06 00000000:00000000
   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0:0
   1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 0:0
   2: 0000000000000000FFFF00000100007F:0278 00000000000000000000000000000000:0000 0A 0:0
"""


def test_listeners_for_others_are_those_not_on_loopback() -> None:
    assert listening(TCP) == {53, 25, 22}


def test_own_memory_can_be_read() -> None:
    share = memory.shares({"here": "none"}, {"here": (os.getpid(),)})
    assert 2**20 < share["here"] < 2**32


def test_every_experiment_explains_itself() -> None:
    for name in NAMES:
        module = load(name)
        assert module.__doc__.strip()
        assert module.TITLE
        assert module.STEPS
        assert module.NEEDS in ("paper", "running", "own")


@pytest.mark.parametrize("name", ["asker", "scanner", "noise", "intruder"])
def test_shipped_programs_compile_and_fit_a_command_line(name: str) -> None:
    compile(source(name), name, "exec")
    assert len(source(name)) < 128 * 1024  # one argument of execve(2), MAX_ARG_STRLEN
