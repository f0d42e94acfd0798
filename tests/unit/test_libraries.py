"""Libraries that applications pin are fetched by pip and npm, once, and with their hashes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from labctl.engines import libraries
from labctl.engines.dockerfile import Recipe, machine_context, machine_dockerfile, reference
from labctl.model import Extra, Libraries

RECIPE = Recipe({"init": b"#!/bin/sh\n"})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data directory, and no registry: pip finds what a test puts into ``shelf``."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("npm_config_offline", "true")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    return tmp_path


def wheel(shelf: Path, text: str = "answer = 42\n") -> str:
    """A library of one module on the shelf (PEP 427); its SHA-256."""
    file = shelf / "greeting-1.0-py3-none-any.whl"
    files = {
        "greeting.py": text,
        "greeting-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n",
        "greeting-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    names = [*files, "greeting-1.0.dist-info/RECORD"]
    files[names[-1]] = "".join(f"{name},,\n" for name in names)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def python(digest: str) -> Libraries:
    pins = f"greeting==1.0 --hash=sha256:{digest}\n".encode()
    return Libraries("pip", "/usr/lib/libraries/app", (("requirements.txt", pins),))


def test_pips_are_fetched_once_and_then_without_anybody(home: Path) -> None:
    wanted = python(wheel(home / "shelf"))
    assert libraries.files([wanted])["usr/lib/libraries/app/greeting.py"] == b"answer = 42\n"
    shutil.rmtree(home / "shelf")
    assert "usr/lib/libraries/app/greeting.py" in libraries.files([wanted])


def test_what_has_another_hash_is_refused_and_leaves_nothing(home: Path) -> None:
    wheel(home / "shelf")
    told = "the registry has as greeting==1.0 has none of the hashes"
    with pytest.raises(libraries.FetchFailed, match=told):
        libraries.files([python("0" * 64)])
    assert list((home / "data" / libraries.HOME).iterdir()) == []


def test_a_file_of_pins_is_no_module_of_pips(home: Path) -> None:
    mark = home / "was-run"
    pins = f"str==1 ;open({str(mark)!r}, 'w'); '--hash=sha256:00'\n".encode()
    for name in ("pip.py", "json.py"):
        wanted = Libraries("pip", "/usr/lib/libraries/app", ((name, pins),))
        with pytest.raises(libraries.FetchFailed, match="pip cannot fetch"):
            libraries.files([wanted])
    assert not mark.exists()


def package(shelf: Path) -> tuple[Path, str]:
    """A package of npm's on the shelf, with a script that would tell that it was run."""
    file = shelf / "left-1.0.0.tgz"
    files = {
        "package/package.json": json.dumps(
            {"name": "left", "version": "1.0.0", "scripts": {"install": "touch was-run"}}
        ),
        "package/index.js": "module.exports = 42;\n",
    }
    with tarfile.open(file, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    digest = hashlib.sha512(file.read_bytes()).digest()
    return file, f"sha512-{base64.b64encode(digest).decode()}"


def javascript(file: Path, integrity: str) -> Libraries:
    wants = {"left": f"file:{file}"}
    lock = {
        "name": "app",
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "app", "dependencies": wants},
            "node_modules/left": {
                "version": "1.0.0", "resolved": f"file:{file}", "integrity": integrity,
                "hasInstallScript": True,
            },
        },
    }  # fmt: skip
    files = (
        ("package-lock.json", json.dumps(lock).encode()),
        ("package.json", json.dumps({"name": "app", "dependencies": wants}).encode()),
    )
    return Libraries("npm", "/usr/lib/libraries/app", files)


@pytest.mark.skipif(not shutil.which("npm"), reason="this host has no npm")
def test_npms_are_fetched_and_none_of_their_scripts_is_run(home: Path) -> None:
    found = libraries.files([javascript(*package(home / "shelf"))])
    folder = "usr/lib/libraries/app/node_modules/left"
    assert found[f"{folder}/index.js"] == b"module.exports = 42;\n"
    assert not [path for path in found if "was-run" in path]


@pytest.mark.skipif(not shutil.which("npm"), reason="this host has no npm")
def test_a_package_with_another_hash_is_refused(home: Path) -> None:
    file, _ = package(home / "shelf")
    wrong = f"sha512-{base64.b64encode(bytes(64)).decode()}"
    with pytest.raises(libraries.FetchFailed, match="npm cannot fetch"):
        libraries.files([javascript(file, wrong)])


def test_what_a_registry_says_is_text() -> None:
    said = "npm notice x\nnpm error 404 no such package \x1b[2J\x07\n"
    told = libraries._failure("npm", said).message
    assert "npm error 404 no such package" in told
    assert told.isprintable()


def test_a_host_without_the_tool_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(libraries.FetchFailed, match="no `npm` on this host"):
        libraries.files([javascript(home / "none.tgz", "sha512-AA==")])


def test_an_image_is_named_after_what_pins_its_libraries() -> None:
    one, other = (Extra(frozenset({python(digest * 64)})) for digest in "ab")
    names = {reference(["python3"], RECIPE, extra) for extra in (one, other, Extra())}
    assert len(names) == 3
    assert reference(["python3"], RECIPE, Extra()) == reference(["python3"], RECIPE)


def test_libraries_are_copied_into_a_build_that_fetches_nothing_for_them() -> None:
    extra = Extra(frozenset({python("a" * 64)}))
    text = machine_dockerfile([], RECIPE, extra)
    assert "COPY libraries/ /\n" in text
    assert "pip" not in text
    context = machine_context([], RECIPE, extra, {"usr/lib/libraries/app/x.py": b""})
    with tarfile.open(fileobj=io.BytesIO(context)) as archive:
        assert "libraries/usr/lib/libraries/app/x.py" in archive.getnames()


def test_an_image_of_others_gets_what_every_machine_has() -> None:
    extra = Extra(root="rails:8")
    lines = machine_dockerfile(["procps"], RECIPE, extra).splitlines()
    assert lines[:2] == ["FROM rails:8", "USER root"]
    assert "COPY base/ /" in lines
    assert any("s6" in line for line in lines)
    context = machine_context([], RECIPE, extra, {}, b"#!/bin/sh\n")
    with tarfile.open(fileobj=io.BytesIO(context)) as archive:
        names = archive.getnames()
    assert {"scripts/application", "scripts/init", "base/usr/sbin/policy-rc.d"} <= set(names)
