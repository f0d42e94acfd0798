"""What images are made of and how they are named, without an engine."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.engines import archive, base_image, images
from labctl.engines.dockerfile import (
    HASH_LABEL,
    Recipe,
    base_context,
    base_dockerfile,
    base_reference,
    machine_context,
    machine_dockerfile,
    reference,
    sources,
    tag,
)
from labctl.setup.apt_sources import Mirror

RECIPE = Recipe({"init": b"#!/bin/sh\n", "ready": b"#!/usr/bin/perl\n"})
MIRROR = Mirror("http://m.example/debian", "http://m.example/debian-security")


def members(context: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(context)) as opened:
        return {member.name: member for member in opened.getmembers()}


def content(context: bytes, name: str) -> str:
    with tarfile.open(fileobj=io.BytesIO(context)) as opened:
        file = opened.extractfile(name)
        assert file is not None
        return file.read().decode()


def test_a_name_depends_on_the_packages_and_not_on_their_order() -> None:
    assert reference(["nginx", "tcl"], RECIPE) == reference(["tcl", "nginx", "tcl"], RECIPE)
    assert reference(["nginx"], RECIPE) != reference(["nginx", "tcl"], RECIPE)


def test_a_changed_script_renames_machines_and_leaves_the_base() -> None:
    changed = replace(RECIPE, scripts={**RECIPE.scripts, "init": b"#!/bin/sh\n:\n"})
    assert reference(["nginx"], changed) != reference(["nginx"], RECIPE)
    assert base_reference(changed) == base_reference(RECIPE)


def test_another_suite_renames_everything() -> None:
    other = replace(RECIPE, suite="forky")
    assert base_reference(other) != base_reference(RECIPE)
    assert reference([], other) != reference([], RECIPE)


def test_one_run_installs_all_and_leaves_no_lists() -> None:
    text = machine_dockerfile({"tcl", "nginx"}, RECIPE)
    assert text.startswith(f"FROM {base_reference(RECIPE)}\n")
    assert text.count("RUN ") == 2  # the other lays out what is written to
    assert "install -y --no-install-recommends nginx tcl" in text
    assert "rm -rf /var/lib/apt/lists/*" in text
    assert text.endswith('STOPSIGNAL SIGTERM\nENTRYPOINT ["/usr/lib/labctl/init"]\n')


def test_a_machine_without_packages_installs_nothing() -> None:
    assert "apt-get" not in machine_dockerfile([], RECIPE)


def test_scripts_are_programs_and_the_context_is_reproducible() -> None:
    context = machine_context({"nginx"}, RECIPE)
    assert context == machine_context({"nginx"}, RECIPE)
    found = members(context)
    assert found["scripts/init"].mode == 0o755
    assert found["scripts/init"].mtime == 0
    assert set(found) == {"Dockerfile", "scripts/init", "scripts/ready"}


def test_the_base_starts_no_daemon_while_packages_install() -> None:
    context = base_context("debian:trixie-slim", RECIPE, MIRROR)
    assert content(context, "files/usr/sbin/policy-rc.d").endswith("exit 101\n")
    assert members(context)["files/usr/sbin/policy-rc.d"].mode == 0o755
    assert "s6" in base_dockerfile("x", RECIPE)


def test_machines_use_the_hosts_mirror_and_the_security_archive() -> None:
    text = sources(MIRROR, "trixie")
    assert "URIs: http://m.example/debian\nSuites: trixie\n" in text
    assert "URIs: http://m.example/debian-security\nSuites: trixie-security\n" in text
    assert text.count("Signed-By: ") == 2


@pytest.mark.parametrize(
    ("packages", "trimmed"),
    [({"g++"}, True), ({"g++", "gcc"}, False), ({"nginx"}, False), ({"build-essential"}, False)],
)
def test_a_cpp_compiler_is_trimmed_unless_a_c_compiler_is_wanted(
    packages: set[str], trimmed: bool
) -> None:
    context = machine_context(packages, RECIPE)
    assert ("files/etc/dpkg/dpkg.cfg.d/labctl-trim" in members(context)) is trimmed
    assert ("COPY files/" in content(context, "Dockerfile")) is trimmed


def test_the_bootstrap_trusts_debians_keys_and_includes_security() -> None:
    command = base_image.bootstrap_command(RECIPE, MIRROR, "mmdebstrap")
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    assert f"deb [signed-by={keyring}] http://m.example/debian trixie main" in command
    assert command[-1].endswith("http://m.example/debian-security trixie-security main")


def test_no_mirror_says_which_variable_names_one() -> None:
    assert "HOSTING_LABCTL_DEBIAN_MIRROR" in base_image.NoMirror().hint


def test_a_build_that_fails_says_why_in_one_line() -> None:
    events = [
        {"stream": "Step 2/4 : RUN apt-get\n"},
        {"stream": "E: Unable to locate package ngnix\n"},
        {"error": "The command '/bin/sh -c …' returned a non-zero code: 100"},
    ]
    with pytest.raises(images.BuildFailed, match="no package called ngnix") as caught:
        list(images._follow(events, "x:y"))
    assert "lab.yml" in caught.value.hint


def test_a_mirror_that_is_gone_is_named_as_such() -> None:
    events = [
        {"stream": "\x1b[91mE: Failed to fetch http://m.example/x  Connection refused\n\x1b[0m"},
        {"error": "returned a non-zero code: 100"},
    ]
    with pytest.raises(images.BuildFailed, match="Failed to fetch") as caught:
        list(images._follow(events, "x:y"))
    assert "HOSTING_LABCTL_DEBIAN_MIRROR" in caught.value.hint


def test_a_line_that_comes_in_pieces_is_one() -> None:
    events = [
        {"stream": "\x1b[91mE:\x1b[0m"},
        {"stream": "\x1b[91m Unable to locate package ngnix\n\x1b[0m"},
        {"error": "returned a non-zero code: 100"},
    ]
    with pytest.raises(images.BuildFailed, match="no package called ngnix"):
        list(images._follow(events, "x:y"))


def test_progress_tells_what_a_person_wants_to_know() -> None:
    events = [
        {"stream": "Step 2/4 : RUN export\n"},
        {"stream": "(Reading database ...\n"},
        {"stream": "Setting up nginx (1.26.3-3) ...\n"},
        {"aux": {"ID": "sha256:0"}},
    ]
    assert list(images._follow(events, "x:y")) == ["RUN", "Setting up nginx"]


def saved(path: Path, name: str, label: str, damage: bytes = b"") -> Path:
    """An archive as the engine writes one, with one image."""
    config = json.dumps({"config": {"Labels": {HASH_LABEL: label}}}).encode()
    digest = hashlib.sha256(config).hexdigest()
    manifest = json.dumps([{"Config": f"{digest}.json", "RepoTags": [name], "Layers": []}])
    with tarfile.open(path, "w") as target:
        for member, data in ((f"{digest}.json", config + damage), ("manifest.json", manifest)):
            raw = data.encode() if isinstance(data, str) else data
            header = tarfile.TarInfo(member)
            header.size = len(raw)
            target.addfile(header, io.BytesIO(raw))
    return path


def test_an_archive_of_ours_is_accepted_also_compressed(tmp_path: Path) -> None:
    name = reference(["nginx"], RECIPE)
    plain = saved(tmp_path / "a.tar", name, tag(name))
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert archive.verify(plain) == archive.verify(packed) == (name,)


@pytest.mark.parametrize(
    ("name", "label", "damage", "reason"),
    [
        ("debian:trixie-slim", "trixie-slim", b"", "not an image that labctl built"),
        ("hosting-labctl/machine:aaaa", "bbbb", b"", "not an image that labctl built"),
        ("hosting-labctl/machine:aaaa", "aaaa", b" ", "is damaged"),
    ],
)
def test_an_archive_of_others_is_refused(
    tmp_path: Path, name: str, label: str, damage: bytes, reason: str
) -> None:
    with pytest.raises(archive.LoadRefused, match=reason):
        archive.verify(saved(tmp_path / "a.tar", name, label, damage))


@pytest.mark.parametrize(
    "data", [b"", b"no tar", gzip.compress(b"x" * 9999, mtime=0)[:20], b"\0" * 10240]
)
def test_what_is_no_archive_is_refused_in_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    with pytest.raises(archive.LoadRefused, match=r"holds no images of labctl's"):
        archive.verify(path)


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(archive.LoadRefused, match="No such file"):
        archive.verify(tmp_path / "none.tar")
