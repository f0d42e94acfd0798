"""Reading exercises: every problem with its place, in the exact words."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest

from labctl.errors import LabctlError
from labctl.exercises.reader import exercises, named
from labctl.spec.problems import InvalidLab

GOOD = """\
title: Say hello
checks:
  - name: it says hello
    client: http
    ask: {url: "http://www.${domain}/"}
    expect: {status: 200}
    lesson: the-page
"""
LESSON = "# Say hello\n\n```\n# The fenced\n```\n\n## The page\n\nRead it.\n"
MACHINES = ("www", "front", "client")


def write(folder: Path, path: str, text: str) -> None:
    file = folder / "exercises" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab with one good exercise, and its folder as people see it: relative."""
    monkeypatch.chdir(tmp_path)
    lab = Path("lab")
    write(lab, "01-hello/exercise.yml", GOOD)
    write(lab, "01-hello/README.md", LESSON)
    write(lab, "01-hello/solution/www.sh", "echo hello\n")
    return lab


def problems(lab: Path) -> str:
    with pytest.raises(InvalidLab) as caught:
        exercises(lab, MACHINES)
    assert caught.value.status == 2
    return str(caught.value)


def expected(text: str) -> str:
    return dedent(text).strip("\n")


def test_a_lab_without_the_folder_has_none(tmp_path: Path) -> None:
    assert exercises(tmp_path) == ()


def test_what_is_there_is_read(lab: Path) -> None:
    write(lab, "01-hello/setup/lab/lab.yml", "services: {club: static}\n")
    write(lab, "01-hello/setup/front/etc/nginx/x.conf", "x\n")
    write(lab, "01-hello/solution/front.sign", "# both\n/root/a.csr /etc/ssl/a.pem\n\n")
    write(lab, "01-hello/solution/front.after.sh", "reload\n")
    write(lab, "02-more/exercise.yml", GOOD.replace("Say hello", "Say more"))
    write(lab, "02-more/README.md", LESSON)
    write(lab, "02-more/solution/www/var/www/x", "x")
    write(lab, "README.md", "about all exercises\n")
    first, second = exercises(lab, MACHINES)
    assert (first.name, first.title, first.points) == ("01-hello", "Say hello", 1)
    assert first.lesson == LESSON
    assert first.setup.lab == {"lab.yml": b"services: {club: static}\n"}
    assert first.setup.machines["front"].files == {"/etc/nginx/x.conf": b"x\n"}
    assert first.solution.machines["www"].script == "echo hello\n"
    front = first.solution.machines["front"]
    assert [(r.request, r.certificate) for r in front.requests] == [
        ("/root/a.csr", "/etc/ssl/a.pem")
    ]
    assert front.after == "reload\n"
    assert not first.cleanup
    assert second.solution.machines["www"].files == {"/var/www/x": b"x"}


@pytest.mark.parametrize("word", ["01-hello", "hello", "01", "1"])
def test_an_exercise_is_found_by_name_or_number(lab: Path, word: str) -> None:
    assert named(exercises(lab), word).name == "01-hello"


def test_one_that_is_not_there_is_told(lab: Path) -> None:
    with pytest.raises(LabctlError) as caught:
        named(exercises(lab), "01-helo")
    assert str(caught.value) == "there is no exercise '01-helo'\nhint: did you mean '01-hello'?"
    with pytest.raises(LabctlError, match=r"there is no exercise '\.\./\.\./etc'"):
        named(exercises(lab), "../../etc")


def test_unknown_keys(lab: Path) -> None:
    write(lab, "01-hello/exercise.yml", GOOD.replace("title", "titel"))
    assert problems(lab) == expected("""
        lab/exercises/01-hello/exercise.yml:1:1: 'title' is missing
            1 | titel: Say hello
                ^
        hint: `title:` what there is to do, in one line
        lab/exercises/01-hello/exercise.yml:1:1: unknown key 'titel'
            1 | titel: Say hello
                ^^^^^
        hint: did you mean 'title'?
    """)


def test_unknown_keys_of_a_check(lab: Path) -> None:
    write(lab, "01-hello/exercise.yml", GOOD + "    point: 3\n")
    assert problems(lab) == expected("""
        lab/exercises/01-hello/exercise.yml:8:5: checks.0: unknown key 'point'
            8 |     point: 3
                    ^^^^^
        hint: did you mean 'points'?
    """)


def test_an_exercise_is_a_folder_with_three_things_at_least(lab: Path) -> None:
    (lab / "exercises/02-empty").mkdir()
    assert problems(lab) == expected("""
        lab/exercises/02-empty:1:1: there is no README.md
        hint: an exercise has a lesson: what to read, do and notice
        lab/exercises/02-empty:1:1: there is no exercise.yml
        hint: it says the exercise's `title` and `checks`
        lab/exercises/02-empty:1:1: there is no solution
        hint: a folder `solution` with `NAME/…`, `NAME.sh` or `lab/…` proves that there is one
    """)


def test_platforms(lab: Path) -> None:
    write(lab, "01-hello/exercise.yml", GOOD + "platforms: [vps]\n")
    (exercise,) = exercises(lab)
    assert exercise.fits("vps")
    assert not exercise.fits("on-premise")
    write(lab, "01-hello/exercise.yml", GOOD + "platforms: vsp\n")
    assert problems(lab) == expected("""
        lab/exercises/01-hello/exercise.yml:8:12: platforms.0: 'vsp' is not one of bare-metal, vps, on-premise
            8 | platforms: vsp
                           ^^^
    """)  # noqa: E501 (messages are compared whole)


def test_checks_that_say_nothing(lab: Path) -> None:
    write(lab, "01-hello/exercise.yml", "title: Say hello\n")
    assert problems(lab) == expected("""
        lab/exercises/01-hello/exercise.yml:1:1: 'checks' is missing
            1 | title: Say hello
                ^
        hint: `checks:` what must hold once it is solved, as under `checks:` of a lab file
    """)
    write(lab, "01-hello/exercise.yml", GOOD + "    before: true\n")
    assert problems(lab) == expected("""
        lab/exercises/01-hello/exercise.yml:3:3: checks: nothing here has to be solved: no check that does not hold before
            3 |   - name: it says hello
                  ^
        hint: what must hold once it is solved, as under `checks:` of a lab file
    """)  # noqa: E501 (messages are compared whole)


def test_names_used_twice(lab: Path) -> None:
    again = GOOD[GOOD.index("  - name") :]
    write(lab, "01-hello/exercise.yml", GOOD + again)
    assert problems(lab) == expected("""
        lab/exercises/01-hello/exercise.yml:8:11: checks.1.name: the name 'it says hello' is given twice
            8 |   - name: it says hello
                          ^^^^^^^^^^^^^
        hint: every check has its own name
    """)  # noqa: E501 (messages are compared whole)


def test_needs_that_lead_nowhere(lab: Path) -> None:
    write(lab, "01-hello/exercise.yml", GOOD + "    needs: it says helo\n")
    assert problems(lab) == expected("""
        lab/exercises/01-hello/exercise.yml:8:12: checks.0.needs.0: there is no check 'it says helo' in this file
            8 |     needs: it says helo
                           ^^^^^^^^^^^^
        hint: did you mean 'it says hello'?
    """)  # noqa: E501 (messages are compared whole)


def test_needs_in_a_ring(lab: Path) -> None:
    second = GOOD[GOOD.index("  - name") :].replace("it says hello", "it says more")
    text = GOOD + "    needs: it says more\n" + second + "    needs: it says hello\n"
    write(lab, "01-hello/exercise.yml", text)
    assert problems(lab) == expected("""
        lab/exercises/01-hello/exercise.yml:8:12: checks.0.needs.0: 'it says more' needs this one itself
            8 |     needs: it says more
                           ^^^^^^^^^^^^
        hint: one of them must come first
        lab/exercises/01-hello/exercise.yml:14:12: checks.1.needs.0: 'it says hello' needs this one itself
           14 |     needs: it says hello
                           ^^^^^^^^^^^^^
        hint: one of them must come first
    """)  # noqa: E501 (messages are compared whole)


def test_a_machine_that_the_lab_does_not_have(lab: Path) -> None:
    write(lab, "01-hello/exercise.yml", GOOD + "    from: clint\n")
    write(lab, "01-hello/setup/frnt/etc/x", "x")
    write(lab, "01-hello/solution/wwww.sh", "x")
    assert problems(lab) == expected("""
        lab/exercises/01-hello/exercise.yml:8:11: checks.0.from: there is no service or machine 'clint'
            8 |     from: clint
                          ^^^^^
        hint: did you mean 'client'?
        lab/exercises/01-hello/setup/frnt:1:1: the lab has no machine or service 'frnt'
        hint: did you mean 'front'?
        lab/exercises/01-hello/solution/wwww:1:1: the lab has no machine or service 'wwww'
        hint: did you mean 'www'?
    """)  # noqa: E501 (messages are compared whole)


def test_a_heading_that_the_lesson_does_not_have(lab: Path) -> None:
    write(lab, "01-hello/exercise.yml", GOOD.replace("the-page", "the-fenced"))
    assert problems(lab) == expected("""
        lab/exercises/01-hello/exercise.yml:7:13: checks.0.lesson: the lesson has no heading 'the-fenced'
            7 |     lesson: the-fenced
                            ^^^^^^^^^^
        hint: one of: say-hello, the-page
    """)  # noqa: E501 (messages are compared whole)


def test_what_is_no_part_of_an_exercise(lab: Path) -> None:
    write(lab, "01-hello/solutions/www.sh", "x")
    write(lab, "01-hello/README.fr.md", "# Dire bonjour")
    write(lab, "01-hello/solution/notes.txt", "x")
    write(lab, "01-hello/solution/WWW/x", "x")
    assert problems(lab) == expected("""
        lab/exercises/01-hello/solution/WWW/x:1:1: nobody knows what this is for
        hint: `NAME/…` are files of a machine or of a service's machine, `NAME.sh` runs there, `lab/…` lies over the lab's folder
        lab/exercises/01-hello/solution/notes.txt:1:1: nobody knows what this is for
        hint: `NAME/…` are files of a machine or of a service's machine, `NAME.sh` runs there, `lab/…` lies over the lab's folder
        lab/exercises/01-hello/solutions:1:1: is no part of an exercise
        hint: did you mean 'solution'?
    """)  # noqa: E501 (messages are compared whole)


def test_lines_of_requests(lab: Path) -> None:
    write(lab, "01-hello/solution/www.sign", "/root/a.csr\n\n/root/a.csr ../x.pem\n/a /b/../c\n")
    assert problems(lab) == expected("""
        lab/exercises/01-hello/solution/www.sign:1:1: '/root/a.csr' is no line of two paths
        hint: a request and its certificate, as `/root/shop.csr /etc/ssl/shop.pem`
        lab/exercises/01-hello/solution/www.sign:3:1: '/root/a.csr ../x.pem' is no line of two paths
        hint: a request and its certificate, as `/root/shop.csr /etc/ssl/shop.pem`
        lab/exercises/01-hello/solution/www.sign:4:1: '/a /b/../c' is no line of two paths
        hint: a request and its certificate, as `/root/shop.csr /etc/ssl/shop.pem`
    """)


def test_scripts_and_lessons_are_text(lab: Path) -> None:
    (lab / "exercises/01-hello/solution/www.sh").write_bytes(b"echo\necho \xff\n")
    (lab / "exercises/01-hello/README.md").write_bytes(b"\xfe")
    assert problems(lab) == expected("""
        lab/exercises/01-hello/README.md:1:1: not UTF-8 text
        hint: save the file as UTF-8
        lab/exercises/01-hello/solution/www.sh:2:1: not UTF-8 text
        hint: save the file as UTF-8
    """)


def test_folders_that_are_no_names(lab: Path) -> None:
    (lab / "exercises/Über uns").mkdir()
    (lab / "exercises/.git").mkdir()
    assert problems(lab) == expected("""
        lab/exercises:1:1: 'Über uns' is not an exercise's name
        hint: lower-case letters, digits and single hyphens, at most 60 characters
    """)


@pytest.mark.parametrize("place", ["solution/www/etc/passwd", "solution/www/etc", "solution"])
def test_links_out_of_the_folder_are_refused(lab: Path, tmp_path: Path, place: str) -> None:
    outside = tmp_path / "outside"
    (outside / "www").mkdir(parents=True)
    (outside / "secret").write_text("x")
    link = lab / "exercises/01-hello" / place
    if place == "solution":
        (link / "www.sh").unlink()
        link.rmdir()
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside / "secret" if place.endswith("passwd") else outside)
    said = {
        "solution/www/etc/passwd": "'solution/www/etc/passwd' is a link, which could lead anywhere",
        "solution/www/etc": "'etc' is a link, which could lead anywhere",
        "solution": "'solution' passes through a link, which could lead anywhere",
    }[place]
    assert problems(lab) == (
        f"lab/exercises/01-hello/solution:1:1: {said}\n"
        "hint: an exercise's files lie in its own folder"
    )


def test_links_in_place_of_an_exercise_or_its_files_are_refused(lab: Path, tmp_path: Path) -> None:
    (lab / "exercises/02-link").symlink_to(lab.absolute() / "exercises/01-hello")
    assert problems(lab) == "lab/exercises/02-link:1:1: is a link, which could lead anywhere"
    (lab / "exercises/02-link").unlink()
    (lab / "exercises/01-hello/README.md").unlink()
    (tmp_path / "secret").write_text("# The page\n")
    (lab / "exercises/01-hello/README.md").symlink_to(tmp_path / "secret")
    assert "passes through a link" in problems(lab)
    (tmp_path / "real").mkdir()
    other = tmp_path / "other"
    other.mkdir()
    (other / "exercises").symlink_to(lab.absolute() / "exercises")
    with pytest.raises(InvalidLab, match="is a link, which could lead anywhere"):
        exercises(other)


def test_a_pipe_does_not_stop_it(lab: Path) -> None:
    os.mkfifo(lab / "exercises/01-hello/solution/pipe.sh")
    assert problems(lab) == (
        "lab/exercises/01-hello/solution:1:1: 'solution/pipe.sh' is no regular file\n"
        "hint: an exercise's files lie in its own folder"
    )


def test_problems_of_several_exercises_come_together(lab: Path) -> None:
    write(lab, "01-hello/exercise.yml", "\ntitle: [a\n")
    write(lab, "02-more/exercise.yml", GOOD.replace("200", "two hundred"))
    write(lab, "02-more/README.md", LESSON)
    write(lab, "02-more/solution/www.sh", "x")
    said = problems(lab)
    assert "lab/exercises/01-hello/exercise.yml:3:1: not YAML" in said
    assert "    6 |     expect: {status: two hundred}\n" in said
