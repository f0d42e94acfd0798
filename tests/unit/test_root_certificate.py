"""``labctl ca``: which root is meant, what it says, and what stores answer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labctl.cli.run import run
from labctl.errors import LabctlError
from labctl.keep import keep, lab_home
from labctl.model import Lab
from labctl.trust import Root, State
from labctl.work import root_certificate


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path))
    return tmp_path


def make(name: str) -> None:
    lab = Lab(name, "", f"{name}.test", {}, (), {}, ())
    keep(lab, (), lab_home(name), datetime.now(UTC))


class FakeStore:
    """A store in memory; ``trouble`` is what it answers to every change."""

    title = "Fake"

    def __init__(self, trouble: str = "", status: str = "absent") -> None:
        self.trouble = trouble
        self.status = status

    def check(self, root: Root) -> State:
        return State(self.status, ("here",))  # type: ignore[arg-type]  # one of its words

    def install(self, root: Root) -> tuple[str, ...]:
        return self._become("trusted")

    def uninstall(self, root: Root) -> tuple[str, ...]:
        return self._become("absent")

    def _become(self, status: str) -> tuple[str, ...]:
        if self.trouble:
            raise LabctlError(self.trouble, "type: this")
        self.status = status
        return ("here",)


def test_the_only_root_needs_no_name(data: Path) -> None:
    with pytest.raises(LabctlError, match="no lab has a root"):
        root_certificate.root_of()
    make("one")
    assert root_certificate.root_of().lab == "one"
    make("two")
    with pytest.raises(LabctlError, match="one, two"):
        root_certificate.root_of()
    assert root_certificate.root_of("two").lab == "two"


def test_export_writes_the_certificate_and_nothing_else(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make("one")
    assert run("ca", ["export", "one"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert re.fullmatch(r"-----BEGIN CERTIFICATE-----\n[\w+/=\n]+-----END CERTIFICATE-----\n", out)
    assert Root("one", out).der == root_certificate.root_of("one").der


def test_export_without_a_root_says_so(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ca", ["export", "../../etc"]) == 2
    assert run("ca", ["export", "hello"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "labctl up hello" in err


def test_what_the_certificate_says(data: Path) -> None:
    make("one")
    said = root_certificate.describe(root_certificate.root_of())
    assert said.permitted == ("DNS one.test", "DNS one.localhost", "mail one.test")
    assert said.excluded == ("IP 0.0.0.0/0", "IP ::/0")
    assert said.critical
    assert re.fullmatch("(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", said.fingerprint)


def test_a_store_that_refuses_does_not_stop_the_others(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("one")
    stores = {"bad": FakeStore("it belongs to root"), "good": FakeStore(),
              "none": FakeStore("no such thing", "unavailable")}  # fmt: skip
    monkeypatch.setattr(root_certificate, "STORES", stores)
    root = root_certificate.root_of()
    bad, good, none = root_certificate.trust(root)
    assert (bad.status, bad.trouble, bad.hint) == ("absent", "it belongs to root", "type: this")
    assert (good.status, good.changed) == ("trusted", ("here",))
    assert (none.status, none.trouble) == ("unavailable", "")  # nobody asked for it
    (asked,) = root_certificate.trust(root, ["none"])
    assert asked.trouble == "no such thing"
    (gone,) = root_certificate.trust(root, ["good"], remove=True)
    assert gone.status == "absent"
