"""Content comes from below the lab's folder, and from nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labctl.spec import content
from labctl.spec.content import ContentError, read_file, read_folder


def write(file: Path, text: str = "") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def refused(base: Path, relative: str) -> str:
    with pytest.raises(ContentError) as caught:
        read_folder(base, relative)
    return str(caught.value)


def test_files_come_by_relative_path_in_order(tmp_path: Path) -> None:
    for name in ("www/b.html", "www/a/x.txt", "www/.well-known/y"):
        write(tmp_path / name, name)
    found = read_folder(tmp_path, "www")
    assert list(found) == [".well-known/y", "a/x.txt", "b.html"]
    assert found["b.html"] == b"www/b.html"


def test_what_tools_leave_behind_is_left_out(tmp_path: Path) -> None:
    for name in ("__pycache__/x.pyc", ".git/HEAD", "node_modules/x", "a.pyc", "b~", ".c.swp", "d"):
        write(tmp_path / "www" / name)
    assert list(read_folder(tmp_path, "www")) == ["d"]


def test_links_are_refused_wherever_they_are(tmp_path: Path) -> None:
    real = tmp_path / "real" / "sub"
    write(real / "x")
    (tmp_path / "link").symlink_to(real)
    assert "passes through a link" in refused(tmp_path, "link")
    (tmp_path / "deep").symlink_to(tmp_path / "real")
    assert "passes through a link" in refused(tmp_path, "deep/sub")
    (real / "passwd").symlink_to("/etc/passwd")
    assert "'real/sub/passwd' is a link" in refused(tmp_path, "real")
    with pytest.raises(ContentError, match="link"):
        read_file(tmp_path, "real/sub/passwd")
    (real / "passwd").unlink()
    (real / "etc").symlink_to("/etc")
    assert "'etc' is a link" in refused(tmp_path, "real")


def test_special_files_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    os.mkfifo(tmp_path / "www" / "pipe")
    assert refused(tmp_path, "www") == "'www/pipe' is no regular file"


def test_names_that_could_steer_a_terminal_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "www" / "a\x1b[31m\nb")
    said = refused(tmp_path, "www")
    assert "control character" in said
    assert said.isprintable()


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(4):
        write(tmp_path / "www" / str(n), "x" * 10)
    monkeypatch.setattr(content, "MAX_FILES", 3)
    assert "more than" in refused(tmp_path, "www")
    monkeypatch.setattr(content, "MAX_FILES", 9)
    monkeypatch.setattr(content, "MAX_BYTES", 25)
    assert "more than" in refused(tmp_path, "www")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    assert refused(tmp_path, "www") == "there is no folder 'www' beside the lab file"
    write(tmp_path / "www")
    assert refused(tmp_path, "www") == "'www' is a file, and a folder is expected"
    with pytest.raises(ContentError, match="there is no file 'x' beside the lab file"):
        read_file(tmp_path, "x")
