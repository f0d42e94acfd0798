"""A run for other programs: JUnit's XML, and CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

from labctl.grades.run import Group, Record, Run

HEADS = (
    "lab", "exercise", "check", "state", "points", "of", "attempts", "reason", "hint", "time", "run"
)  # fmt: skip
# what makes a formula of a cell in Excel, LibreOffice and Sheets (OWASP: CSV injection)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def junit(run: Run) -> bytes:
    """A run as JUnit's XML: a suite for each exercise, a case for each check."""
    root = ElementTree.Element("testsuites", name=run.target or run.lab)
    for group in run.groups:
        root.append(suite(group, run, group.title))
    ElementTree.indent(root)
    found: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def suite(group: Group, run: Run, title: str) -> ElementTree.Element:
    """One exercise's results of a run as a suite of JUnit's."""
    skipped = sum(not record.attempts for record in group.records)
    passed = sum(record.passed for record in group.records)
    counted = {
        "name": title,
        "tests": str(len(group.records)),
        "failures": str(len(group.records) - passed - skipped),
        "errors": "0",
        "skipped": str(skipped),
        "timestamp": run.time.rstrip("Z"),
    }
    found = ElementTree.Element("testsuite", counted)
    found.extend(_case(record, group, run) for record in group.records)
    return found


def _case(record: Record, group: Group, run: Run) -> ElementTree.Element:
    name = f"{run.lab}.{group.name or record.service or 'lab'}"
    case = ElementTree.Element("testcase", name=record.check, classname=name)
    reasons = "\n".join(record.reasons)
    if not record.attempts:
        ElementTree.SubElement(case, "skipped", message=reasons)
    elif not record.passed:
        failure = ElementTree.SubElement(case, "failure", message=reasons.partition("\n")[0])
        failure.text = "\n".join([reasons, *([f"hint: {record.hint}"] if record.hint else [])])
    elif record.attempts > 1:
        ElementTree.SubElement(case, "system-out").text = record.state
    return case


def table(run: Run) -> str:
    """A run as CSV (RFC 4180, UTF-8), a line for each check; no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(HEADS)
    for record in run.records:
        reason = "; ".join(record.reasons)
        words = (run.lab, record.exercise, record.check, record.state)
        numbers = (record.points, record.of, record.attempts)
        rest = (reason, record.hint, run.time, run.id)
        writer.writerow([*map(cell, words), *numbers, *map(cell, rest)])
    return text.getvalue()


def cell(text: str) -> str:
    """A text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) and text != "-" else text
