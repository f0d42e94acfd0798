"""`checks:` of a lab file, from text to what is asked. (Bad ones: tests/golden/bad/checks*.)"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from labctl.checks.questions import QUESTIONS
from labctl.checks.variables import Sealed
from labctl.model import Check, Want
from labctl.spec.schema import schema
from labctl.work.session import wants
from tests.support import lab_from

LAB = """\
lab: shop
services:
  front: front
  mail: {kind: mail, users: [alice]}
checks:
"""
WS = "client: ws, ask: {url: ws://a/, send: hi, until: hi, others: 1}, expect: {delivered: true}"
IMAP = (
    "client: imap, ask: {server: m, login: a, password: '${account.alice}'}, expect: {login: true}"
)
SMTP = (
    "client: smtp, ask: {server: m, sender: a@b, recipient: c@d, "
    "read: {server: m, login: a, password: b}}, expect: {delivered: true}, seconds: 30"
)


def made(checks: str, platform: str = "vps") -> tuple[Check, ...]:
    """The checks of a lab's own file, on a platform."""
    lab = lab_from(f"platform: {platform}\n{LAB}{checks}", Path("/nonexistent"))
    return tuple(check for check in lab.checks if check.name.startswith("own"))


def one(check: str) -> Check:
    (found,) = made(f"  - {{name: own, {check}}}\n")
    return found


def test_a_check_with_everything() -> None:
    (check,) = made("""\
  - name: own check
    client: http
    ask: {url: "https://www.${domain}/${lab}", headers: {Accept: text/html}, follow: yes}
    expect:
      status: {in: [200, 304]}
      header: {Cache-Control: {matches: "max-age=[0-9]+"}, X-Old: {there: no}}
      body: {json: {"user.name": alice, "list[0]": 1, "ok": true, "n": "1"}, not: {contains: ERR}}
      milliseconds: {most: 500}
    from: mail
    service: front
    points: 3
    hint: look there
    lesson: headers
    retries: 2
    seconds: 20
""")
    assert check.ask == {
        "url": "https://www.shop.test/shop", "headers": {"Accept": "text/html"}, "follow": True,
    }  # fmt: skip
    assert check.expect == {
        "status": {"in": [200, 304]},
        "header": {
            "fields": {
                "cache-control": {"matches": "max-age=[0-9]+"},
                "x-old": {"there": False},
            }
        },
        "body": {
            "json": {"user.name": "alice", "list[0]": 1, "ok": True, "n": "1"},
            "not": {"contains": "ERR"},
        },
        "milliseconds": {"most": 500},
    }
    assert (check.origin, check.service, check.points) == ("mail", "front", 3)
    assert (check.hint, check.lesson, check.retries, check.seconds) == (
        "look there", "headers", 2, 20,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("check", "ask", "expect"),
    [
        ("client: file, ask: /etc/hosts, expect: {mode: 0644}", {"path": "/etc/hosts"},
         {"mode": "0644"}),
        ("client: process, ask: nginx, expect: {running: yes}", {"name": "nginx"},
         {"running": True}),
        ("client: command, ask: nginx -t 'a b', expect: {status: 0}",
         {"command": ["nginx", "-t", "a b"]}, {"status": 0}),
        ("client: command, ask: {command: [sh, -c, 'a | b']}, expect: {output: {there: yes}}",
         {"command": ["sh", "-c", "a | b"]}, {"output": {"there": True}}),
        ('client: dns, ask: "www.${domain}", expect: {answers: 198.18.0.1, ad: true}',
         {"name": "www.shop.test"}, {"answers": ["198.18.0.1"], "ad": True}),
        ("client: dns, ask: {name: a, tool: delv}, expect: {validated: true}",
         {"name": "a", "tool": "delv", "anchors": "/etc/bind/bind.keys", "root": "shop.test"},
         {"validated": True}),
        ('client: tls, ask: "www.${domain}", expect: {days: {least: 5}, names: {contains: a}}',
         {"host": "www.shop.test"}, {"days": {"least": 5}, "names": {"contains": "a"}}),
        ("client: tcp, ask: {host: x, port: 25, read: true}, expect: {reply: {matches: ^220}}",
         {"host": "x", "port": 25, "read": True}, {"reply": {"matches": "^220"}}),
        ("client: udp, ask: {host: x, port: 53, send: a}, expect: {answered: false}",
         {"host": "x", "port": 53, "send": "a"}, {"answered": False}),
        ("client: log, ask: {holding: error}, expect: {count: 0}", {"holding": "error"},
         {"count": 0}),
        (WS,
         {"url": "ws://a/", "send": ["hi"], "until": "hi", "seconds": 8.0,
          "others": [{"url": "ws://a/", "until": "hi", "seconds": 8.0}]}, {"delivered": True}),
        (IMAP,
         {"server": "m", "login": "a", "password": Sealed("${account.alice}")}, {"login": True}),
        (SMTP,
         {"server": "m", "sender": "a@b", "recipient": "c@d",
          "read": {"server": "m", "login": "a", "password": "b", "protocol": "imap",
                   "deadline": 28.0}}, {"delivered": True}),
        ("client: http, ask: http://x/, expect: {header: {etag: '${secret.tag}'}}",
         {"url": "http://x/"}, {"header": {"fields": {"etag": Sealed("${secret.tag}")}}}),
    ],
)  # fmt: skip
def test_each_client_is_asked_what_is_said(
    check: str, ask: dict[str, Any], expect: dict[str, Any]
) -> None:
    found = one(check)
    assert found.ask == ask
    assert found.expect == expect
    assert found.origin == "client"


def test_the_clients_are_those_that_can_ask() -> None:
    from labctl.checks import inside, sent

    assert set(QUESTIONS) == {*inside.SINGLE, *sent.CLIENTS}


def test_a_lab_keeps_the_tokens_of_its_checks() -> None:
    lab = lab_from(f"{LAB}  - {{name: a, client: http, ask: http://x/, "
                   "expect: {body: '${secret.flag}'}}\n")  # fmt: skip
    assert Want("token", "check/flag") in list(wants(lab))


def test_on_premise_a_visitors_check_moves_where_it_can_be_asked() -> None:
    checks = """\
  - {name: own web, client: http, ask: "https://www.${domain}/", expect: {status: 200}}
  - name: own pop3
    client: tcp
    ask: {host: "mail.${domain}", port: 110}
    expect: {connected: true}
  - name: own refusal
    client: tcp
    ask: {host: "mail.${domain}", port: 110}
    expect: {connected: false}
    from: client
"""
    origins = {check.name: check.origin for check in made(checks, "on-premise")}
    assert origins == {"own web": "client", "own pop3": "workstation", "own refusal": "client"}
    assert {check.origin for check in made(checks)} == {"client"}


def test_the_schema_takes_good_checks_and_no_others() -> None:
    validator = jsonschema.Draft202012Validator(schema())

    def valid(check: str) -> bool:
        return validator.is_valid(yaml.safe_load(f"{LAB}  - {{name: a, {check}}}\n"))

    assert valid("client: http, ask: 'http://x/', expect: {status: 200}")
    worded = "{status: {in: [200]}, body: {json: {'a[0].b': {least: 1}}}, header: {a: {not: b}}}"
    assert valid(f"client: http, ask: {{url: 'http://x/'}}, expect: {worded}")
    assert valid("client: dns, ask: {name: x}, expect: {answers: [a], ad: true}")
    assert not valid("client: http, ask: 'http://x/', expect: {statsu: 200}")
    assert not valid("client: http, ask: {uri: 'http://x/'}, expect: {status: 200}")
    assert not valid("client: http, ask: 'http://x/', expect: {status: {matches: a}}")
    assert not valid("client: htpp, ask: 'http://x/', expect: {status: 200}")
    assert not valid("client: tcp, ask: {host: x}, expect: {connected: true}")
    assert not valid("client: http, ask: 'http://x/'")
