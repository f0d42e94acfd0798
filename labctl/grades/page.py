"""A run as one page of HTML, to be read and handed on: a bar for each exercise.

Self-contained: its style is inside, nothing is asked of any server, there is no script. Every
value is text wherever it lands (Jinja's autoescape).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jinja2

from labctl import resources
from labctl.grades import store
from labctl.grades.gradebook import Gradebook
from labctl.grades.run import Group, Run
from labctl.grades.store import Attempt
from labctl.people import safe

TEMPLATE = "grades/page.html.j2"
CLASS_TEMPLATE = "grades/class.html.j2"


@dataclass(frozen=True, slots=True)
class Section:
    """One exercise on the page, with what earlier runs brought."""

    group: Group
    attempts: Sequence[Attempt]

    @property
    def percent(self) -> int:
        """How long its bar is; of an exercise without points, how much of it holds."""
        group = self.group
        if group.of:
            return round(100 * group.points / group.of)
        counted = [record for record in group.records if not record.excused]
        return round(100 * sum(record.passed for record in counted) / max(1, len(counted)))


def page(run: Run, kept: Iterable[Run] = ()) -> str:
    """The page as text; ``kept`` are the runs that there were, this one among them."""
    earlier = tuple(kept)
    sections = [
        Section(group, store.attempts(earlier, group.name, run.target)) for group in run.groups
    ]
    return _rendered(TEMPLATE, run=run, sections=sections)


def class_page(book: Gradebook) -> str:
    """The grades of a class as one page: a table of students, and what each has left to do."""
    return _rendered(CLASS_TEMPLATE, book=book, shown=safe)


def _rendered(template: str, **values: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates()),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
