"""How a capture begins and ends; with real processes, in place of the engine's and tcpdump."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labctl import cli
from labctl.engines import capture, helper
from labctl.engines.api import Finished
from labctl.errors import LabctlError
from labctl.work import capturing
from labctl.work.capturing import Order

# what `docker run … IMAGE --signal=KILL SECONDS /bin/sh -euc PROGRAM …` runs, without a container
DOCKER = """#!/bin/sh
while [ "$1" != -euc ]; do shift; done
exec /bin/sh "$@"
"""
TCPDUMP = """#!/bin/sh
echo "$@" >"$(dirname "$0")/said"
case "$*" in
*nonsense*) echo "tcpdump: can't parse filter expression: syntax error" >&2; exit 1 ;;
esac
trap 'echo; echo "7 packets captured" >&2; exit 0' TERM
case "$*" in
*-A*) echo first ;;
esac
printf begin
echo "tcpdump: listening on any, link-type LINUX_SLL2" >&2
case "$*" in
*-c3*) echo "3 packets captured" >&2; exit 0 ;;
esac
while :; do sleep 0.02; done
"""
WIRE = capture.of_machine("abc")


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of programs, before all others."""
    for name, text in (("docker", DOCKER), ("tcpdump", TCPDUMP)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(capture, "tools", lambda: "an-image")
    monkeypatch.setattr(helper, "end", lambda command: None)  # no container to remove
    return tmp_path


def captured(
    path: Path, expression: str = "", count: int = 0, seconds: float = 30, then: int = 0
) -> str:
    """Capture into a file; a signal to ourselves once it has begun."""

    def started() -> None:
        if then:
            signal.raise_signal(then)

    words = capture.words(WIRE, expression, count, live=False)
    with path.open("wb") as file:
        return capture.capture(WIRE, words, file, seconds, started)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_a_whole_file(tmp_path: Path, number: int) -> None:
    before = signal.getsignal(number)
    assert captured(tmp_path / "file", then=number) == "7 packets captured"
    assert (tmp_path / "file").read_text() == "begin\n"
    assert signal.getsignal(number) is before


def test_it_ends_after_its_time(tmp_path: Path) -> None:
    assert captured(tmp_path / "file", seconds=0.1) == "7 packets captured"
    assert (tmp_path / "file").read_text() == "begin\n"


def test_it_ends_after_so_many_packets(tmp_path: Path) -> None:
    assert captured(tmp_path / "file", "tcp port 80", count=3) == "3 packets captured"
    said = (tmp_path / "said").read_text()
    assert said == "-i any -n --immediate-mode -U -w - -c3 -- tcp port 80\n"


def test_a_wrong_filter_is_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(LabctlError, match="can't parse filter expression") as caught:
        captured(tmp_path / "file", "nonsense")
    assert caught.value.status == 2
    assert "pcap-filter" in caught.value.hint


def test_live_packets_come_as_they_pass() -> None:
    lines: list[str] = []

    def came(line: str) -> None:
        lines.append(line)
        if line == "first":
            os.kill(os.getpid(), signal.SIGINT)

    words = capture.words(WIRE, "", 0, live=True)
    told = capture.capture(WIRE, words, came, 30, lambda: None)
    assert told == "7 packets captured"
    assert lines == ["first", "begin"], "to the last line"


def test_it_ends_where_nobody_reads_its_packets_any_more() -> None:
    def gone(line: str) -> None:
        raise BrokenPipeError(line)

    with pytest.raises(BrokenPipeError, match="first"):
        capture.capture(WIRE, capture.words(WIRE, "", 0, live=True), gone, 30, lambda: None)


def test_it_ends_where_whoever_has_started_it_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from labctl.engines import capture\n"
        "capture.tools = lambda: 'an-image'\n"
        "wire = capture.of_machine('abc')\n"
        "words = capture.words(wire, '', 0, False)\n"
        "def started():\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "capture.capture(wire, words, sys.stdout.buffer, 60, started)\n"
    )
    ran = subprocess.run(  # its output ends when tcpdump has ended, too
        [sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=20, check=False
    )
    assert ran.returncode == -signal.SIGKILL
    assert ran.stdout == b"begin\n"


def test_a_segment_is_its_bridge_on_the_engines_host() -> None:
    network = {"Id": "0123456789abcdef", "Options": None}
    assert capture.of_segment(network) == capture.Wire("host", "br-0123456789ab")
    named = {"Id": "0123", "Options": {"com.docker.network.bridge.name": "lab0"}}
    assert capture.of_segment(named) == capture.Wire("host", "lab0")


def test_a_filter_is_no_option() -> None:
    assert capture.words(WIRE, "-w /etc/passwd", 0, live=True)[-2:] == ["--", "-w /etc/passwd"]


def opened(path: Path, *, fresh: bool = False, data: bytes = b"", begun: bool = True) -> None:
    with capturing._opened(path, fresh) as (file, named):
        file.write(data)
        if begun:
            named()


def test_a_file_with_packets_is_its_owners_and_is_not_written_over_by_chance(
    tmp_path: Path,
) -> None:
    file = tmp_path / "it.pcap"
    opened(file, fresh=True, data=b"packets")
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(LabctlError, match="is there already") as caught:
        opened(file, fresh=True)
    assert caught.value.status == 2
    assert file.read_bytes() == b"packets"
    opened(file, data=b"others")
    assert file.read_bytes() == b"others"


def test_no_file_is_left_where_nothing_was_captured(tmp_path: Path) -> None:
    folder = tmp_path / "captures"
    folder.mkdir()
    opened(folder / "empty", begun=False)
    assert list(folder.iterdir()) == []
    (folder / "there").write_bytes(b"an earlier one")
    opened(folder / "there", data=b"refused", begun=False)
    assert [(one.name, one.read_bytes()) for one in folder.iterdir()] == [
        ("there", b"an earlier one")
    ]


def test_keys_go_into_a_file_at_once(tmp_path: Path) -> None:
    file, other = tmp_path / "it.pcapng", tmp_path / "as it was"
    file.write_bytes(b"\xd4\xc3\xb2\xa1" + bytes(20))
    other.hardlink_to(file)
    assert "the keys of 0 TLS connections" in capturing._decrypted(file, b"")
    assert file.read_bytes()[:4] == b"\n\r\r\n", "pcapng"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(other.read_bytes()) == 24, "whatever happens meanwhile, there is a whole file"


def test_a_pipe_is_told_no_keys(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(LabctlError, match="is a pipe or a device") as caught:
        capturing.to_file(Order("any", decrypt=True), pipe, fresh=False, say=print)
    assert caught.value.status == 2


def test_of_a_long_key_log_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "keys.log"
    log.write_text("first\nthen\nlast\n")

    def exec_in(container: str, command: list[str], limit: int) -> Finished:
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        over = len(said.stdout) > limit
        return Finished(255 if over else said.returncode, said.stdout)

    monkeypatch.setattr(capturing, "running", lambda engine, lab: {"visitor": "1", "other": "2"})
    monkeypatch.setattr(capturing.api, "exec_in", exec_in)
    monkeypatch.setattr(capturing, "_LOG_LIMIT", 7)
    logs = {"visitor": str(log), "other": str(tmp_path / "none"), "away": str(log)}
    assert capturing._read(logs, "lab") == b"n\nlast\n"


def test_no_folder_for_the_file_is_told_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["capture", "lab1", "--out", str(tmp_path / "none" / "it.pcap")]) == 2
    assert f"there is no folder {tmp_path}/none" in capsys.readouterr().err
