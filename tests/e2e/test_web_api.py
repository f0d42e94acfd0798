"""The API lab: the course's own client, errors, and the document held against the server.

Schemathesis makes its requests from the document. Its control is a document that promises more
than the server keeps; that of each check is a server of one's own that lacks it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from labctl.setup.tools import VENV
from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.home import ROOT, Home, Ran, run
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.learner import Learner

pytestmark = pytest.mark.e2e

STACK = ROOT / "stacks/web-api"
EXERCISES = sorted(path.name for path in (STACK / "exercises").iterdir())
# nginx refuses TRACE by itself, and without Allow; the API is never asked
METHODS = '[phases.coverage]\nunexpected-methods = ["GET", "PUT", "POST", "DELETE", "PATCH"]\n'


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    """The lab, up."""
    made = own("web-api")
    made.must("up")
    return made


def test_all_of_its_checks_hold(lab: OwnLab) -> None:
    ran = lab.labctl("check", "--json")
    wrong = {c["check"]: c["differences"] for c in ran.json if not c["passed"]}
    assert not wrong
    assert any("the course's own client" in c["check"] for c in ran.json)


def test_the_courses_own_script_works_from_the_host(lab: OwnLab, tmp_path: Path) -> None:
    """Unchanged but for the line that is the learner's to fill in; by the proxy's door, since
    glibc may not know the name."""
    script = (STACK / "app/client.py").read_text()
    own = tmp_path / "client.py"
    own.write_text(script.replace('url = "your url"', f'url = "http://{lab.host("api")}"'))
    environment = {"http_proxy": f"http://127.0.0.1:{lab.http}", "PATH": "/usr/bin:/bin"}
    ran = run([sys.executable, str(own)], env=environment)
    assert ran.status == 0, ran.said
    assert "Hello Sponge Bob your token is un truc au pif" in ran.out


def schemathesis(lab: OwnLab, document: Path, folder: Path, *more: str) -> Ran:
    """Requests made from a document, sent through the front by plain HTTP, the same each time."""
    (folder / "schemathesis.toml").write_text(METHODS)
    words = (
        "--config-file", str(folder / "schemathesis.toml"), "--no-color", "run", str(document),
        "--url", f"http://127.0.0.1:{lab.http}", "--header", f"Host: {lab.host('api')}",
        "--max-examples", "40", "--generation-deterministic", "--no-shrink",
        "--generation-allow-x00", "false",  # nginx refuses it by itself, too
        *more,
    )  # fmt: skip
    return run([str(VENV / "bin" / "st"), *words], cwd=folder)


def served(lab: OwnLab) -> str:
    answer = curl(lab.url("api", "/openapi.json", scheme="http"))
    assert answer.status == 200
    return answer.body


def test_the_server_keeps_what_its_document_promises(lab: OwnLab, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(served(lab))
    ran = schemathesis(lab, document, tmp_path)
    assert ran.status == 0, ran.said
    for phase in ("Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in ran.out, ran.out


def test_a_document_that_promises_more_is_found(lab: OwnLab, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    said = json.loads(served(lab))
    said["components"]["schemas"]["Token"]["maxLength"] = 3000
    document.write_text(json.dumps(said))
    ran = schemathesis(lab, document, tmp_path, "--max-failures", "1")
    assert ran.status == 1
    assert "Schema-valid request rejected" in ran.out


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_exercise_is_unsolved_and_can_be_solved(lab: OwnLab, exercise: str) -> None:
    ran = lab.home.labctl("lab", "test", str(lab.folder), "--exercise", exercise)
    assert ran.status == 0, ran.said


def failing(ran: Ran) -> set[str]:
    return {c["check"] for c in ran.json if not c["passed"]}


def test_a_server_of_ones_own_is_checked_at_its_url(home: Home) -> None:
    """It has no second heading, takes no `secret`, says 400 in plain text, and knows no DELETE."""
    with Learner() as server:
        ran = home.labctl("check", str(STACK), "--target", server.url(), "--json")
    assert ran.status == 1
    assert failing(ran) >= {
        "the page of a name has the two headings of the course",
        "the word of the course's text, secret, does as well",
        "a body that is no JSON gets 400",
        "another method gets 405, which names the right one",
        "there is an OpenAPI document",
    }
    assert not failing(ran) & {
        "a name and a token are registered",
        "a name that nobody has registered has no page",
        "a form gets 415",
        "a registration without a token gets 400",
    }


def test_the_reference_at_its_url_has_all_points(lab: OwnLab) -> None:
    target = f"http://127.0.0.1:{lab.http}"
    control = lab.home.labctl("check", lab.name, "--target", target, "--json")
    assert failing(control), "by its address it is no site of the front"
    by_name = f"http://{lab.host('api')}:{lab.http}"  # curl knows *.localhost by itself
    ran = lab.home.labctl("check", lab.name, "--target", by_name, "--json")
    assert not failing(ran), ran.said
