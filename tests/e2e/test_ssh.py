"""SSH into real machines by the host's own ssh: who gets in, who does not, what is logged."""

from __future__ import annotations

import secrets
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.home import Ran, run
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e
KEY_HOST = "/etc/ssh/ssh_host_ed25519_key"


@pytest.fixture
def config(lab1: OwnLab, tmp_path: Path) -> Path:
    """What `labctl ssh --config` prints, in a file of somebody else's."""
    path = tmp_path / "config"
    path.write_text(lab1.must("ssh", "--config").out)
    return path


def plain(config: Path, lab: OwnLab, machine: str, *command: str, options: tuple[str, ...]) -> Ran:
    """The host's ssh, without labctl; ``options`` come before what the configuration says."""
    said = [word for option in options for word in ("-o", option)]
    return run(["ssh", *said, "-F", str(config), f"{machine}.{lab.name}", *command])


def test_root_logs_in_to_every_server(lab1: OwnLab) -> None:
    machines = {one["name"] for one in lab1.must("status", "--json").json["machines"]}
    for machine in machines - {"client", "resolver"}:
        ran = lab1.labctl("ssh", machine, "--", "id -un; hostname")
        assert ran.status == 0, f"{machine}: {ran.said}"
        assert ran.out.split() == ["root", lab1.output(machine, "hostname").strip()]
        assert ran.err == ""


def test_a_terminal_with_a_login_shell(lab1: OwnLab, config: Path) -> None:
    options = ("RequestTTY=force", "LogLevel=QUIET")
    host = f"www.{lab1.name}"
    said = [word for option in options for word in ("-o", option)]
    ran = run(["ssh", *said, "-F", str(config), host], input="tty; shopt login_shell; exit 5\n")
    assert ran.status == 5, ran.said
    assert "/dev/pts/" in ran.out
    assert "login_shell    \ton" in ran.out
    assert "root@www" in ran.out


def test_the_commands_exit_status_is_passed_on(lab1: OwnLab) -> None:
    assert lab1.labctl("ssh", "www", "--", "exit 7").status == 7
    assert lab1.labctl("ssh", "www", "true").status == 0


def test_the_log_tells_where_somebody_came_from(lab1: OwnLab) -> None:
    client = lab1.output("client", "hostname", "-i").strip()
    assert lab1.output("app", "hostname", "-i").strip() != client
    assert lab1.labctl("ssh", "app", "--", "echo $SSH_CLIENT").out.split()[0] == client
    log = lab1.must("logs", "app").out
    assert f"Accepted publickey for root from {client} port" in log


def test_labctls_own_question_whether_sshd_answers_is_not_logged(lab1: OwnLab) -> None:
    lab1.must("status")
    assert "from 127.0.0.1" not in lab1.must("logs", "www").out
    assert "by 127.0.0.1 port" not in lab1.must("logs", "www").out


def test_plain_ssh_and_sftp_take_the_configuration(
    lab1: OwnLab, config: Path, tmp_path: Path
) -> None:
    assert plain(config, lab1, "www", "exit 3", options=()).status == 3
    text = secrets.token_hex(8)
    (tmp_path / "sent").write_text(text)
    orders = f"put {tmp_path}/sent /tmp/sftp\nget /tmp/sftp {tmp_path}/back\nrm /tmp/sftp\n"
    host = f"mail.{lab1.name}"
    ran = run(["sftp", "-q", "-b", "-", "-F", str(config), host], input=orders)
    assert ran.status == 0, ran.said
    assert (tmp_path / "back").read_text() == text


@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_no_password_is_asked_for(lab1: OwnLab, config: Path, method: str) -> None:
    asked = (f"PreferredAuthentications={method}", "PubkeyAuthentication=no")
    ran = plain(config, lab1, "www", "true", options=asked)
    assert ran.status == 255
    assert "Permission denied (publickey)" in ran.err


def test_a_server_that_asks_for_passwords_is_told_from_one_that_does_not(
    lab1: OwnLab, config: Path
) -> None:
    """What the test above sees is our configuration: another one shows."""
    undone = "/etc/ssh/sshd_config.d/00-undone.conf"
    text = "PasswordAuthentication yes\nAuthenticationMethods any\n"
    lab1.output("www", "tee", undone, input=text)
    try:
        asked = ("PreferredAuthentications=password", "PubkeyAuthentication=no")
        assert "please try again" in plain(config, lab1, "www", "true", options=asked).err
    finally:
        lab1.output("www", "rm", undone)


def test_another_key_does_not_open_and_another_user_is_nobody(
    lab1: OwnLab, config: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)])
    only_other = tmp_path / "only-other"
    own = f'"{lab1.home.state / lab1.name / "ssh_key"}"'
    only_other.write_text(config.read_text().replace(own, str(other)))
    ran = plain(only_other, lab1, "www", "true", options=())
    assert ran.status == 255
    assert "Permission denied (publickey)" in ran.err
    assert plain(config, lab1, "www", "true", options=("User=www-data",)).status == 255
    assert plain(config, lab1, "www", "true", options=()).status == 0
    log = lab1.must("logs", "www").out
    assert "Connection closed by authenticating user root" in log
    assert "www-data" in log


def test_only_what_both_sides_can_do_today(lab1: OwnLab, config: Path) -> None:
    for old in ("KexAlgorithms=diffie-hellman-group14-sha1", "Ciphers=aes128-cbc"):
        ran = plain(config, lab1, "www", "true", options=(old,))
        assert ran.status == 255
        assert "no matching" in ran.err


@pytest.fixture
def changed_host_key(lab1: OwnLab) -> Iterator[None]:
    """www as somebody who has taken its address would show itself."""
    make = f"cp -p {KEY_HOST} /root/kept && rm {KEY_HOST} && ssh-keygen -q -t ed25519 -N '' -f"
    lab1.output("www", "sh", "-c", f"{make} {KEY_HOST}")
    yield
    lab1.output("www", "sh", "-c", f"mv /root/kept {KEY_HOST}; ssh-keygen -yf {KEY_HOST}")
    lab1.must("up", "--reset", f"www:{KEY_HOST}.pub")


@pytest.mark.usefixtures("changed_host_key")
def test_a_machine_that_is_not_itself_is_refused(lab1: OwnLab) -> None:
    ran = lab1.labctl("ssh", "www", "--", "true")
    assert ran.status == 255
    assert "Host key verification failed" in ran.err


def test_the_users_own_configuration_and_keys_play_no_part(lab1: OwnLab) -> None:
    own = lab1.home.directory / ".ssh"
    own.mkdir(mode=0o700)
    (own / "config").write_text("Host *\n    User nobody\n    Port 1\n    NoSuchOption yes\n")
    assert lab1.labctl("ssh", "www", "--", "id -un").out == "root\n"
    assert [path.name for path in own.iterdir()] == ["config"]


def test_the_key_is_its_owners_only_and_on_no_machine(lab1: OwnLab) -> None:
    key = lab1.home.state / lab1.name / "ssh_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    line = key.read_text().splitlines()[2]
    for container in lab1.containers():
        machine = container.labels["hosting-labctl.machine"]
        look = ["grep", "-rsq", "-F", "--", line, "/etc", "/root", "/labctl", "/var/lib/labctl"]
        assert lab1.exec(machine, *look).status == 1, machine


def test_one_machine_does_not_open_another(lab1: OwnLab) -> None:
    address = lab1.output("app", "hostname", "-i").strip()
    options = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]
    ran = lab1.exec("www", "ssh", *options, address, "true")
    assert ran.status == 255
    assert "Permission denied (publickey)" in ran.err


def test_who_has_no_server_is_told_what_to_use(lab1: OwnLab) -> None:
    ran = lab1.labctl("ssh", "client")
    assert ran.status == 2
    assert f"labctl shell {lab1.name} client" in ran.err
    ran = lab1.labctl("ssh", "wwww", "--", "true")
    assert ran.status == 2
    assert "did you mean 'www'?" in ran.err
    for words in (("--config", "gone"), ("gone", "www", "--", "true")):
        ran = lab1.home.labctl("ssh", *words)
        assert ran.status == 1
        assert "gone is not up" in ran.err


@pytest.fixture(scope="module")
def hello(own: Labs) -> OwnLab:
    """A lab that moves from one platform to the next."""
    return own("hello")


def test_other_platforms_too_and_host_keys_stay(hello: OwnLab) -> None:
    """On bare metal, down and up again, then on premise, where one comes from the workstation."""
    hello.must("up", "--on", "bare-metal")
    where = "echo $SSH_CLIENT"
    known = known_hosts(hello)
    came_from = hello.must("ssh", "server", "--", where).out.split()[0]
    assert came_from == hello.output("client", "hostname", "-i").strip()
    hello.must("down")
    assert hello.labctl("ssh", "server", "--", "true").status == 1
    hello.must("up", "--on", "bare-metal")
    assert known_hosts(hello) == known
    hello.must("up", "--on", "on-premise")
    workstation = hello.output("workstation", "hostname", "-i").strip()
    for machine in ("front", "app", "gateway"):
        assert hello.must("ssh", machine, "--", where).out.split()[0] == workstation, machine


def known_hosts(lab: OwnLab) -> str:
    config = lab.must("ssh", "--config").out.splitlines()
    (line,) = (line for line in config if "UserKnownHostsFile" in line)
    return Path(shlex.split(line)[1]).read_text()
