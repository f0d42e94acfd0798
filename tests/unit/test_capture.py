"""How a capture begins and ends; with real processes, in place of the engine's and tcpdump."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.engines import capture, helper
from labctl.errors import LabctlError
from labctl.work import capturing

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


def opened(path: Path, *, fresh: bool = False, data: bytes = b"") -> None:
    with capturing._opened(path, fresh) as file:
        file.write(data)


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
    opened(tmp_path / "empty")
    assert not (tmp_path / "empty").exists()
    (tmp_path / "there").touch()
    opened(tmp_path / "there")
    assert (tmp_path / "there").exists()
