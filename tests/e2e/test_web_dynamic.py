"""web-dynamic, up: one application in four languages, and the database behind.

Controls: what another's role, another's machine, a wrong hash and a damaged backup get.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from labctl.engines.dockerfile import base_reference, own_recipe
from tests.e2e.conftest import Labs
from tests.e2e.support import tools
from tests.e2e.support.curl import curl
from tests.e2e.support.home import ROOT, run
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.todo import HOSTILE, Person, story
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
SITES = ("flask", "uwsgi", "django", "express", "php")
MACHINES = {"flask": "python", "uwsgi": "python", "django": "python"}
EXERCISES = tuple(sorted(p.name for p in (ROOT / "stacks/web-dynamic/exercises").iterdir()))
CONNECT = "import psycopg, sys; psycopg.connect(sys.argv[1]).execute('SELECT 1')"


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    """The lab, up. Tests that share it leave it as they found it, but for accounts of their own."""
    made = own("web-dynamic")
    made.must("up")
    return made


@pytest.fixture(scope="module")
def ca(lab: OwnLab) -> Path:
    return lab.authority()


def visitor(lab: OwnLab, site: str, jar: Path, ca: Path) -> Person:
    return Person(lab.url(site)[:-1], jar, ca)


def sql(lab: OwnLab, database: str, question: str) -> str:
    return lab.output("db", "db-sql", database, "-Atc", question).strip()


def healthy(url: str, ca: Path) -> bool:
    return curl(url, ca=ca).body == "ok\n"


def machine(site: str) -> str:
    return MACHINES.get(site, site)


def test_its_own_checks_hold(lab: OwnLab) -> None:
    lab.must("check")


@pytest.mark.parametrize("site", SITES)
def test_each_is_the_same_application(lab: OwnLab, ca: Path, tmp_path: Path, site: str) -> None:
    person = visitor(lab, site, tmp_path / "one", ca)
    story(person, visitor(lab, site, tmp_path / "two", ca), f"Ann-{site}")
    page = tmp_path / f"{site}.html"
    page.write_text(person.must("/tasks", text=HOSTILE).body)
    assert tools.invalid_html([page]) == []
    [(number, _, _)] = person.tasks
    person.must(f"/tasks/{number}/delete")


@pytest.mark.parametrize("site", SITES)
def test_a_password_with_a_nul_is_taken_or_refused(
    lab: OwnLab, ca: Path, tmp_path: Path, site: str
) -> None:
    """PHP's bcrypt takes none, and says so by an exception."""
    person = visitor(lab, site, tmp_path / "jar", ca)
    person.get()
    person.options = ("--data", f"name=Nul-{site}&password=long-enough%00")
    assert person.send("/register").status in (303, 400)


def test_two_versions_of_one_library_are_side_by_side(lab: OwnLab, ca: Path) -> None:
    """Debian's Flask, and the one that requirements.txt pins: no pip is on the machine."""
    pins = (ROOT / "stacks/web-dynamic/flask/requirements.txt").read_text()
    [pinned] = [line.split()[0] for line in pins.splitlines() if line.startswith("flask==")]
    page = curl(lab.url("uwsgi"), ca=ca).body
    assert f"Flask {pinned.removeprefix('flask==')} under uWSGI/" in page
    assert "under gunicorn/" in curl(lab.url("flask"), ca=ca).body
    place = "import flask; print(flask.__file__)"
    assert lab.output("python", "as-uwsgi", "python3", "-c", place).startswith(
        "/usr/lib/libraries/uwsgi/"
    )
    assert lab.output("python", "as-flask", "python3", "-c", place).startswith(
        "/usr/lib/python3/dist-packages/"
    )
    assert lab.exec("python", "python3", "-m", "pip", "--version").status != 0


def test_each_role_has_its_own_database_and_no_other(lab: OwnLab) -> None:
    connect = ("python3", "-c", CONNECT)
    assert lab.exec("python", "as-flask", *connect, "dbname=flask").status == 0
    refused = lab.exec("python", "as-flask", *connect, "dbname=django")
    assert "no pg_hba.conf entry" in refused.said
    # with the right password, from another's machine
    password = lab.output("express", "as-express", "printenv", "PGPASSWORD").strip()
    theirs = f"dbname=express user=express password={password}"
    assert "no pg_hba.conf entry" in lab.exec("python", "as-flask", *connect, theirs).said
    wrong = lab.exec("python", "as-flask", *connect, "dbname=flask password=wrong")
    assert "password authentication failed" in wrong.said
    assert sql(lab, "postgres", "SELECT count(*) FROM pg_roles WHERE rolsuper") == "1"
    owners = sql(lab, "postgres", "SELECT datname FROM pg_database WHERE datdba > 10 ORDER BY 1")
    assert owners.split() == sorted(SITES)


def test_no_password_is_in_a_command_line_an_image_or_a_definition(lab: OwnLab) -> None:
    for site in SITES:
        where = machine(site)
        password = lab.output(where, f"as-{site}", "printenv", "PGPASSWORD").strip()
        assert len(password) >= 12
        lines = lab.output(where, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
        assert "python3" in lines or "node" in lines or "php-fpm" in lines  # the control
        assert password not in lines
        seen = lab.inspect(where)
        assert password not in json.dumps(seen)
        image = lab.client.api.inspect_image(seen["Image"])
        assert password not in json.dumps([image, lab.client.api.history(seen["Image"])])
        readers = f"s6-setuidgid www-data grep -rls {password} /etc /srv /usr/local; true"
        assert lab.output(where, "sh", "-c", readers) == ""
        daemons = f"grep -rl {password} /etc/labctl/daemons"
        assert "PGPASSWORD" in lab.output(where, "sh", "-c", daemons)  # the control


@pytest.mark.parametrize("site", ["flask", "django", "express", "php"])
def test_a_backup_brings_back_what_was_deleted(lab: OwnLab, site: str) -> None:
    tasks, people = ("todo_task", "auth_user") if site == "django" else ("tasks", "people")
    count = f"SELECT count(*) FROM {people} UNION ALL SELECT count(*) FROM {tasks}"
    before = sql(lab, site, count)
    file = lab.output("db", "db-backup", site).strip()
    assert file.startswith(f"/var/opt/db/backups/{site}-")
    assert lab.output("db", "stat", "-c", "%a %U", file).split()[0] == "600"
    sql(lab, site, f"DELETE FROM {tasks}; DELETE FROM {people}")
    assert sql(lab, site, count).split() == ["0", "0"]

    damaged = f"head -c 2000 {file} >/tmp/half && db-restore {site} /tmp/half"
    assert lab.exec("db", "sh", "-c", damaged).status != 0
    assert sql(lab, site, count).split() == ["0", "0"], "half of a backup was restored"

    lab.output("db", "db-restore", site, file)
    assert sql(lab, site, count) == before
    assert sql(lab, site, f"SELECT tableowner FROM pg_tables WHERE tablename = '{tasks}'") == site
    lab.output("db", "rm", file)


def test_migrations_are_made_once_also_by_two_at_a_time(lab: OwnLab) -> None:
    twice = "as-flask python3 migrate.py & as-flask python3 migrate.py & wait"
    assert lab.output("python", "sh", "-c", twice) == ""
    assert sql(lab, "flask", "SELECT count(*) FROM migrations") == "3"
    shown = lab.output("python", "as-django", "python3", "manage.py", "showmigrations", "todo")
    assert shown.count("[X]") == 2


def test_a_new_migration_is_made_by_up(lab: OwnLab, ca: Path) -> None:
    lab.write("flask/migrations/004-note.sql", "ALTER TABLE tasks ADD COLUMN note text;\n")
    planned = lab.plan().out
    assert "restart" in planned
    assert "gunicorn-flask" in planned
    lab.must("up")
    for database in ("flask", "uwsgi"):
        assert sql(lab, database, "SELECT count(note) FROM tasks") == "0"
    assert curl(lab.url("flask", "/health"), ca=ca).body == "ok\n"


def test_a_broken_program_does_not_go_live(lab: OwnLab, ca: Path) -> None:
    for path, site in (("flask/app.py", "flask"), ("express/server.js", "express")):
        good = (lab.folder / path).read_text()
        lab.write(path, f"{good}\n}}{{\n")
        refused = lab.up()
        assert refused.status == 1, site
        assert "refuses" in refused.said
        assert curl(lab.url(site, "/health"), ca=ca).body == "ok\n"
        lab.write(path, good)
    lab.must("up")


def test_without_its_database_a_site_says_so_and_comes_back(lab: OwnLab, ca: Path) -> None:
    server = "/run/service/postgresql-db"
    lab.output("db", "s6-svc", "-wd", "-T", "20000", "-d", server)
    try:
        for site in SITES:
            assert curl(lab.url(site, "/health"), ca=ca).status == 503, site
    finally:
        lab.output("db", "s6-svc", "-u", server)
    for site in SITES:
        eventually(partial(healthy, lab.url(site, "/health"), ca))


def test_root_follows_no_link_of_an_application(lab: OwnLab, ca: Path) -> None:
    home = "/var/opt/php"

    def as_application(command: str) -> str:
        return lab.output("php", "s6-setuidgid", "www-data", "sh", "-c", f"cd {home}; {command}")

    as_application("mv sessions aside; ln -s /etc sessions")
    try:
        lab.output("php", "s6-svc", "-r", "/run/service/php-php")
        eventually(lambda: "/var/opt/php/sessions" in lab.labctl("logs", "php").out)
        assert lab.output("php", "stat", "-c", "%U %a", "/etc") == "root 755\n"
    finally:
        as_application("rm sessions; mv aside sessions")
    eventually(partial(healthy, lab.url("php", "/health"), ca))


def test_data_outlives_machines(lab: OwnLab, ca: Path, tmp_path: Path) -> None:
    people = {site: visitor(lab, site, tmp_path / site, ca) for site in SITES}
    for site, person in people.items():
        person.register(f"Eve {site}")
        person.must("/tasks", text=f"kept by {site}")
    backup = lab.output("db", "db-backup", "php").strip()
    before = lab.started()
    lab.must("down", "--keep-data")
    lab.must("up")
    assert not set(before.values()) & set(lab.started().values())
    for site, person in people.items():
        # also who they are: in the database, in a file, or in a cookie whose key is the same
        assert [text for _, text, _ in person.tasks] == [f"kept by {site}"]
    assert lab.exec("db", "test", "-s", backup).status == 0


def test_a_killed_server_comes_back_with_all_that_was_written(
    lab: OwnLab, ca: Path, tmp_path: Path
) -> None:
    person = visitor(lab, "flask", tmp_path / "jar", ca)
    person.register("Kay")
    person.must("/tasks", text="written before the crash")
    lab.client.containers.get(lab.container("db")).kill()
    lab.must("up")
    eventually(lambda: person.get().status == 200)
    assert [text for _, text, _ in person.tasks] == ["written before the crash"]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_exercise_is_unsolved_and_can_be_solved(lab: OwnLab, exercise: str) -> None:
    stack = str(ROOT / "stacks" / "web-dynamic")
    ran = lab.home.labctl("lab", "test", stack, "--exercise", exercise)
    assert ran.status == 0, ran.said
    assert ran.out.startswith(f"ok    {exercise}: ")


PROGRAM = """\
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{os.getuid()} {os.getcwd()} {os.environ['GREETING']} {os.environ['PGUSER']}"
        self.send_response(200 if self.path == "/up" else 404)
        self.end_headers()
        self.wfile.write(body.encode())
http.server.ThreadingHTTPServer(("", int(os.environ["PORT"])), Answer).serve_forever()
"""
FOREIGN = """\
lab: x
services:
  shop:
    {kind: image, image: "%s", port: 3000, health: /up, database: db, prepare: [cp main.py /tmp]}
  db: postgresql
sites: {shop: shop}
"""


@pytest.fixture
def foreign(own: Labs, tmp_path: Path) -> Iterator[tuple[OwnLab, str]]:
    """A lab with a service of kind image, and the image, made here as somebody else would."""
    lab = own("hello")
    (tmp_path / "main.py").write_text(PROGRAM)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {base_reference(own_recipe())}\n"
        "RUN apt-get -qq update && apt-get install -qqy --no-install-recommends python3"
        " && useradd --uid 1234 rails\n"
        "WORKDIR /app\nCOPY main.py /app/\nUSER rails\n"
        'ENV GREETING="good morning"\nCMD ["python3", "main.py"]\n'
    )
    name = f"somebody/{lab.name}:1"
    # docker's own client gives up after a minute in which apt has said nothing
    built = run(["docker", "build", "--quiet", "--tag", name, str(tmp_path)], timeout=600)
    assert built.status == 0, built.said
    try:
        yield lab, name
    finally:
        lab.must("down", "--purge")
        lab.client.images.remove(name, force=True)


def test_any_other_framework_is_an_image_with_a_port(foreign: tuple[OwnLab, str]) -> None:
    lab, name = foreign
    lab.write("lab.yml", FOREIGN % name)
    lab.must("up")
    answer = curl(lab.url("shop", "/up"), ca=lab.authority())
    assert (answer.status, answer.body) == (200, "1234 /app good morning shop")
    lab.must("check")
    # commands are run as it runs: its folder, its user and that one's home
    assert lab.output("shop", "stat", "-c", "%U", "/tmp/main.py") == "rails\n"
    said = lab.output("shop", "as-shop", "sh", "-c", "id -un; pwd; echo $HOME $GREETING")
    assert said.splitlines() == ["rails", "/app", "/home/rails good morning"]
    # it has what every machine has: limits, names, and what runs again when it dies
    assert lab.inspect("shop")["HostConfig"]["CapDrop"] == ["ALL"]
    assert lab.domain in lab.output("shop", "cat", "/etc/resolv.conf")
    lab.output("shop", "s6-svc", "-k", "/run/service/image-shop")
    eventually(lambda: curl(lab.url("shop", "/up"), ca=lab.authority()).status == 200)


def test_an_image_that_nobody_has_is_told(own: Labs) -> None:
    lab = own("hello")
    lab.write("lab.yml", FOREIGN % "somebody/never-made:1")
    ran = lab.up()
    assert ran.status == 1
    assert "there is no image 'somebody/never-made:1' on this host" in ran.said


MS = (
    "sha512-"
    "6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="
)
PINNED = {
    "server.js": "const ms = require('ms');\n"
    "require('http').createServer((request, response) => {\n"
    "  response.end(`${ms('2 days')} ${require.resolve('ms')}`);\n"
    "}).listen(process.env.PORT, process.env.HOST);\n",
    "package.json": json.dumps({"name": "pinned", "dependencies": {"ms": "2.1.3"}}),
    "package-lock.json": json.dumps({
        "name": "pinned", "lockfileVersion": 3, "requires": True,
        "packages": {
            "": {"name": "pinned", "dependencies": {"ms": "2.1.3"}},
            "node_modules/ms": {"version": "2.1.3", "integrity": MS},
        },
    }),
    # the packages of web-dynamic's: what Debian has of both is in one layer
    "lab.yml": "lab: x\nservices:\n  pinned:\n    kind: node\n"
    "    packages: [node-express, node-ejs, node-pg, procps]\n"
    "    libraries: package-lock.json\nsites: {pinned: pinned}\n",
}  # fmt: skip


@pytest.mark.skipif(not shutil.which("npm"), reason="this host has no npm")
def test_npm_libraries_are_in_the_image_with_the_hashes_that_pin_them(own: Labs) -> None:
    lab = own("hello")
    for name, text in PINNED.items():
        lab.write(name if name == "lab.yml" else f"pinned/{name}", text)
    lab.must("up")
    found = curl(lab.url("pinned"), ca=lab.authority()).body
    assert found == "172800000 /usr/lib/libraries/pinned/node_modules/ms/index.js"
    assert lab.exec("pinned", "npm", "--version").status != 0
    # the control: with another hash nothing is built, and what runs goes on
    lab.replace("pinned/package-lock.json", MS[7:27], "A" * 20)
    refused = lab.up()
    assert (refused.status, "EINTEGRITY" in refused.said) == (1, True), refused.said
    assert curl(lab.url("pinned"), ca=lab.authority()).body == found
