"""The tree: manifest, generation, archive."""

from __future__ import annotations

import hashlib
import io
import tarfile

from labctl.render.tree import MANIFEST, Entry, archive, generation, manifest, manifest_lines

FILES = {
    "/etc/b": Entry(b"bee", 0o600, "bind", "bind", "lab.yml:3"),
    "/etc/a": Entry(b"ay"),
    "/srv/deep/er/file name": Entry(b""),
}


def test_the_manifest_has_a_line_a_file() -> None:
    digest = hashlib.sha256(b"bee").hexdigest()
    only = {"/etc/b": FILES["/etc/b"]}
    assert manifest(only).decode() == f"{digest} 0600 bind bind /etc/b\n"
    assert list(manifest_lines(FILES)) == sorted(FILES)


def test_the_generation_follows_content_mode_and_owner_and_nothing_else() -> None:
    first = generation(FILES)
    assert first == generation(dict(reversed(FILES.items())))
    assert first == generation({**FILES, "/etc/a": Entry(b"ay", source="elsewhere")})
    for other in (Entry(b"oh"), Entry(b"ay", 0o600), Entry(b"ay", group="bind")):
        assert generation({**FILES, "/etc/a": other}) != first
    assert generation({**FILES, "/etc/c": Entry(b"")}) != first


def test_the_archive_is_the_same_every_time() -> None:
    assert archive(FILES) == archive(dict(reversed(FILES.items())))


def test_the_archive_has_files_owners_and_their_folders() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive(FILES))) as tar:
        members = {member.name: member for member in tar}
        unpacked = tar.extractfile(members["etc/b"])
        assert unpacked is not None
        assert unpacked.read() == b"bee"
        listed = tar.extractfile(members[MANIFEST.lstrip("/")])
        assert listed is not None
        assert listed.read() == manifest(FILES)
    secret = members["etc/b"]
    assert (secret.mode, secret.uname, secret.gname, secret.mtime) == (0o600, "bind", "bind", 0)
    folders = {name for name, member in members.items() if member.isdir()}
    assert folders == {"etc", "etc/labctl", "srv", "srv/deep", "srv/deep/er"}
    assert all(members[name].uname == "root" for name in folders)
    names = list(members)
    assert max(map(names.index, folders)) < names.index("etc/a")
