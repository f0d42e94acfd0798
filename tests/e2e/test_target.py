"""A learner's own server outside the lab, checked by the clients of the course's own exercise.

The server runs on this host's loopback; the lab is never up. Each property has a server that
lacks it as its control.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support.home import Home, Ran
from tests.e2e.support.learner import Learner

pytestmark = pytest.mark.e2e

ESCAPED = "the page shows that name as text"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("target"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost that nobody but ``--ca`` vouches for, with its key."""
    path = tmp_path_factory.mktemp("pki") / "own.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-days", "2", "-keyout", f"{path}.key", "-out", path],
        check=True, capture_output=True,
    )  # fmt: skip
    path.with_name("both.pem").write_bytes(Path(f"{path}.key").read_bytes() + path.read_bytes())
    return path


@pytest.fixture
def learner() -> Iterator[Learner]:
    with Learner() as server:
        yield server


def failing(ran: Ran) -> dict[str, str]:
    """What does not hold, and why."""
    return {c["check"]: " ".join(c["differences"]) for c in ran.json if not c["passed"]}


def test_the_courses_exercise_is_checked_anywhere(own: Home, learner: Learner) -> None:
    ran = own.labctl("check", "lab1", "--target", learner.url())
    assert ran.status == 0, ran.said
    assert "04-register: 12 of 12 points (attempt 1)" in ran.out
    assert set(learner.hosts) == {f"127.0.0.1:{learner.port}"}
    assert not own.state.exists()  # nothing was brought up for it


def test_a_server_that_escapes_nothing_fails(own: Home) -> None:
    with Learner(trusting=True) as server:
        ran = own.labctl("check", "lab1", "--target", server.url(), "--json")
    assert ran.status == 1
    assert failing(ran).keys() == {ESCAPED}
    assert "<i>Eve" in failing(ran)[ESCAPED]


def test_a_server_below_a_path(own: Home) -> None:
    with Learner(prefix="/mine") as server:
        below = own.labctl("check", "lab1", "--target", server.url())
        beside = own.labctl("check", "lab1", "--target", server.url().removesuffix("/mine"))
    assert (below.status, beside.status) == (0, 1)


def test_a_server_that_is_not_there(own: Home, learner: Learner) -> None:
    with Learner() as gone:
        url = gone.url()
    ran = own.labctl("check", "lab1", "--target", url, "--json")
    assert ran.status == 1
    assert "Failed to connect" in failing(ran)["a name that nobody has registered gets 404"]


def test_tls_is_verified(own: Home, certificate: Path) -> None:
    with Learner(certificate=certificate.with_name("both.pem")) as server:
        words = ("check", "lab1", "--json", "--target", server.url("localhost"))
        trusted = own.labctl(*words, "--ca", certificate)
        stranger = own.labctl(*words)
        wrong_name = own.labctl("check", "lab1", "--json", "--target", server.url(), "--ca",
                                certificate)  # fmt: skip
    assert trusted.status == 0, trusted.said
    for ran, word in ((stranger, "certificate"), (wrong_name, "127.0.0.1")):
        assert ran.status == 1
        assert all(word in why for why in failing(ran).values() if why)


def test_no_proxy_and_no_settings_of_the_user_come_between(own: Home, learner: Learner) -> None:
    """The control of the test: the same curl, asked by its user, takes the proxy."""
    (own.directory / ".curlrc").write_text('proxy = "http://127.0.0.1:1"\n')
    environment = {**own.environment, "http_proxy": "http://127.0.0.1:1"}
    command = own.command("check", "lab1", "--target", learner.url())
    found = subprocess.run(command, env=environment, cwd=own.directory, check=False)
    other = subprocess.run(["curl", "-s", learner.url()], env=environment, check=False)
    assert (found.returncode, other.returncode) == (0, 7)


def test_a_redirect_leads_nowhere_else(own: Home, tmp_path: Path) -> None:
    """Where a target sends its visitor, only the target itself is dialled."""
    folder = tmp_path / "lab" / "exercises" / "01-follow"
    (folder / "solution").mkdir(parents=True)
    (folder / "solution" / "www.sh").write_text("true\n")
    (folder / "README.md").write_text("# Follow\n")
    (folder / "exercise.yml").write_text(
        "title: Follow\nanywhere: true\nchecks:\n"
        "  - {name: a, client: http, expect: {status: 404},\n"
        '     ask: {url: "http://www.${domain}/", follow: true}}\n'
        "  - {name: b, client: file, from: www, ask: /x, expect: {exists: true}, points: 5}\n"
        "  - {name: c, client: http, needs: b, expect: {status: 302}, points: 2,\n"
        '     ask: "http://www.${domain}/"}\n'
    )
    (folder.parents[1] / "www").mkdir()
    (folder.parents[1] / "www" / "index.html").write_text("")
    lab = folder.parents[1] / "lab.yml"
    lab.write_text("lab: follow\nservices: {www: static}\nsites: {www: www}\n")
    with (
        Learner(address="127.0.0.2") as other,
        Learner(redirect=f"http://127.0.0.2:{other.port}/") as server,
    ):
        ran = own.labctl("check", str(lab), "--json", "--target", server.url())
        before = list(other.hosts)
        subprocess.run(
            ["curl", "-sL", server.url()], capture_output=True, check=True
        )  # the control
        assert (before, len(other.hosts)) == ([], 1)
    checks = {one["check"]: one for one in ran.json}
    assert checks["a"]["attempts"] == 1
    assert (checks["b"]["attempts"], checks["b"]["of"], checks["b"]["unmet"]) == (0, 0, [])
    assert "not asked outside the lab" in checks["b"]["differences"][0]
    assert checks["c"]["passed"], checks["c"]  # that b cannot be asked is nobody's fault


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--exercise", "mx", "--target", "http://127.0.0.1:1"), "not asked outside the lab"),
        (("--target", "me.example"), "is no URL of a server"),
        (("--target", "http://127.0.0.1:1", "--all"), "--target asks exercises"),
        (("--ca", "/etc/passwd"), "--ca goes with --target"),
        (("--target", "https://127.0.0.1:1", "--ca", "/etc/passwd"), "holds no certificate"),
        (("--target", "https://127.0.0.1:1", "--ca", "/nowhere"), "No such file"),
    ],
)
def test_what_does_not_go_together_is_said(own: Home, words: tuple[str, ...], said: str) -> None:
    ran = own.labctl("check", "lab1", *words)
    assert ran.status == 2, ran.said
    assert said in ran.err
    assert "Traceback" not in ran.said


def test_attempts_are_counted_by_target(own: Home, learner: Learner) -> None:
    words = ("check", "lab1", "--target", learner.url())
    first, second = own.labctl(*words), own.labctl(*words)
    assert "(attempt 1)" in first.out
    assert "(attempt 2)" in second.out
    page = own.directory / "page.html"
    own.labctl(*words, "--html", page)
    assert f"at {learner.url()} in place of the lab" in page.read_text()
    assert page.stat().st_size < 100_000
