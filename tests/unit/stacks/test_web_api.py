"""The API of web-api and its document: each says of a request what the other does."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from labctl.checks import http
from labctl.checks.expect import differences
from labctl.exercises.reader import exercises
from labctl.model import Check, Lab
from labctl.platforms import NAMES
from labctl.spec import checks
from tests.support import lab_at
from tests.unit.stacks.running import loaded

ROOT = Path(__file__).parents[3]
STACK = ROOT / "stacks/web-api"
DOCUMENT = json.loads((STACK / "app/openapi.json").read_text(encoding="utf-8"))
SLIDES = "2c2c4c0945b5b867b0f0917485e6a3c5334b0198d2ccc7689e9f37e13ad3e8b7"  # the program of the slides
DOMAIN, SECRET = "web-api.test", "the-secret"
Pages = Iterator[str]


def application(path: Path, folder: Path) -> Any:
    """A WSGI application of the lab, with an empty database in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(folder))
        return loaded(path).app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return application(STACK / "app/app.py", tmp_path_factory.mktemp("data"))


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Say nothing."""


def up(application: Any) -> Pages:
    """The URL of an application on the loopback interface."""
    with make_server("127.0.0.1", 0, application, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def url(app: Any) -> Pages:
    yield from up(app)


# the document and the API


def schema(name: str) -> Draft202012Validator:
    """A schema of the document, with those that it refers to."""
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    )


_TEXTS = st.one_of(
    st.text(max_size=110),
    st.text("/.a\x00\x1f\x7f\x80 \n", max_size=5),
    st.integers(990, 1010).map("x".__mul__),
)
_VALUES = st.one_of(_TEXTS, st.none(), st.integers(), st.lists(st.text(max_size=3), max_size=2))
_OBJECTS = st.dictionaries(st.sampled_from(["name", "token", "secret", "other"]), _VALUES)


@given(sent=st.one_of(_OBJECTS, _VALUES))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_the_document_allows_is_taken_and_nothing_else(app: Any, sent: Any) -> None:
    body = json.dumps(sent)
    answer = app.test_client().post(
        "/api/register", data=body, content_type="application/json"
    )
    assert answer.status_code == (200 if schema("Registration").is_valid(sent) else 400), sent
    schema("Person" if answer.status_code == 200 else "Problem").validate(answer.json)


@given(name=st.text(min_size=1, max_size=100), token=st.text(min_size=1, max_size=100))
@settings(max_examples=100, deadline=None)
def test_who_is_registered_is_found_under_the_page_that_is_named(
    app: Any, name: str, token: str
) -> None:
    sent = {"name": name, "token": token}
    if schema("Registration").is_valid(sent):
        answer = app.test_client().post("/api/register", json=sent)
        assert app.test_client().get(answer.json["page"]).status_code == 200
        assert app.test_client().get(f"/api/people/{quote(name, safe='')}").json["name"] == name


def test_the_document_names_every_page_of_the_application(app: Any) -> None:
    """The course's client apart, and what Flask brings."""
    rules = {rule.rule.replace("<", "{").replace(">", "}") for rule in app.url_map.iter_rules()
             if rule.endpoint not in ("static", "client")}  # fmt: skip
    assert rules == set(DOCUMENT["paths"])
    for path, methods in DOCUMENT["paths"].items():
        allowed = next(r.methods for r in app.url_map.iter_rules()
                       if r.rule.replace("<", "{").replace(">", "}") == path)  # fmt: skip
        assert {method.upper() for method in methods} == allowed - {"HEAD", "OPTIONS"}


def test_its_example_is_registered(client: Any) -> None:
    examples = DOCUMENT["components"]["schemas"]["Registration"]["examples"]
    assert examples
    for example in examples:
        assert client.post("/api/register", json=example).status_code == 200


# errors


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"\xef\xbb\xbf{}", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b'{"name": "x", "token": "y", "z": NaN}', "application/json", 400),
        (b'{"name": "x", "token": "y", "z": ' + b"9" * 5000 + b"}", "application/json", 400),
        (b'{"name": "\\ud800", "token": "y"}', "application/json", 400),
        (b'{"name": "x", "token": null, "secret": "y"}', "application/json", 400),
        (b'{"name": "x", "token": "y"}'.ljust(70_000), "application/json", 413),
        (b'{"name": "x", "token": "y"}', "text/plain", 415),
        (b"name=x&token=y", "application/x-www-form-urlencoded", 415),
        (b'{"name": "x", "token": "y"}', "application/json; charset=utf-8", 200),
        (b'{"name": "x", "token": "y"}'.ljust(60_000), "application/json", 200),
    ],
)
def test_each_mistake_has_its_status(client: Any, body: bytes, kind: str, status: int) -> None:
    answer = client.post("/api/register", data=body, content_type=kind)
    assert answer.status_code == status
    if status != 200:
        assert answer.content_type == "application/problem+json"
        schema("Problem").validate(json.loads(answer.data))
        assert json.loads(answer.data)["status"] == status
    assert (answer.headers.get("Accept") == "application/json") == (status == 415)


def test_an_error_is_in_the_language_of_what_was_asked(client: Any) -> None:
    assert client.get("/api/people/nobody").content_type == "application/problem+json"
    assert client.get("/api/no/such").status_code == 404
    page = client.get("/info/%3Cb%3E")
    assert (page.status_code, page.content_type) == (404, "text/html; charset=utf-8")
    for path, allowed in (("/api/register", "POST"), ("/info/x", "GET")):
        answer = client.put(path)
        assert (answer.status_code, allowed in answer.headers["Allow"]) == (405, True)


def test_what_was_sent_is_text_on_the_page(client: Any) -> None:
    client.post("/api/register", json={"name": "<i>{{7*7}}", "secret": '"><script>'})
    page = client.get("/info/%3Ci%3E%7B%7B7*7%7D%7D").text
    assert "<h1>Hello &lt;i&gt;{{7*7}} your token is &#34;&gt;&lt;script&gt;</h1>" in page


# the course's client, the lab's checks, the exercises


@pytest.mark.parametrize("path", ["web-api/app/client.py", "lab1/app/client.py"])
def test_the_courses_client_is_as_the_slides_have_it(path: str) -> None:
    script = (ROOT / "stacks" / path).read_bytes()
    assert hashlib.sha256(script).hexdigest() == SLIDES


def test_the_courses_client_as_the_site_serves_it(client: Any, url: str) -> None:
    script = client.get("/client.py").text.replace("your url", url)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    assert "<h1>Hello Sponge Bob your token is un truc au pif</h1>\n<h2>We are " in done.stdout


@pytest.fixture(scope="module")
def lab() -> Lab:
    return lab_at(STACK / "lab.yml")


def wrong(found: list[Check], url: str) -> set[str]:
    """The names of the checks by HTTP that do not hold of a server."""
    failing = set()
    for check in found:
        if check.client != "http":
            continue
        asked = json.loads(json.dumps(check.ask, default=_text))
        asked["url"] = asked["url"].replace(f"https://api.{DOMAIN}", url)
        asked["url"] = asked["url"].replace(f"http://api.{DOMAIN}", url)
        if differences(check.expect, http.ask(asked), {"secret.api": SECRET}):
            failing.add(check.name)
    return failing


def _text(sealed: Any) -> str:
    return str(sealed.text).replace("${secret.api}", SECRET)


def exercise(lab: Lab, name: str) -> list[Check]:
    found = exercises(STACK, {*lab.machines, *lab.services})
    (one,) = (one for one in found if one.name == name)
    return [checks.made(spec, lab, name) for spec in one.checks]


def test_the_lab_s_own_checks_hold(lab: Lab, url: str) -> None:
    own = [check for check in lab.checks if check.ask.get("url", "").startswith("https://")]
    asked = [check for check in own if "api." in check.ask["url"] and check.service == "api"]
    assert len(asked) >= 9
    assert not wrong(asked, url) - {f"api.{DOMAIN} answers by HTTPS"}


@pytest.mark.parametrize("name", ["01-register", "02-mistakes", "03-document"])
def test_the_reference_solves_each_exercise(lab: Lab, url: str, name: str) -> None:
    assert not wrong(exercise(lab, name), url)


@pytest.mark.parametrize("name", ["01-register", "02-mistakes", "03-document"])
def test_each_exercise_begins_unsolved(lab: Lab, tmp_path: Path, name: str) -> None:
    begun = STACK / "exercises" / name / "setup/api/srv/api/app.py"
    (tmp_path / "openapi.json").write_bytes((STACK / "app/openapi.json").read_bytes())
    (tmp_path / "app.py").write_bytes(begun.read_bytes())
    specs = {check.name: check for check in exercise(lab, name)}
    found = exercises(STACK, {*lab.machines, *lab.services})
    (one,) = (one for one in found if one.name == name)
    holds = {check.name for check in one.checks if check.before}
    for address in up(application(tmp_path / "app.py", tmp_path)):
        assert wrong(list(specs.values()), address) == specs.keys() - holds


@pytest.mark.parametrize("platform", NAMES)
def test_it_fits_every_platform(platform: Any) -> None:
    assert lab_at(STACK / "lab.yml", platform).sites
