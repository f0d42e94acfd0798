"""Trust stores: the real programs on stores of the tests' own, never on this computer's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labctl.errors import LabctlError
from labctl.pki import authority, keys, names
from labctl.pki.certificate import serial_number
from labctl.trust import STORES, Root
from labctl.trust.java import Java
from labctl.trust.macos import KEYCHAIN, MacOs
from labctl.trust.nss import SHARED, Nss
from labctl.trust.store import Result
from labctl.trust.system import Family, System


def new_root(lab: str = "lab1") -> Root:
    allowed = names.for_lab(f"{lab}.test", f"{lab}.localhost")
    serial = serial_number(os.urandom(20))
    return Root(
        lab, authority.root(lab, allowed, keys.new_ec(), serial, datetime.now(UTC)).decode()
    )


ROOT, OTHER = new_root(), new_root()


@dataclass
class Recorder:
    """A runner that keeps the commands and answers as told, by a word of the command."""

    answers: dict[str, Result] = field(default_factory=dict)
    commands: list[tuple[str, ...]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], stdin: str) -> Result:
        self.commands.append(tuple(command))
        return next((self.answers[word] for word in command if word in self.answers), Result(0, ""))


def program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"the tests need {name}"
    return found


def test_the_name_in_every_store_tells_roots_apart() -> None:
    assert ROOT.name.startswith("hosting-labctl-lab1-")
    assert ROOT.name != OTHER.name
    assert list(STORES) == ["system", "nss", "java", "macos"]


# The system's store, with Debian's real update-ca-certificates.


@pytest.fixture
def debian(tmp_path: Path) -> Family:
    for name in ("anchors", "certs", "packaged", "hooks"):
        (tmp_path / name).mkdir()
    (tmp_path / "conf").write_text("")
    places = {
        "--localcertsdir": "anchors",
        "--etccertsdir": "certs",
        "--certsdir": "packaged",
        "--hooksdir": "hooks",
        "--certsconf": "conf",
    }
    options = (word for key, place in places.items() for word in (key, str(tmp_path / place)))
    refresh = (program("update-ca-certificates"), *options)
    return Family(tmp_path / "anchors", tmp_path / "certs/ca-certificates.crt", refresh)


def test_the_system_trusts_and_forgets(debian: Family, tmp_path: Path) -> None:
    store = System([debian])
    assert store.check(ROOT).status == "absent"
    assert store.install(ROOT) == (str(debian.anchors / f"{ROOT.name}.crt"),)
    assert store.check(ROOT).status == "trusted"
    assert store.check(OTHER).status == "absent"
    assert store.install(ROOT) == ()
    leaf = tmp_path / "root.pem"
    leaf.write_text(ROOT.pem)
    command = ["openssl", "verify", "-CAfile", str(debian.bundle), str(leaf)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    store.install(OTHER)
    assert store.uninstall(ROOT) == (str(debian.anchors / f"{ROOT.name}.crt"),)
    assert store.uninstall(ROOT) == ()
    assert store.check(ROOT).status == "absent"
    assert store.check(OTHER).status == "trusted"


def test_half_an_installation_in_the_system_is_seen_and_mended(debian: Family) -> None:
    store = System([debian])
    (debian.anchors / f"{ROOT.name}.crt").write_text(ROOT.pem)
    state = store.check(ROOT)
    assert (state.status, "mends it" in state.note) == ("partial", True)
    store.install(ROOT)
    assert store.check(ROOT).status == "trusted"


def test_without_root_the_exact_commands_are_said(
    debian: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    family = Family(debian.anchors, debian.bundle, ("update-ca-certificates",))
    anchor = debian.anchors / f"{ROOT.name}.crt"
    with pytest.raises(LabctlError) as caught:
        System([family]).install(ROOT)
    assert caught.value.hint == (
        f"type: labctl ca export lab1 | sudo tee {anchor} >/dev/null && sudo update-ca-certificates"
    )
    anchor.write_text(ROOT.pem)
    with pytest.raises(LabctlError) as caught:
        System([family]).uninstall(ROOT)
    assert caught.value.hint == f"type: sudo rm -f {anchor} && sudo update-ca-certificates"
    assert anchor.exists()


def test_an_unknown_system(tmp_path: Path) -> None:
    store = System([Family(tmp_path / "none", tmp_path / "none", ("true",))])
    assert store.check(ROOT).status == "unavailable"
    with pytest.raises(LabctlError, match="not one that labctl knows"):
        store.install(ROOT)


def test_a_failing_refresh_is_an_error_with_its_own_words(tmp_path: Path) -> None:
    runner = Recorder({"refresh": Result(1, "", "first\nno space left\n")})
    with pytest.raises(LabctlError, match="refresh: no space left"):
        System([Family(tmp_path, tmp_path / "bundle", ("refresh",))], runner).install(ROOT)


# NSS, with the real certutil.


@pytest.fixture
def nss(tmp_path: Path) -> Nss:
    program("certutil")
    profile = tmp_path / ".mozilla/firefox/abc.default"
    profile.mkdir(parents=True)
    command = ["certutil", "-N", "--empty-password", "-d", f"sql:{profile}"]
    subprocess.run(command, check=True)
    return Nss(tmp_path)


def test_browsers_trust_and_forget(nss: Nss) -> None:
    shared, profile = str(nss.home / SHARED), str(nss.home / ".mozilla/firefox/abc.default")
    assert nss.check(ROOT).status == "absent"
    assert not (nss.home / SHARED).exists()
    assert nss.install(ROOT) == (shared, profile)
    assert (nss.home / SHARED).stat().st_mode & 0o777 == 0o700
    assert nss.check(ROOT).status == "trusted"
    assert nss.check(OTHER).status == "absent"
    assert nss.install(ROOT) == ()
    nss.install(OTHER)
    assert nss.uninstall(ROOT) == (shared, profile)
    assert nss.uninstall(ROOT) == ()
    assert nss.check(ROOT).status == "absent"
    assert nss.check(OTHER).status == "trusted"


def test_a_new_profile_makes_trust_partial(nss: Nss) -> None:
    nss.install(ROOT)
    profile = nss.home / ".mozilla/firefox/new.default"
    profile.mkdir()
    command = ["certutil", "-N", "--empty-password", "-d", f"sql:{profile}"]
    subprocess.run(command, check=True)
    state = nss.check(ROOT)
    assert (state.status, state.note) == ("partial", f"not in {profile}")
    assert nss.install(ROOT) == (str(profile),)
    assert nss.check(ROOT).status == "trusted"


def test_a_root_that_is_there_without_trust_is_not_trusted(nss: Nss) -> None:
    profile = nss.home / ".mozilla/firefox/abc.default"
    command = ["certutil", "-A", "-t", ",,", "-n", ROOT.name, "-d", f"sql:{profile}"]
    subprocess.run(command, input=ROOT.pem, text=True, check=True)
    assert nss.check(ROOT).status == "absent"
    nss.install(ROOT)
    assert nss.check(ROOT).status == "trusted"


def test_without_certutil_the_package_is_named(tmp_path: Path) -> None:
    store = Nss(tmp_path, Recorder({"certutil": Result(127, "")}))
    assert store.check(ROOT).status == "unavailable"
    with pytest.raises(LabctlError) as caught:
        store.install(ROOT)
    assert "libnss3-tools" in caught.value.hint
    assert not (tmp_path / ".pki").exists()


# Java: the real keytool where there is a Java, and its recorded output everywhere.


def colons(root: Root) -> str:
    pairs = zip(root.fingerprint[::2], root.fingerprint[1::2], strict=True)
    return ":".join(a + b for a, b in pairs).upper()


def listing(*entries: tuple[str, Root]) -> str:
    lines = ["Keystore type: JKS", "Keystore provider: SUN", "", f"{len(entries)} entries", ""]
    for alias, root in entries:
        lines += [f"{alias}, Nov 21, 2025, trustedCertEntry, "]
        lines += [f"Certificate fingerprint (SHA-256): {colons(root)}"]
    return "\n".join(lines) + "\n"


def test_java_by_recorded_output(tmp_path: Path) -> None:
    store = tmp_path / "cacerts"
    store.write_bytes(b"")
    runner = Recorder({"-list": Result(0, listing(("debian:x", OTHER)))})
    java = Java(Path("/java/bin/keytool"), store, runner)
    assert java.check(ROOT).status == "absent"
    assert java.check(OTHER).note == "by the entry debian:x, which another program made"
    assert java.install(OTHER) == ()
    assert java.install(ROOT) == (str(store),)
    assert runner.commands[-1] == (
        *("/java/bin/keytool", "-J-Duser.language=en", "-importcert", "-noprompt", "-alias"),
        *(ROOT.name, "-keystore", str(store), "-storepass", "changeit"),
    )


def test_java_trusts_and_forgets(tmp_path: Path) -> None:
    keytool = shutil.which("keytool")
    if keytool is None:
        assert Java(store=tmp_path / "cacerts").check(ROOT).status == "unavailable"
        return
    store = tmp_path / "cacerts"
    java = Java(Path(keytool), store)
    make = [keytool, "-importcert", "-noprompt", "-alias", "neighbour", "-keystore", str(store)]
    subprocess.run([*make, "-storepass", "changeit"], input=OTHER.pem, text=True, check=True)
    assert java.check(ROOT).status == "absent"
    assert java.install(ROOT) == (str(store),)
    assert java.check(ROOT).status == "trusted"
    assert java.install(ROOT) == ()
    assert java.uninstall(ROOT) == (str(store),)
    assert java.uninstall(ROOT) == ()
    assert java.check(ROOT).status == "absent"
    assert java.check(OTHER).status == "trusted"


def test_java_s_store_of_root_needs_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    java = Java(Path("/java/bin/keytool"), tmp_path / "cacerts", Recorder())
    with pytest.raises(LabctlError) as caught:
        java.install(ROOT)
    assert caught.value.hint == (
        f"type: labctl ca export lab1 | sudo /java/bin/keytool -importcert -noprompt "
        f"-alias {ROOT.name} -keystore {tmp_path}/cacerts -storepass changeit"
    )


def test_no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert Java().check(ROOT).status == "unavailable"
    with pytest.raises(LabctlError, match="no Java found"):
        Java().uninstall(ROOT)


# macOS: the commands only.


def macos(home: Path, **answers: Result) -> tuple[MacOs, Recorder]:
    (home / KEYCHAIN).parent.mkdir(parents=True, exist_ok=True)
    runner = Recorder({word.replace("_", "-"): result for word, result in answers.items()})
    return MacOs(home, "security", runner), runner


def test_macos_adds_to_the_login_keychain(tmp_path: Path) -> None:
    store, runner = macos(tmp_path)
    keychain = str(tmp_path / KEYCHAIN)
    assert store.check(ROOT).status == "absent"
    assert store.install(ROOT) == (keychain,)
    command = runner.commands[-1]
    assert command[:-1] == (
        *("security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", keychain),
    )
    assert command[-1].endswith(f"/{ROOT.name}.pem")
    assert not Path(command[-1]).exists()
    assert store.uninstall(ROOT) == ()


def test_macos_removes_with_the_trust_settings(tmp_path: Path) -> None:
    held = Result(0, f"SHA-256 hash: {ROOT.fingerprint.upper()}\n")
    store, runner = macos(tmp_path, find_certificate=held)
    keychain = str(tmp_path / KEYCHAIN)
    assert store.check(ROOT).status == "trusted"
    assert store.install(ROOT) == ()
    assert store.uninstall(ROOT) == (keychain,)
    assert runner.commands[-1] == (
        *("security", "delete-certificate", "-Z", ROOT.fingerprint.upper(), "-t", keychain),
    )
    untrusted, _ = macos(tmp_path, find_certificate=held, verify_cert=Result(1, ""))
    assert untrusted.check(ROOT).status == "partial"


def test_elsewhere_there_is_no_keychain(tmp_path: Path) -> None:
    store = MacOs(tmp_path, None)
    assert store.check(ROOT).status == "unavailable"
    with pytest.raises(LabctlError, match="no macOS"):
        store.install(ROOT)
