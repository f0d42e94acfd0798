"""Rosters as spreadsheets write them, and what stands in them shown safely."""

from __future__ import annotations

import time

import pytest

from labctl.classes.roster import InvalidRoster, Student, changed, read
from labctl.people import safe, width

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9pmlTHTPI3tk05G8g7u8rx0zvLHHbnh9IYA3Jc1L5u"
ADA, GRACE = Student("s01", "Ada Lovelace"), Student("s02", "José Hopper")
TEXT = "id,name\r\ns01,Ada Lovelace\r\ns02,José Hopper\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be",
                                      "cp1252", "latin-1"])  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_whatever_a_spreadsheet_writes_is_read(encoding: str, delimiter: str) -> None:
    data = TEXT.replace(",", delimiter).encode(encoding)
    assert read(data, "r.csv") == (ADA, GRACE)


def test_a_cell_that_windows_has_no_character_for_is_read() -> None:
    with pytest.raises(InvalidRoster, match="U\\+0081"):
        read(b"id,name\ns01,\x81\xe9\n", "r.csv")


def test_columns_stand_in_any_order_under_any_of_their_names() -> None:
    heads = "SSH Key;Group;Full_Name;E-Mail;Moodle ID;Student ID"
    text = f"{heads}\n{KEY} ada@pc;x;Ada;a@b.example;7;s01\n"
    assert read(text.encode(), "r.csv") == (Student("s01", "Ada", "a@b.example", "7", KEY),)


@pytest.mark.parametrize(
    "name", ['Ada "Byron", Countess', "=1+1", "+49", "-Ada", "@ada", "Zoë 王 נעמי"]
)
def test_a_cell_is_text_whatever_it_looks_like(name: str) -> None:
    quoted = name.replace('"', '""')
    (student,) = read(f'id,name\ns01,"{quoted}"\n'.encode(), "r.csv")
    assert student.name == name


def test_what_excel_adds_is_understood() -> None:
    assert read(b"sep=;\r\nid;name\r\n;\r\ns01;Ada Lovelace\r\n;;\r\n", "r.csv") == (ADA,)
    assert read(b"id,name\rs01,Ada Lovelace", "r.csv") == (ADA,)
    assert read(b'"id","name"\n"s01", "Ada Lovelace" \n', "r.csv") == (ADA,)


def test_ids_have_no_case() -> None:
    upper = read(b"id,name\nS01,Ada Lovelace\nAB-12,x\n", "r.csv")
    assert [student.id for student in upper] == ["s01", "ab-12"]
    with pytest.raises(InvalidRoster, match="'S01' is in line 2 already"):
        read(b"id,name\ns01,x\nS01,y\n", "r.csv")


def test_ten_thousand_lines_are_read_within_a_second() -> None:
    lines = [f"s{number:05},Náme {number},s{number}@x.example" for number in range(9_998)]
    data = "\n".join(["id,name,email", *lines]).encode()
    start = time.process_time()
    assert len(read(data, "r.csv")) == 9_998
    with pytest.raises(InvalidRoster) as caught:
        read(data + b"\nsame,x,nobody" * 2, "r.csv")
    assert time.process_time() - start < 2
    assert [problem.mark.line for problem in caught.value.problems] == [10_000, 10_001, 10_001]


@pytest.mark.parametrize("data", [b'id,name\n"' + b'a""' * 300_000, b'"' * 100_000, b"\0" * 9_999,
                                  b"\xff\xfe\x00", b",\r" * 50_000])  # fmt: skip
def test_rubbish_is_refused_soon(data: bytes) -> None:
    start = time.process_time()
    with pytest.raises(InvalidRoster):
        read(data, "r.csv")
    assert time.process_time() - start < 2


def test_a_large_file_is_not_read() -> None:
    with pytest.raises(InvalidRoster, match="at most 16"):
        read(b"x" * (17 * 2**20), "r.csv")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada", "Ada"),
        ("A\x1b[31mda", "A\N{REPLACEMENT CHARACTER}[31mda"),
        ("abc\u202etxt.exe", "abc\N{REPLACEMENT CHARACTER}txt.exe"),
        ("גרייס", "\u2068גרייס\u2069"),
        ("Z" + "\u0335" * 50 + "!", "Z" + "\u0335" * 4 + "!"),
        ("\u0301x", "\N{DOTTED CIRCLE}\u0301x"),
        ("علی\u200cرضا", "\u2068علی\u200cرضا\u2069"),
        ("x" * 50, "x" * 39 + "…"),
    ],
)
def test_a_name_moves_nothing_around_it(name: str, shown: str) -> None:
    assert safe(name) == shown


def test_columns_are_counted_as_terminals_do() -> None:
    assert [width(text) for text in ("Ada", "王", "e\u0301", "\u2068א\u2069")] == [3, 2, 1, 1]


def test_two_rosters_are_compared() -> None:
    named = Student("s02", "Grace Hopper")
    third = Student("s03", "Edsger Dijkstra")
    assert changed([ADA, GRACE], [named, third]) == ([third], ["s01"], [named])
    assert changed([ADA, GRACE], [GRACE, ADA]) == ([], [], [])
