"""Exercises: each of lab1's is proved, and what is wrong with one is found.

Controls: a wrong solution, one that is no exercise, one whose script fails, each is told with
status 1 and nothing of its lab is left.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.home import ROOT, Home
from tests.e2e.support.lab import LABEL, OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

EXERCISES = tuple(sorted(path.name for path in (ROOT / "stacks/lab1/exercises").iterdir()))
TASK = """\
title: Say hello
checks:
  - name: there is a greeting
    client: http
    ask: {url: "https://www.${domain}/hello.txt"}
    expect: {status: 200, body: "hello\\n"}
    hint: a file in /var/www/www
  - name: the first page is there
    client: http
    ask: {url: "https://www.${domain}/"}
    expect: {status: 200}
    before: true
"""
GREETING = "exercises/01-hello/solution/www/var/www/www/hello.txt"


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    """lab1, up."""
    made = own("lab1")
    made.must("up")
    return made


@pytest.fixture
def small(own: Labs) -> OwnLab:
    """A small lab with one good exercise; it is not up."""
    made = own("hello")
    made.write("exercises/01-hello/exercise.yml", TASK)
    made.write("exercises/01-hello/README.md", "# Say hello\n")
    made.write(GREETING, "hello\n")
    return made


def copies(lab: OwnLab) -> list[str]:
    """What the engine, the state and the kept data have of the copies that are made of a lab."""
    theirs = f"{lab.folder.name}-try-"
    api, filters = lab.client.api, {"label": LABEL}
    found = [*api.containers(all=True, filters=filters), *api.networks(filters=filters)]
    found += api.volumes(filters=filters)["Volumes"] or []
    names = [str(one["Labels"][LABEL]) for one in found]
    names += [path.name for place in (lab.home.state, lab.home.data) for path in place.glob("*")]
    subnets = lab.home.data / "subnets.json"
    names += [theirs] if subnets.exists() and theirs in subnets.read_text() else []
    return [name for name in names if theirs in name]


def test_there_are_eight(lab: OwnLab) -> None:
    told = lab.home.labctl("lab", "exercises", str(lab.folder), "--json").json
    assert tuple(one["name"] for one in told) == EXERCISES
    assert len(told) == 8
    assert all(one["points"] >= 5 for one in told)
    assert all(check["lesson"] for one in told for check in one["checks"])


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_is_unsolved_and_can_be_solved(lab: OwnLab, exercise: str) -> None:
    before = lab.started()
    ran = lab.home.labctl("lab", "test", str(lab.folder), "--exercise", exercise)
    assert ran.status == 0, ran.said
    assert ran.out.startswith(f"ok    {exercise}: ")
    assert lab.started() == before, "the lab that is up was touched"
    assert copies(lab) == []


def test_a_good_one_is_proved_and_says_its_steps(small: OwnLab) -> None:
    ran = small.home.labctl("lab", "test", str(small.folder), "--json")
    assert ran.status == 0, ran.said
    assert [(one["exercise"], one["proved"]) for one in ran.json] == [("01-hello", True)]
    for step in ("bringing up", "before the solution", "solution", "after the solution", "down"):
        assert step in ran.err
    assert copies(small) == []


def test_a_wrong_solution_is_found(small: OwnLab) -> None:
    small.write(GREETING, "good evening\n")
    ran = small.home.labctl("lab", "test", str(small.folder))
    assert ran.status == 1
    assert "FAIL  01-hello" in ran.out
    assert "after the solution 'there is a greeting' does not hold: body: expected " in ran.out
    assert "'the first page is there'" not in ran.out
    assert copies(small) == []


def test_one_that_is_solved_already_is_worthless(small: OwnLab) -> None:
    small.write("www/hello.txt", "hello\n")
    ran = small.home.labctl("lab", "test", str(small.folder))
    assert ran.status == 1
    assert "worthless: 'there is a greeting' holds before the solution" in ran.out


def test_what_must_hold_before_and_does_not_is_found(small: OwnLab) -> None:
    small.write("exercises/01-hello/setup/www.sh", "rm /var/www/www/index.html\n")
    ran = small.home.labctl("lab", "test", str(small.folder))
    assert ran.status == 1
    assert "'the first page is there' does not hold before the solution: status: " in ran.out
    assert "the lab's own check" in ran.out


def test_a_solution_that_breaks_the_lab_is_found_unless_it_may(small: OwnLab) -> None:
    small.write(
        "exercises/01-hello/solution/www.sh",
        "sed -i 's/etag on;/etag off;/' /etc/nginx/sites-enabled/www.conf\n"
        "s6-svc -h /run/service/nginx\n",
    )
    ran = small.home.labctl("lab", "test", str(small.folder))
    name = "www: an unchanged page is answered with 304"
    assert ran.status == 1
    assert f"the lab's own check '{name}' no longer holds" in ran.out
    small.write("exercises/01-hello/exercise.yml", TASK + f"breaks: ['{name}']\n")
    ran = small.home.labctl("lab", "test", str(small.folder))
    assert ran.status == 0, ran.said
    small.write("exercises/01-hello/exercise.yml", TASK + "breaks: [no such check]\n")
    ran = small.home.labctl("lab", "test", str(small.folder))
    assert ran.status == 1
    assert "breaks: the lab has no check 'no such check'" in ran.out


def test_a_script_that_fails_says_its_words(small: OwnLab) -> None:
    script = "echo all is lost >&2\nprintf '\\033[2J'\ncat\nfalse\necho never\n"
    small.write("exercises/01-hello/setup/www.sh", script)
    ran = small.home.labctl("lab", "test", str(small.folder))
    assert ran.status == 1
    assert "setup: www.sh on www failed: status 1" in ran.out
    assert "all is lost" in ran.out
    assert "never" not in ran.out
    assert "\033[2J" not in ran.said
    assert copies(small) == []


def test_a_script_that_never_stops_talking_is_stopped(small: OwnLab) -> None:
    small.write("exercises/01-hello/setup/www.sh", "yes\n")
    ran = small.home.labctl("lab", "test", str(small.folder))
    assert ran.status == 1
    assert "setup: www.sh on www failed: more than 64 KiB of output" in ran.out
    assert len(ran.said) < 10_000


def test_mistakes_in_an_exercise_are_told_before_anything_is_done(small: OwnLab) -> None:
    small.write("exercises/01-hello/exercise.yml", TASK.replace("hint", "hnit"))
    ran = small.home.labctl("lab", "test", str(small.folder))
    assert ran.status == 2
    assert "exercise.yml:7:5: checks.0: unknown key 'hnit'" in ran.err
    ran = small.home.labctl("lab", "test", str(small.folder), "--exercise", "../../etc")
    assert ran.status == 2
    assert copies(small) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(small: OwnLab, home: Home, number: signal.Signals) -> None:
    small.write("exercises/01-hello/setup/www.sh", "touch /run/begun\nsleep 50\n")
    process = home.begin("lab", "test", str(small.folder))
    try:
        eventually(lambda: len(copies(small)) > 6 or process.poll() is not None)
        assert process.poll() is None, "it ended by itself"
        os.killpg(process.pid, number)  # as a terminal does: Compose gets it too
        assert process.wait(300) == 130
    finally:
        if process.poll() is None:
            process.kill()
    assert copies(small) == []


def test_a_learner_begins_solves_by_hand_and_ends(lab: OwnLab) -> None:
    ran = lab.home.labctl("lab", "begin", lab.name, "wrong-page")
    assert ran.status == 0, ran.said
    assert "README.md" in ran.out
    wrong = lab.labctl("check", "--exercise", "wrong-page")
    assert wrong.status == 1
    assert "server_name" in wrong.out, "the hint is shown"
    files = "/etc/nginx/sites-enabled"
    lab.output("front", "sed", "-i", "s/wwww/www/", f"{files}/www.conf")
    lab.output("front", "mv", f"{files}/00_default.conf.bak", f"{files}/00_default.conf")
    lab.output("front", "s6-svc", "-h", "/run/service/nginx")
    eventually(lambda: lab.labctl("check", "--exercise", "8").status == 0)
    assert lab.home.labctl("lab", "end", lab.name, "8").status == 0
    assert lab.must("plan", "--json").json["drift"] == []


def test_up_keeps_what_a_learner_has_done(lab: OwnLab) -> None:
    assert lab.home.labctl("lab", "begin", lab.name, "06-chat-proxy").status == 0
    chat = "/etc/nginx/sites-enabled/chat.conf"
    assert "Upgrade" not in lab.output("front", "cat", chat)
    assert f"front:{chat}" in lab.must("up").out
    assert "Upgrade" not in lab.output("front", "cat", chat)
    assert lab.home.labctl("lab", "end", lab.name, "06-chat-proxy").status == 0
    assert "Upgrade" in lab.output("front", "cat", chat)


def test_a_certificate_is_signed_for_whoever_asks_with_a_request(
    lab: OwnLab, tmp_path: Path
) -> None:
    assert lab.home.labctl("lab", "begin", lab.name, "5").status == 0
    request, made = tmp_path / "shop.csr", tmp_path / "shop.pem"
    name, key = f"shop.{lab.domain}", "/etc/ssl/private/shop.key"
    words = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key]
    request.write_text(lab.output("front", "openssl", "req", "-new", "-quiet", *new, *words))
    ran = lab.home.labctl("ca", "sign", lab.name, str(request))
    assert ran.status == 0, ran.said
    made.write_text(ran.out)
    lab.output("front", "tee", "/etc/ssl/labctl/shop.pem", input=ran.out)
    lab.output("front", "tee", "/etc/nginx/sites-enabled/shop.conf", input=SHOP.format(name=name))
    lab.output("front", "nginx", "-t")
    lab.output("front", "s6-svc", "-h", "/run/service/nginx")
    eventually(lambda: lab.labctl("check", "--exercise", "5").status == 0)
    connect = f"{name}:443:127.0.0.1:{lab.https}"
    assert curl(f"https://{name}/", "--connect-to", connect, ca=lab.authority()).status == 200
    assert lab.home.labctl("lab", "end", lab.name, "5").status == 0


SHOP = """
server {{
    listen 80;
    server_name {name};
    return 301 https://{name}$request_uri;
}}
server {{
    listen 443 ssl;
    server_name {name};
    ssl_certificate /etc/ssl/labctl/shop.pem;
    ssl_certificate_key /etc/ssl/private/shop.key;
    root /var/www/shop;
}}
"""


def test_begin_refuses_what_it_cannot_do(lab: OwnLab, small: OwnLab) -> None:
    ran = lab.home.labctl("lab", "begin", lab.name, "no-such-exercise")
    assert ran.status == 2
    assert "there is no exercise 'no-such-exercise'" in ran.err
    ran = small.home.labctl("lab", "begin", str(small.folder), "hello")
    assert ran.status == 1
    assert "is not up" in ran.err
