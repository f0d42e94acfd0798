"""Setting up a host: what is planned for which host, and how it is carried out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.setup import engine, host, run, tools
from labctl.setup.apt_sources import Mirror, Source, debian_mirror, parse_deb822, parse_list, read
from labctl.setup.compose_package import apt_options, source_text
from labctl.setup.engine import State
from labctl.setup.host import Host
from labctl.setup.plan import Goal, Step, Unsupported, Wishes, last_steps, plan

PINS = frozenset({("docker", "7.1.0")})
READY = Host(
    programs=frozenset(
        {"docker", "dockerd", "mmdebstrap", "certutil", "chromium", *tools.PROGRAMS}
    ),
    compose="2.26.1",
    pinned=PINS | {("hosting-labctl", "0.1.0")},
)
BARE = replace(
    READY,
    programs=frozenset(),
    compose="",
    engine=State.ABSENT,
    pinned=frozenset(),
    venv_works=False,
    has_ensurepip=False,
)


def planned(seen: Host, goal: Goal = "up") -> list[str]:
    return [step.what for step in plan(seen, Wishes(goal, PINS))]


def installed(seen: Host, goal: Goal = "up") -> set[str]:
    steps = plan(seen, Wishes(goal, PINS))
    return {c[-1] for step in steps for c in step.commands if "apt-get" in c and "install" in c}


def test_nothing_is_planned_where_everything_is_there() -> None:
    assert planned(READY) == []
    assert planned(READY, "test") == []


def test_a_bare_debian_13_gets_everything_in_order() -> None:
    assert planned(BARE) == [
        "current package lists",
        "python3-venv",
        "docker.io",
        "docker-cli",
        "docker-compose",
        "mmdebstrap",
        "the engine runs",
        "a Python environment in .venv",
        "Python packages",
        "labctl itself in .venv",
    ]


def test_debian_12_fetches_one_package_and_adds_no_source() -> None:
    steps = plan(replace(BARE, release="12"), Wishes("up", PINS))
    commands = [command for step in steps for command in step.commands]
    fetched = next(command for command in commands if "labctl.setup.compose_package" in command)
    assert commands[commands.index(fetched) + 1][-1] == fetched[-1]
    assert "docker-compose" not in installed(replace(BARE, release="12"))
    assert "docker-cli" not in installed(replace(BARE, release="12"))


def test_an_older_compose_stays_and_version_2_goes_beside_it() -> None:
    seen = replace(READY, release="12", compose="", compose_package="1.29.2-3")
    steps = plan(seen, Wishes("up", PINS))
    assert "1.29.2-3 is installed and stays" in steps[-1].why
    assert steps[-1].commands[-1][-1] == "/usr/local/lib/docker/cli-plugins/docker-compose"
    assert installed(seen) == set()


def test_ubuntu_has_names_of_its_own() -> None:
    seen = replace(BARE, distribution="ubuntu", release="24.04")
    assert {"docker.io", "docker-compose-v2", "debian-archive-keyring"} <= installed(seen)
    assert "docker-cli" not in installed(seen)


@pytest.mark.parametrize("distribution", ["debian", "ubuntu"])
def test_dockers_own_packages_are_completed_from_their_own_archive(distribution: str) -> None:
    seen = replace(
        READY,
        distribution=distribution,
        release="12",
        packages=frozenset({"docker-ce", "docker-ce-cli", "debian-archive-keyring"}),
        compose="",
    )
    assert installed(seen) == {"docker-compose-plugin"}


def test_an_engine_that_is_there_is_never_replaced() -> None:
    for state in (State.ANSWERS, State.DOWN, State.DENIED):
        assert "docker.io" not in installed(replace(BARE, engine=state))


def test_a_docker_command_without_an_engine_does_not_count_as_one() -> None:
    seen = replace(BARE, programs=frozenset({"docker"}))
    assert "docker.io" in installed(seen)
    assert "docker-cli" not in installed(seen)


def test_the_engine_is_started_with_and_without_systemd() -> None:
    down = replace(READY, engine=State.DOWN)
    (step,) = plan(down, Wishes("up", PINS))
    assert step.starts_engine
    assert step.commands == (("systemctl", "enable", "--now", "docker"),)
    (step,) = plan(replace(down, has_systemd=False), Wishes("up", PINS))
    assert step.commands[0][-1] == "labctl.setup.engine"


def test_a_user_joins_the_group_once() -> None:
    user = replace(
        READY, is_root=False, user="ann", engine=State.DENIED, packages=frozenset({"uidmap"})
    )
    (step,) = plan(user, Wishes("up", PINS))
    assert step.commands == (("usermod", "--append", "--groups", "docker", "ann"),)
    assert planned(replace(user, in_docker_group=True)) == []


def test_tests_need_a_browser_and_linting_neither_engine_nor_browser() -> None:
    assert {"chromium", "libnss3-tools"} <= installed(BARE, "test")
    assert installed(BARE, "lint") == {"python3-venv"}
    assert last_steps(Wishes("lint", PINS)) == ()


def test_others_checkers_are_for_tests_only_and_pinned() -> None:
    missing = frozenset({("sslyze", "6.3.1")})
    assert {"testssl.sh", "wrk", "default-jre-headless"} <= installed(BARE, "test")
    assert not {"testssl.sh", "wrk"} & installed(BARE, "up")
    (step,) = plan(READY, Wishes("test", PINS, tools=missing))
    venv, pip, npm = step.commands
    assert venv[-1].endswith(".venv-tools")
    assert "--require-hashes" in pip
    assert {"ci", "--ignore-scripts"} <= set(npm)
    assert plan(READY, Wishes("up", PINS, tools=missing)) == ()


def test_every_package_of_npm_has_a_hash() -> None:
    lock = json.loads((tools.FOLDER / "package-lock.json").read_bytes())["packages"]
    own = lock.pop("")
    assert set(own["dependencies"]) == {name.removeprefix("node_modules/") for name in lock}
    assert all(package["integrity"].startswith("sha512-") for package in lock.values())
    assert {("axe-core", lock["node_modules/axe-core"]["version"])} <= tools.wanted()


def test_changed_pins_are_installed_with_their_hashes() -> None:
    steps = plan(READY, Wishes("up", frozenset({("docker", "8.0.0")})))
    assert [step.what for step in steps] == ["Python packages"]
    assert "--require-hashes" in steps[0].commands[0]


def test_a_system_that_is_not_known_is_told_what_is_missing() -> None:
    with pytest.raises(Unsupported, match=r"not for fedora\. Missing here: .*docker\.io"):
        plan(replace(BARE, distribution="fedora"), Wishes("up", PINS))
    assert planned(replace(READY, distribution="fedora")) == []


def test_docker_desktop_is_left_to_its_user() -> None:
    seen = replace(READY, has_desktop=True)
    assert planned(seen) == []
    with pytest.raises(Unsupported, match="start it"):
        planned(replace(seen, engine=State.ABSENT))


def test_without_rights_the_administrators_commands_are_printed_whole() -> None:
    ann = replace(BARE, is_root=False, user="ann", release="12")
    steps = plan(ann, Wishes("up", PINS))
    assert not run.may_run(steps, ann)
    assert run.may_run(steps, replace(ann, has_sudo=True))
    printed = run.for_administrator(steps)
    assert "apt-get install -y docker.io    # docker.io" in printed
    assert "labctl.setup.compose_package" in printed
    assert "usermod --append --groups docker ann" in printed
    assert "pip" not in printed.replace("ensurepip", "")


def test_rights_are_asked_for_only_where_needed() -> None:
    ann = replace(READY, is_root=False, engine=State.DENIED)
    root = Step("x", "y", (("true",),), root=True)
    docker = Step("x", "y", (("labctl", "up", "lab1"),), docker=True)
    assert run.as_user(("true",), root, ann) == ("sudo", "true")
    assert run.as_user(("true",), root, READY) == ("true",)
    assert run.as_user(("labctl", "up"), docker, ann) == ("sg", "docker", "-c", "labctl up")
    assert run.as_user(("labctl", "up"), docker, READY) == ("labctl", "up")


def test_the_runner_says_each_step_and_stops_at_the_first_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    steps = [
        Step("lists", "why not", (("update",),), tolerant=True),
        Step("one", "first", (("good",), ("bad",))),
        Step("two", "never", (("good",),)),
    ]
    ran: list[tuple[str, ...]] = []

    def runner(command: tuple[str, ...]) -> int:
        ran.append(command)
        return 0 if command == ("good",) else 1

    assert run.run(steps, READY, runner) == steps[1]
    assert ran == [("update",), ("good",), ("bad",)]
    assert "[2/3] one: first\n    good\n    bad\n" in capsys.readouterr().out


def test_a_dry_run_runs_nothing() -> None:
    def runner(command: tuple[str, ...]) -> int:
        raise AssertionError(command)

    steps = plan(replace(BARE, engine=State.ABSENT), Wishes("up", PINS))
    assert run.run(steps, BARE, runner, dry=True) is None


def test_pins_are_read_and_compared_in_normal_form(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# x\nJinja2==3.1.6 \\\n    --hash=sha256:00\ntyping_extensions==4.16.0\n")
    assert host.wanted_pins(file) == {("jinja2", "3.1.6"), ("typing-extensions", "4.16.0")}
    packages = tmp_path / "lib/python3.13/site-packages"
    (packages / "typing_extensions-4.16.0.dist-info").mkdir(parents=True)
    assert set(host.installed_pins(tmp_path)) == {("typing-extensions", "4.16.0")}


def test_every_pin_of_the_project_has_a_hash_and_no_address() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (host.ROOT / name).read_text()
        blocks = text.split("\n# ")[0] + text
        assert host.wanted_pins(host.ROOT / name)
        assert "://" not in blocks
        for line in text.splitlines():
            assert not line[:1].isalnum() or line.endswith("\\"), f"{name}: {line} has no hash"


def test_os_release(tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    file.write_text('ID=debian\nVERSION_ID="12"\n\n')
    assert host.os_release(file) == {"ID": "debian", "VERSION_ID": "12"}
    assert host.os_release(tmp_path / "none") == {}


def test_no_socket_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        engine.ping(tmp_path / "none.sock")


def test_one_line_sources() -> None:
    text = (
        "# deb http://no.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/x.gpg] http://a.example/debian/ bookworm main contrib # x\n"
        "deb-src http://a.example/debian bookworm main\n"
    )
    assert list(parse_list(text)) == [
        Source("http://a.example/debian/", "bookworm", ("main", "contrib"))
    ]


def test_deb822_sources() -> None:
    text = (
        "Types: deb deb-src\n# where\nURIs: http://a.example/debian\n"
        "Suites: trixie\n trixie-updates\nComponents: main\n\n"
        "Types: deb\nEnabled: no\nURIs: http://off.example\nSuites: trixie\nComponents: main\n"
    )
    assert [(s.uri, s.suite) for s in parse_deb822(text)] == [
        ("http://a.example/debian", "trixie"),
        ("http://a.example/debian", "trixie-updates"),
    ]


def test_the_mirror_is_debians_own_archive_only() -> None:
    sources = [
        Source("http://vendor.example/apt", "stable", ("main",)),
        Source("cdrom:[Debian]/", "trixie", ("main",)),
        Source("http://a.example/debian/", "trixie", ("main",)),
        Source("http://s.example/sec/", "trixie-security", ("main",)),
    ]
    assert debian_mirror(sources, "trixie") == Mirror(
        "http://a.example/debian", "http://s.example/sec"
    )
    assert debian_mirror(sources[:3], "trixie") == Mirror(
        "http://a.example/debian", "http://a.example/debian-security"
    )
    assert debian_mirror(sources[:2], "trixie") is None
    assert debian_mirror(sources, "") is None


def test_a_named_mirror_wins() -> None:
    assert debian_mirror([], "", "http://m.example/debian/") == Mirror(
        "http://m.example/debian", "http://m.example/debian-security"
    )
    assert debian_mirror([], "", "http://m.example/d http://m.example/s") == Mirror(
        "http://m.example/d", "http://m.example/s"
    )


def test_sources_of_a_directory_without_files(tmp_path: Path) -> None:
    assert read(tmp_path) == ()


def test_fetching_a_package_stays_in_a_directory_of_its_own(tmp_path: Path) -> None:
    options = apt_options(tmp_path)
    own = {option.partition("=")[0]: option.partition("=")[2] for option in options}
    for name in ("Dir::State", "Dir::Cache", "Dir::Etc::sourcelist"):
        assert own[f"-o{name}"].startswith(str(tmp_path))
    assert own["-oDir::Etc::sourceparts"] == "/dev/null"
    assert "Signed-By: /usr/share/keyrings/" in source_text(Mirror("http://m", "http://s"))
