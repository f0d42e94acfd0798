"""Labs made by chance, shown to the daemons that are to run them.

One container an image is kept running. The files of each machine are unpacked in it, its
daemons are asked whether they would take them, and the files are removed again.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from testcontainers.core.container import DockerContainer

from labctl import on_demand
from labctl.apache import PACKAGES as APACHE
from labctl.engines import connect, images
from labctl.engines.dockerfile import own_recipe, reference
from labctl.expand import expand
from labctl.keep import keep
from labctl.model import Lab
from labctl.picture.paper import placed
from labctl.render import render
from labctl.render.tree import Entry, Files, archive
from labctl.spec.lab import read
from labctl.webserver import PACKAGES as NGINX
from labctl.webserver import has_nginx
from labctl.work.session import wants
from tests.e2e.support.stacks import FOLDER, STACKS
from tests.property import strategies
from tests.support import STATE, lab_at, lab_from

pytestmark = pytest.mark.e2e
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MAIL = frozenset({"postfix", "dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd", "opendkim"})

# By daemon: the packages of its image, and the question, after what its start would prepare.
QUESTIONS: Mapping[str, tuple[frozenset[str], str]] = {
    "nginx": (NGINX, "install -d -m 1777 /run/nginx && nginx -t -q -e /dev/stderr"),
    "apache2": (
        APACHE,
        (
            "install -d -m 1777 /run/apache2 /run/lock"
            " && s6-setuidgid www-data mkdir -p /run/apache2/socks /run/lock/apache2"
            " && apachectl configtest"
        ),
    ),
    "named": (frozenset({"bind9"}), "named-checkconf -z && check-zones"),
    "unbound": (frozenset({"unbound"}), "unbound-checkconf"),
    "postfix": (MAIL, "postfix check && postconf -n"),
    "dovecot": (MAIL, "doveconf -n"),
    "opendkim": (MAIL, "s6-setuidgid opendkim opendkim -n -x /etc/opendkim.conf"),
}

# What gixy finds that is meant to be so.
MEANT = {
    "ssl_ecdh_curve": "Debian 13's OpenSSL (3.5) knows the hybrid group, and nginx -t tells",
    "hsts_header": "a lab's names serve both ways, and a browser would remember it for real",
    "try_files_is_evil_too": "a changed page must be seen at once: nothing caches open files",
    "worker_rlimit_nofile_vs_connections": "the engine gives containers descriptors enough",
}

BEHIND = """\
lab: behind
services:
  front: {{server: {server}}}
  away: {{kind: static, content: files}}
  near: {{kind: static, content: club, machine: front}}
  echo: {{kind: websocket, program: echo.py}}
sites:
  away: away
  near: near
  echo: {{service: echo, replicas: 3}}
"""

# What is there to be refused, and where.
SHOWN = {"weak_ssl_tls": "gallery"}


class Host:
    """A running container with the packages of one image."""

    def __init__(self, container: DockerContainer) -> None:
        self.container = container.get_wrapped_container()

    def run(self, script: str) -> str:
        """Run a script, which must succeed; what it printed."""
        status, output = self.container.exec_run(["sh", "-c", script])
        assert isinstance(output, bytes)
        said = output.decode(errors="replace")
        assert status == 0, f"{script}: {said}"
        return said

    def ask(self, files: Files, question: str) -> str:
        """Unpack files as a machine does, put the question, and remove them."""
        names = io.BytesIO("".join(f"{path}\0" for path in files).encode())
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name, data in (("tree.tar", archive(files)), ("names", names.getvalue())):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        self.container.put_archive("/root", packed.getvalue())
        remove = "xargs -0 rm -f </root/names"
        unpack = "tar -C / --keep-directory-symlink -xpf /root/tree.tar"
        return self.run(f"{unpack} && {{ {question}; s=$?; {remove}; exit $s; }}")


@pytest.fixture(scope="module")
def hosts() -> Iterator[dict[str, Host]]:
    """A container a daemon; daemons of one image share theirs. Removed at the end."""
    os.environ["TESTCONTAINERS_RYUK_DISABLED"] = "true"  # its image may be out of reach
    recipe = own_recipe()
    wanted = {reference(packages, recipe): packages for packages, _ in QUESTIONS.values()}
    client = connect(timeout=600)
    images.build(client, images.missing(client, wanted), recipe, lambda progress: None)
    client.close()
    running: dict[str, DockerContainer] = {}
    try:
        for image in wanted:
            container = DockerContainer(image)
            container.with_kwargs(entrypoint=["sleep", "infinity"], network_mode="none", init=True)
            running[image] = container
            container.start()
        by_packages = {wanted[image]: Host(container) for image, container in running.items()}
        yield {name: by_packages[packages] for name, (packages, _) in QUESTIONS.items()}
    finally:
        for container in running.values():
            container.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labs")
    strategies.write_content(path)
    return path


def test_what_a_daemon_refuses_fails(hosts: dict[str, Host]) -> None:
    files = {"/etc/nginx/sites-enabled/x.conf": Entry(b"server { listen eighty; }\n")}
    with pytest.raises(AssertionError, match=r"x\.conf:1"):
        hosts["nginx"].ask(files, QUESTIONS["nginx"][1])


def test_what_apache_refuses_fails(hosts: dict[str, Host], folder: Path) -> None:
    lab = lab_at(FOLDER / "web-servers" / "lab.yml")
    kept, _ = keep(lab, wants(lab), folder / "kept" / lab.name, NOW, write=False)
    files = dict(render(lab, kept, lambda packages: "image:latest", STATE).machines["apache"])
    hosts["apache2"].ask(files, QUESTIONS["apache2"][1])
    files["/etc/apache2/sites-enabled/x.conf"] = Entry(b"<VirtualHost *:80>\nNonsense\n")
    with pytest.raises(AssertionError, match=r"x\.conf"):
        hosts["apache2"].ask(files, QUESTIONS["apache2"][1])


def accept(lab: Lab, hosts: Mapping[str, Host], folder: Path) -> None:
    """Render a lab with real keys; its daemons and Compose take it."""
    kept, _ = keep(lab, wants(lab), folder / "kept" / lab.name, NOW, write=False)
    tree = render(lab, kept, lambda packages: "image:latest", STATE)
    asked = 0
    for machine in lab.machines.values():
        for daemon in machine.daemons:
            if daemon.name in QUESTIONS:
                hosts[daemon.name].ask(tree.machines[machine.name], QUESTIONS[daemon.name][1])
                asked += 1
    assert asked >= 3  # every lab has a front, a name server and a resolver
    compose = folder / "compose.yaml"
    compose.write_bytes(tree.compose)
    command = ["docker", "compose", "-f", str(compose), "config", "-q"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (finished.returncode, finished.stderr) == (0, "")


@given(document=strategies.labs())
@settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_daemons_take_every_valid_lab(
    document: strategies.Document, hosts: dict[str, Host], folder: Path
) -> None:
    accept(lab_from(strategies.as_yaml(document), folder), hosts, folder)


@pytest.mark.parametrize("stack", STACKS)
def test_daemons_take_the_stacks(stack: str, hosts: dict[str, Host], folder: Path) -> None:
    accept(lab_at(FOLDER / stack / "lab.yml"), hosts, folder)


@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_both_servers_take_whatever_stands_behind_them(
    server: str, hosts: dict[str, Host], folder: Path
) -> None:
    """Files of another machine, replicas, WebSockets, and on one machine what sleeps."""
    text, stack = BEHIND.format(server=server), FOLDER / "web-servers"
    accept(lab_from(text, stack), hosts, folder)
    alone = expand(*read(text.replace("replicas: 3", "").encode(), "lab.yml", stack), "bare-metal")
    asleep = on_demand.asleep(placed(alone))
    assert any(daemon.on_demand for daemon in asleep.machines["server"].daemons)
    accept(asleep, hosts, folder)


@pytest.mark.parametrize("stack", STACKS)
def test_gixy_finds_nothing_that_is_not_meant(
    stack: str, hosts: dict[str, Host], folder: Path
) -> None:
    lab = lab_at(FOLDER / stack / "lab.yml")
    kept, _ = keep(lab, wants(lab), folder / "kept" / lab.name, NOW, write=False)
    tree = render(lab, kept, lambda packages: "image:latest", STATE)
    question = "install -d -m 1777 /run/nginx && nginx -T -e /dev/stderr"
    machines = [one.name for one in lab.machines.values() if has_nginx(one)]
    assert machines, "every lab has a front that is nginx"
    for machine in machines:
        dump = hosts["nginx"].ask(tree.machines[machine], question)
        meant = set(MEANT) | {name for name, where in SHOWN.items() if where == machine}
        assert findings(dump) <= meant, machine


# what gixy has to find in every configuration: it says nothing of one that it cannot read
PLANTED = "http {\n    server { location /planted { proxy_pass http://$arg_planted; } }\n"


def findings(dump: str) -> set[str]:
    """The names of gixy's checks that find something in what ``nginx -T`` prints."""
    command = [sys.executable, "-m", "gixy", "--format", "json", "-"]
    planted = dump.replace("http {\n", PLANTED, 1)
    finished = subprocess.run(
        command, input=planted, capture_output=True, text=True, check=False, timeout=60
    )
    assert finished.returncode == 1, finished.stderr
    found = json.loads(finished.stdout)
    own = {one["plugin"] for one in found if "planted" not in one["config"]}
    assert any("planted" in one["config"] for one in found), "it has read nothing"
    return own
