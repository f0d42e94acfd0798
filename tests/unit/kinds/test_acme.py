"""The ACME authority and the server that asks it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.support import lab_at, tree_of

LAB = lab_at(Path(__file__).parents[3] / "tests" / "golden" / "good" / "acme" / "lab.yml")
FILES = tree_of(LAB).machines


def test_pebble_is_reached_through_nginx_alone() -> None:
    said = json.loads(FILES["authority"]["/etc/pebble/pebble.json"].content)["pebble"]
    assert said["listenAddress"].startswith("127.0.0.1:")
    assert said["managementListenAddress"].startswith("127.0.0.1:")
    assert (said["httpPort"], said["tlsPort"]) == (80, 443)
    assert said["certificateValidityPeriod"] == 600
    config = FILES["authority"]["/etc/nginx/sites-enabled/authority.conf"].content.decode()
    assert config.count(":15000/") == 1, "of the management port only the root is shown"
    assert "rate=5r/m" in config


def test_what_pebble_reads_is_its_own() -> None:
    key = FILES["authority"]["/etc/pebble/server.key"]
    assert (key.owner, key.mode) == ("www-data", 0o400)


def test_challenges_are_delegated_to_the_server_itself() -> None:
    zone = FILES["dns"]["/etc/bind/zones/db.issue.test"].content.decode()
    rows = [line.split() for line in zone.splitlines()]
    assert ["_acme-challenge.shop", "300", "IN", "NS", "shop.issue.test."] in rows
    named = FILES["shop"]["/etc/bind/named.conf"].content.decode()
    assert 'zone "_acme-challenge.shop.issue.test"' in named


def test_the_hook_changes_the_record_of_the_name_that_is_asked_for(tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.write_bytes(FILES["shop"]["/usr/local/bin/dns-challenge"].content)
    (tmp_path / "s6-setuidgid").write_text('#!/bin/sh\necho "$@"\ncat\n')
    (tmp_path / "s6-setuidgid").chmod(0o755)

    def said(*words: str) -> str:
        return subprocess.run(
            ["sh", str(hook), *words], capture_output=True, text=True, check=True,
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        ).stdout  # fmt: skip

    name = "_acme-challenge.shop.issue.test."
    assert said("deploy_challenge", "shop.issue.test", "token", "value") == (
        f'bind nsupdate -4 -l\nupdate add {name} 1 TXT "value"\nsend\n'
    )
    assert said("clean_challenge", "shop.issue.test", "token", "value") == (
        f"bind nsupdate -4 -l\nupdate delete {name} TXT\nsend\n"
    )
    assert said("startup_hook") == ""
