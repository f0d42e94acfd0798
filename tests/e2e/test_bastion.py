"""SSH through the bastion by the host's own ssh: who gets where, and nobody anywhere else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.bastion import by_key, by_password, make_key, options, public
from tests.e2e.support.edge import OwnEdge, behind, lines_with, log_of
from tests.e2e.support.home import Home, run
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
_PASSWORD = """
import sys
from labctl.work.edge import one_time_password
print(one_time_password("", sys.argv[1]))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home of this module's own: there is one edge in each."""
    return Home(tmp_path_factory.mktemp("bastion"))


@pytest.fixture(scope="module")
def edge(home: Home) -> Iterator[OwnEdge]:
    with OwnEdge(home) as found:
        found.must("up")
        yield found


@pytest.fixture(scope="module")
def labs(edge: OwnEdge, own: Labs) -> tuple[OwnLab, OwnLab]:
    return behind(own("hello"), edge), behind(own("hello"), edge)


@pytest.fixture(scope="module")
def key(labs: tuple[OwnLab, OwnLab], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that the first lab's front lists, with others around it."""
    path = make_key(tmp_path_factory.mktemp("keys") / "own")
    lines = f"# mine\n\n{public(path)} me@home\n"
    add = "cat >>/root/.ssh/authorized_keys"
    labs[0].output("front", "sh", "-c", add, input=lines)
    return path


def one_time_password(edge: OwnEdge, lab: OwnLab) -> str:
    return edge.python(_PASSWORD, lab.name).strip()


def test_a_one_time_password_opens_once(edge: OwnEdge, labs: tuple[OwnLab, OwnLab]) -> None:
    lab, other = labs
    password = one_time_password(edge, lab)
    assert by_password(edge, password, other.name, "true").status == 255
    assert by_password(edge, password[:-1] + "0", lab.name, "true").status == 255
    ran = by_password(edge, password.upper(), lab.name, "id -un; hostname; exit 7")
    assert ran.status == 7, ran.said
    assert ran.out.split() == ["root", f"front.hosts.{lab.domain}"]
    again = by_password(edge, password, lab.name, "true")
    assert again.status == 255
    assert "Permission denied" in again.err


def test_only_one_of_many_at_a_time_uses_a_password(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab]
) -> None:
    password = one_time_password(edge, labs[0])
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(by_password, edge, password, labs[0].name, "true") for _ in range(6)]
    assert sorted(job.result().status for job in jobs) == [0, 255, 255, 255, 255, 255]


def test_no_password_is_kept_as_it_is(edge: OwnEdge, labs: tuple[OwnLab, OwnLab]) -> None:
    password = one_time_password(edge, labs[0])
    directory = edge.home.data / "edge" / "passwords" / labs[0].name
    files = list(directory.iterdir())
    assert files
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        assert password.replace("-", "") not in file.read_text()
    assert password not in edge.log("bastion")


def test_a_key_of_the_own_machine_opens_it_and_no_other(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path, tmp_path: Path
) -> None:
    lab, other = labs
    assert by_key(edge, key, lab.name, "hostname").out == f"front.hosts.{lab.domain}\n"
    assert by_key(edge, key, other.name, "hostname").status == 255
    assert by_key(edge, make_key(tmp_path / "other"), lab.name, "hostname").status == 255
    for user in ("root", "nobody", "www-data", "no-such-user"):
        assert by_key(edge, key, user, "hostname").status == 255


def test_another_machine_is_named_after_a_plus(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path
) -> None:
    lab = labs[0]
    add = "cat >>/root/.ssh/authorized_keys"
    lab.output("www", "sh", "-c", add, input=public(key) + "\n")
    ran = by_key(edge, key, f"{lab.name}+www", "hostname")
    assert ran.out == f"www.hosts.{lab.domain}\n", ran.said
    assert by_key(edge, key, f"{lab.name}+client", "hostname").status == 255


def test_a_key_of_the_roster_opens_the_own_sandbox(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], tmp_path: Path
) -> None:
    """As sandboxes have it; here the lab is made one by its seat's record."""
    mine = make_key(tmp_path / "roster")
    record = edge.home.data / "edge" / "seats" / labs[1].name / "authorized_keys"
    assert by_key(edge, mine, labs[1].name, "true").status == 255
    record.write_text(public(mine) + "\n")
    assert by_key(edge, mine, labs[1].name, "true").status == 0
    assert by_key(edge, mine, labs[0].name, "true").status == 255


def test_files_by_sftp_and_scp(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path, tmp_path: Path
) -> None:
    data = os.urandom(3_000_000)
    (tmp_path / "sent").write_bytes(data)
    words = options(edge, f"IdentityFile={key}", "BatchMode=yes")
    target = f"{labs[0].name}@127.0.0.1"
    orders = f"put {tmp_path}/sent /tmp/one\nget /tmp/one {tmp_path}/back\n"
    ran = run(["sftp", "-q", "-b", "-", *words, target], input=orders)
    assert ran.status == 0, ran.said
    assert (tmp_path / "back").read_bytes() == data
    for old in ((), ("-O",)):
        ran = run(["scp", "-q", *old, *words, f"{tmp_path}/sent", f"{target}:/tmp/two"])
        assert ran.status == 0, ran.said
        ran = run(["scp", "-q", *old, *words, f"{target}:/tmp/one", f"{tmp_path}/again"])
        assert (tmp_path / "again").read_bytes() == data, ran.said


def test_a_terminal_and_a_shell_of_the_own_machine(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path
) -> None:
    words = options(edge, f"IdentityFile={key}", "BatchMode=yes", "RequestTTY=force")
    orders = "tty; shopt login_shell; hostname; exit 5\n"
    ran = run(["ssh", *words, f"{labs[0].name}@127.0.0.1"], input=orders)
    assert ran.status == 5, ran.said
    assert "/dev/pts/" in ran.out
    assert f"front.hosts.{labs[0].domain}" in ran.out


@pytest.mark.parametrize(
    "command",
    ["; cat /etc/labctl/probes", "$(touch /tmp/x)", "-oProxyCommand=true", "-s", "a b  'c'"],
)
def test_what_is_asked_for_is_a_word_to_the_own_machine_only(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path, command: str
) -> None:
    """Each comes to the shell of the student's machine as it was typed, and to none before."""
    ran = by_key(edge, key, labs[0].name, f"printf '%s' \"$SSH_CONNECTION\"; : {command}")
    assert "bastion" not in ran.said
    assert by_key(edge, key, labs[0].name, "--", command).status in (0, 1, 2, 126, 127)
    assert "ssh-bastion.sock" not in edge.exec("bastion", "ls", "/tmp")


def test_nothing_is_forwarded(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path, tmp_path: Path
) -> None:
    words = options(edge, f"IdentityFile={key}", "BatchMode=yes")
    target = f"{labs[0].name}@127.0.0.1"
    ran = run(["ssh", *words, "-W", "127.0.0.1:22", target], input="", timeout=30)
    assert ran.status == 255
    remote = ["-o", "ExitOnForwardFailure=yes", "-N", "-R", "0:127.0.0.1:1"]
    assert run(["ssh", *words, *remote, target], timeout=30).status == 255


def test_it_has_no_network_and_a_closed_root(edge: OwnEdge) -> None:
    inspected = edge.client.api.inspect_container(edge.container("bastion"))
    assert inspected["HostConfig"]["NetworkMode"] == "none"
    assert inspected["HostConfig"]["ReadonlyRootfs"]
    assert edge.exec("bastion", "ls", "/sys/class/net").split() == ["lo"]


def test_a_door_that_is_a_link_to_anothers_leads_nowhere(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path
) -> None:
    """Neither a link, nor a socket of one's own that carries on to somebody else's."""
    lab, other = labs
    target = f"{edge.home.doors}/doors/{lab.name}/ssh-front.sock"
    kept = f"{target}.kept"
    os.replace(target, kept)
    try:
        Path(target).symlink_to(f"../{other.name}/ssh-front.sock")
        password = one_time_password(edge, lab)
        ran = by_password(edge, password, lab.name, "hostname")
        assert ran.status == 255
        assert "is not running" in ran.err
        Path(target).unlink()
        os.link(f"{edge.home.doors}/doors/{other.name}/ssh-front.sock", target)
        ran = by_password(edge, one_time_password(edge, lab), lab.name, "hostname")
        assert ran.status == 255
        assert "Host key verification failed" in ran.err
    finally:
        os.replace(kept, target)
    assert by_key(edge, key, lab.name, "hostname").status == 0


def test_with_the_others_host_key_pinned_it_would_have_led_there(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path
) -> None:
    """The control: what stops the test above is that each lab has keys of its own."""
    lab, other = labs
    seats = edge.home.data / "edge" / "seats"
    target = f"{edge.home.doors}/doors/{lab.name}/ssh-front.sock"
    before = {name: (seats / lab.name / name).read_bytes() for name in ("key", "known_hosts")}
    os.replace(target, f"{target}.kept")
    try:
        os.link(f"{edge.home.doors}/doors/{other.name}/ssh-front.sock", target)
        hosts = (seats / other.name / "known_hosts").read_text()
        (seats / lab.name / "known_hosts").write_text(hosts.replace(other.name, lab.name))
        (seats / lab.name / "key").write_bytes((seats / other.name / "key").read_bytes())
        ran = by_password(edge, one_time_password(edge, lab), lab.name, "hostname")
        assert ran.out == f"front.hosts.{other.domain}\n", ran.said
    finally:
        for name, data in before.items():
            (seats / lab.name / name).write_bytes(data)
        os.replace(f"{target}.kept", target)


def settled(edge: OwnEdge) -> dict[int, str]:
    """What runs on the bastion once no session is ending there any more."""
    session = re.compile(r"sshd-|ssh -F none")
    eventually(lambda: not any(map(session.search, edge.processes("bastion").values())))
    return edge.processes("bastion")


@pytest.mark.parametrize("terminal", ["-T", "-tt"])
def test_a_session_that_dies_leaves_no_process(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path, terminal: str
) -> None:
    words = options(edge, f"IdentityFile={key}", "BatchMode=yes")
    before = settled(edge)
    begun = time.time()
    session = subprocess.Popen(
        ["ssh", *words, terminal, f"{labs[0].name}@127.0.0.1", "sleep 1000"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    eventually(lambda: "ssh -F none" in " ".join(edge.processes("bastion").values()))
    eventually(lambda: edge.activity().get(labs[0].name, 0) >= begun)
    session.send_signal(signal.SIGKILL)
    session.wait()
    eventually(lambda: edge.processes("bastion") == before)
    over = time.time()
    assert edge.activity()[labs[0].name] < over


def test_one_user_cannot_have_all_of_the_bastion(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path
) -> None:
    words = options(edge, f"IdentityFile={key}", "BatchMode=yes")
    command = ["ssh", *words, "-T", f"{labs[0].name}@127.0.0.1", "echo in; cat"]
    sessions, entered = list[subprocess.Popen[str]](), list[bool]()
    try:
        for _ in range(10):
            one = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True,
            )  # fmt: skip
            sessions.append(one)
            assert one.stdout
            entered.append(one.stdout.readline() == "in\n")
        assert 4 <= sum(entered) <= 8
        refused = [one for one, is_in in zip(sessions, entered, strict=True) if not is_in]
        assert all("too many sessions" in one.communicate()[1] for one in refused)
        password = one_time_password(edge, labs[1])
        assert by_password(edge, password, labs[1].name, "hostname").status == 0
    finally:
        for one in sessions:
            one.kill()
            one.communicate()
    eventually(lambda: by_key(edge, key, labs[0].name, "hostname").status == 0)


def test_logs_say_from_where_somebody_came(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab], key: Path
) -> None:
    words = options(edge, f"IdentityFile={key}", "BatchMode=yes", "BindAddress=127.0.0.79")
    assert run(["ssh", *words, f"{labs[0].name}@127.0.0.1", "true"]).status == 0
    assert lines_with(edge.log("bastion"), "a connection from 127.0.0.79")
    assert lines_with(log_of(labs[0], "front"), "from 127.0.0.79, through the bastion")


def test_the_host_key_is_kept(edge: OwnEdge) -> None:
    scan = ["ssh-keyscan", "-T", "60", "-t", "ed25519", "-p", str(edge.ssh), "127.0.0.1"]
    before = run(scan).out
    assert "ssh-ed25519" in before
    edge.must("down")
    assert run(scan).out == ""
    edge.must("up")
    assert run(scan).out == before
