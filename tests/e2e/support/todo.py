"""A person with a browser at the to-do list of web-dynamic, whichever framework answers."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.support.curl import Answer, curl

FIELD = re.compile(r'name="(csrf|csrfmiddlewaretoken)" value="([^"]+)"')
TASK = re.compile(
    r"<li>\s*(<s>)?(.*?)(?:</s>)?\s*<form[^>]* action=\"/tasks/(\d+)/done\"", re.DOTALL
)


@dataclass
class Person:
    """Keeps cookies in ``jar``, and knows the last page: forms are sent with what stands there."""

    url: str
    jar: Path
    ca: Path | str = ""
    options: tuple[str, ...] = ()
    token: tuple[str, str] = ("csrf", "")

    def get(self, path: str = "/") -> Answer:
        """Ask for a page."""
        return self._ask(path)

    def send(self, path: str, **fields: str) -> Answer:
        """Send a form of the last page; what that page's own fields are is sent along."""
        name, value = self.token
        pairs = {name: value, **fields} if value else fields
        words = [word for k, v in pairs.items() for word in ("--data-urlencode", f"{k}={v}")]
        origin = ("--header", f"Origin: {self.url}", "--header", f"Referer: {self.url}/")
        return self._ask(path, "--request", "POST", *origin, *(words or ["--data", ""]))

    def must(self, path: str, **fields: str) -> Answer:
        """Send a form that has to be taken, and look at the first page again."""
        answer = self.send(path, **fields)
        assert answer.status == 303, answer
        return self.get()

    def register(self, name: str, password: str = "correct horse") -> Answer:
        """A new account; the page that its owner sees."""
        self.get()
        return self.must("/register", name=name, password=password)

    @property
    def tasks(self) -> list[tuple[str, str, bool]]:
        """One's own tasks: number, text, and whether it is done."""
        found = TASK.findall(self.get().body)
        return [(number, html.unescape(text).strip(), bool(done)) for done, text, number in found]

    def _ask(self, path: str, *words: str) -> Answer:
        cookies = ("--cookie", str(self.jar), "--cookie-jar", str(self.jar))
        answer = curl(self.url + path, *cookies, *self.options, *words, ca=self.ca)
        if found := FIELD.search(answer.body):
            self.token = (found[1], found[2])
        return answer


HOSTILE = "<script>alert('x')</script> {{ 7 * 7 }} '; DROP TABLE tasks; -- é ✓"


def story(person: Person, other: Person, name: str) -> None:
    """What anybody does with a to-do list, and what nobody may."""
    first = person.get()
    assert (first.status, "<h2>Who are you?</h2>" in first.body) == (200, True), first
    assert person.send("/tasks", text="as nobody").status == 403

    page = person.register(name)
    assert f"<h2>Tasks of {name}</h2>" in page.body
    page = person.must("/tasks", text=HOSTILE)
    assert "<script>" not in page.body
    assert "{{ 7 * 7 }}" in page.body
    [(number, text, done)] = person.tasks
    assert (text, done) == (HOSTILE, False)
    person.must(f"/tasks/{number}/done")
    assert person.tasks == [(number, HOSTILE, True)]
    assert person.get(f"/people/{name}").body == f"{name}: 0 open tasks\n"

    other.register(f"{name}-two")
    assert other.tasks == []
    assert other.send(f"/tasks/{number}/delete").status == 404
    assert other.send("/tasks/99999999999999999999/delete").status == 404

    token = person.token
    person.token = (token[0], "x" * len(token[1]))
    assert person.send("/tasks", text="from another site").status == 403
    person.token = token
    assert person.send("/tasks", text="x" * 201).status == 400
    person.must(f"/tasks/{number}/delete")
    assert person.tasks == []

    assert "Who are you?" in person.must("/logout").body
    assert person.send("/login", name=name, password="wrong horse").status == 403
    assert person.send("/login", name=f"{name}' --", password="correct horse").status == 403
    assert person.send("/register", name=name, password="another horse").status == 409
    assert person.send("/register", name="short", password="horse").status == 400
    assert f"Tasks of {name}" in person.must("/login", name=name, password="correct horse").body

    assert person.get("/people/nobody'%20OR%20'1'='1").status == 404
    assert person.get("/health").body == "ok\n"
    assert person.get("/no-such-page").status == 404
