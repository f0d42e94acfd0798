"""Changes go live while visitors are served: nothing restarts, nobody is turned away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.load import Load
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e


DROPPING = """@app.route("/dropped/<which>", methods=["GET", "POST"])
def dropped(which):
    seen = f"{os.environ['DATA_DIR']}/dropped-{which}"
    if which == "never":
        abort(404)
    if os.path.exists(seen):
        return "seen before"
    open(seen, "w").close()
    os._exit(1)  # this process ends, and with it its connections


@app.post("/api/register")"""


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("lab1")
    made.must("up")
    return made


@pytest.fixture(scope="module")
def root(lab: OwnLab) -> Path:
    return lab.authority()


@pytest.fixture(autouse=True)
def settled(lab: OwnLab) -> None:
    """What a test before has left undone is done, so that each sees its own changes only."""
    lab.must("up")


@pytest.fixture
def nothing_restarts(lab: OwnLab) -> Iterator[None]:
    """The same containers, never restarted, with the same main processes as before."""
    daemons = (("front", "nginx"), ("www", "nginx"), ("dns", "named"), ("mail", "postfix"))

    def seen() -> tuple[object, ...]:
        return lab.started(), [lab.pid(*daemon) for daemon in daemons]

    before = seen()
    yield
    assert seen() == before


def go_live(lab: OwnLab, machines: set[str]) -> None:
    """Plan says what it does to which machines, up does it, then nothing is left to do."""
    planned = lab.plan("--json")
    assert planned.status == 3, planned.said
    assert {change["machine"] for change in planned.json["changes"]} == machines
    assert {change["action"] for change in planned.json["changes"]} == {"update"}
    verbs = {step["verb"] for change in planned.json["changes"] for step in change["steps"]}
    assert "restart" not in verbs
    lab.must("up")
    assert lab.plan().status == 0


@pytest.mark.usefixtures("nothing_restarts")
def test_a_changed_page(lab: OwnLab, root: Path) -> None:
    lab.replace("www/index.html", "<h1>Waiting", "<h1>Changed: waiting")
    with Load(lab, root, "www") as load:
        go_live(lab, {"www"})
    assert load.failures == {}
    assert "<h1>Changed: waiting" in curl(lab.url("www"), ca=root).body


@pytest.mark.usefixtures("nothing_restarts")
def test_a_page_that_is_new_and_one_that_is_gone(lab: OwnLab, root: Path) -> None:
    lab.write("www/new/page.html", "<title>New</title>")
    (lab.folder / "www/headers.html").unlink()
    go_live(lab, {"www"})
    assert curl(lab.url("www", "/new/page.html"), ca=root).status == 200
    assert curl(lab.url("www", "/headers.html"), ca=root).status == 404


@pytest.mark.usefixtures("nothing_restarts")
def test_a_changed_virtual_host(lab: OwnLab, root: Path) -> None:
    """Once it is up every new visitor gets it, by whichever of nginx's workers."""

    def seen() -> set[str | None]:
        return {curl(lab.url("forms"), ca=root).headers.get("x-lesson") for _ in range(10)}

    lab.write("forms.conf", "add_header X-Lesson one always;\n")
    lab.replace("lab.yml", "  forms: forms", "  forms: {service: forms, config: forms.conf}")
    with Load(lab, root, "forms") as load:
        go_live(lab, {"front"})
        assert seen() == {"one"}
        lab.write("forms.conf", "add_header X-Lesson two always;\n")
        go_live(lab, {"front"})
        assert seen() == {"two"}
    assert load.failures == {}


@pytest.mark.usefixtures("nothing_restarts")
def test_a_new_site(lab: OwnLab, root: Path) -> None:
    assert curl(lab.url("second", scheme="http")).status == 421
    lab.replace("lab.yml", "sites:\n", "sites:\n  second: www\n")
    with Load(lab, root, "www") as load:
        planned = lab.plan("--json")
        machines = {change["machine"] for change in planned.json["changes"]}
        assert {"front", "dns"} <= machines <= {"front", "dns", "www"}
        lab.must("up")
    assert load.failures == {}
    assert eventually(lambda: curl(lab.url("second"), ca=root).status) == 200
    name = f"second.{lab.domain}"
    address = eventually(lambda: lab.output("client", "dig", "+short", name).strip())
    assert address == lab.output("client", "dig", "+short", f"www.{lab.domain}").strip()


@pytest.mark.usefixtures("nothing_restarts")
def test_a_new_record(lab: OwnLab) -> None:
    def seen() -> str:
        return lab.output("client", "dig", "+short", "TXT", f"note.{lab.domain}").strip()

    assert seen() == ""
    record = "services:\n  dns:\n    records:\n      note:\n        TXT: first words\n"
    lab.replace("lab.yml", "services:\n", record)
    go_live(lab, {"dns"})
    assert eventually(seen) == '"first words"'
    lab.replace("lab.yml", "first words", "other words")
    go_live(lab, {"dns"})
    eventually(lambda: seen() == '"other words"')
    validated = lab.output("client", "dig", "+adflag", "TXT", f"note.{lab.domain}")
    assert " ad" in validated.partition("flags:")[2].partition(";")[0]


@pytest.mark.usefixtures("nothing_restarts")
def test_a_new_alias(lab: OwnLab) -> None:
    def refused() -> bool:
        ran = lab.exec("client", "swaks", "--server", f"mail.{lab.domain}", "--quit-after", "RCPT",
                       "--from", "a@outside.example", "--to", f"team@{lab.domain}")  # fmt: skip
        return "550 5.1.1" in ran.out

    assert refused()
    lab.replace("lab.yml", "    aliases:\n", "    aliases:\n      team: [bob]\n")
    go_live(lab, {"mail"})
    eventually(lambda: not refused())


def test_an_application_takes_its_new_code_without_a_lost_request(lab: OwnLab, root: Path) -> None:
    before = lab.started()
    lab.replace("app/templates/index.html", "<h1>A small API</h1>", "<h1>Version two</h1>")
    with Load(lab, root, "app") as load:
        lab.must("up")
        eventually(lambda: "<h1>Version two</h1>" in curl(lab.url("app"), ca=root).body)
    assert load.failures == {}
    assert lab.started() == before


def test_a_request_that_the_server_has_dropped_is_sent_once_more(lab: OwnLab, root: Path) -> None:
    """A reload may drop a connection whose request was not read, rarely: here, it is certain.

    Control: what may not be sent twice is not.
    """
    lab.replace("app/app.py", '@app.post("/api/register")', DROPPING)
    lab.must("up")
    eventually(lambda: curl(lab.url("app", "/dropped/never"), ca=root).status == 404)
    assert curl(lab.url("app", "/dropped/once"), ca=root).body == "seen before"
    assert curl(lab.url("app", "/dropped/posted"), "--data", "x=1", ca=root).status == 502
    assert curl(lab.url("app", "/dropped/posted"), "--data", "x=1", ca=root).body == "seen before"


def test_nothing_changed_means_that_nothing_is_touched(lab: OwnLab) -> None:
    lab.must("up")
    files = {path: path.stat().st_mtime_ns for path in lab.home.state.rglob("*")}
    since = lab.client.info()["SystemTime"]
    lab.must("up")
    until = lab.client.info()["SystemTime"]
    window: Any = {"since": _seconds(since), "until": _seconds(until)}
    # looking at a machine is an exec; all else would have touched something
    seen = [
        event["Action"]
        for event in lab.client.events(**window, decode=True)
        if lab.name in str(event["Actor"]) and not event["Action"].startswith("exec_")
    ]
    assert seen == []
    assert {path: path.stat().st_mtime_ns for path in lab.home.state.rglob("*")} == files


def _seconds(moment: str) -> float:
    """A time of the engine (RFC 3339, nanoseconds, UTC) as events are asked for."""
    return datetime.fromisoformat(moment[:26]).replace(tzinfo=UTC).timestamp()


def test_a_restarted_front_is_noticed_by_the_visitors(lab: OwnLab, root: Path) -> None:
    """The control of this module: what the load must not see in the other tests, it sees."""
    with Load(lab, root, "www") as load:
        lab.client.containers.get(lab.container("front")).restart(timeout=0)
        eventually(lambda: curl(lab.url("www"), ca=root).status == 200)
    assert load.failures != {}
