"""Which virtual host nginx takes, and what ``labctl explain`` says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from labctl.cli.explain import text
from labctl.errors import UsageError
from labctl.expand import expand
from labctl.explain import virtual_hosts
from labctl.explain.explanation import Explanation, explain
from labctl.explain.nginx_syntax import SyntaxRefused, parse, tokens
from labctl.explain.url import request
from labctl.keep import keep
from labctl.model import Lab, Publishing
from labctl.platforms import vps
from labctl.render import render
from labctl.render.tree import Tree
from labctl.spec.lab import read
from labctl.work.session import wants

LAB = b"""\
lab: demo
services:
  www: static
  forms: cgi
  mail: {kind: mail, users: [ann]}
sites:
  www: {service: www, names: "@"}
  open: {service: www, http: serve}
  shut: {service: www, http: refuse}
  plain: {service: www, tls: none}
  own: {service: www, tls: self-signed}
  forms: forms
  staff: {service: www, clients: ann}
"""
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@cache
def rendered(https: int = 443) -> tuple[Lab, Tree]:
    folder = Path(__file__).parent.parent.parent / "stacks" / "lab1"
    lab = vps.place(
        expand(*read(LAB, "lab.yml", folder)),
        {"internet": "198.18.9.0/24"},
        Publishing(80, https),
    )
    kept, _ = keep(lab, wants(lab), Path("/nonexistent/demo"), NOW, write=False)
    return lab, render(lab, kept, lambda _: "image", "/state")


def explained(url: str, https: int = 443) -> Explanation:
    return explain(request(url), *rendered(https))


@pytest.mark.parametrize(
    ("url", "outcome", "what"),
    [
        (
            "http://www.demo.test/a?b=1",
            "redirect",
            "redirected (308) to https://www.demo.test/a?b=1",
        ),
        ("http://demo.test/", "redirect", "redirected (308) to https://demo.test/"),
        ("https://www.demo.localhost/", "proxied", "proxied to the static service www"),
        ("http://open.demo.test/", "proxied", "proxied to the static service www"),
        ("http://shut.demo.test/", "refused", "refused with 403"),
        ("http://plain.demo.test/", "proxied", "proxied to the static service www"),
        ("https://plain.demo.test/", "nothing", "the TLS handshake is refused"),
        ("http://other.demo.test/", "refused", "refused with 421"),
        ("https://other.demo.test/", "nothing", "the TLS handshake is refused"),
        ("https://WWW.Demo.Test./", "proxied", "proxied to the static service www"),
        ("wss://forms.demo.test/", "proxied", "proxied to the cgi service forms"),
        ("https://127.0.0.1/", "nothing", "the TLS handshake is refused"),
        ("http://www.demo.test:443/", "nothing", "refused with 400"),
        ("https://www.demo.test:80/", "nothing", "no TLS handshake"),
    ],
)
def test_what_happens_to_a_url(url: str, outcome: str, what: str) -> None:
    step = explained(url).steps[0]
    assert (step.machine, step.outcome) == ("front", outcome)
    assert step.what.startswith(what)


def test_the_machine_behind_the_front_is_followed() -> None:
    steps = explained("https://www.demo.test/").steps
    assert [step.machine for step in steps] == ["front", "www"]
    assert steps[1].what == "served from the directory /var/www/www"
    program = explained("https://forms.demo.test/cgi-bin/form.py").steps[1]
    assert program.outcome == "program"
    hidden = explained("https://www.demo.test/.git/config").steps[1]
    assert (hidden.outcome, hidden.what) == ("refused", "refused with 404")


def test_every_line_shown_is_the_rendered_line() -> None:
    tree = rendered()[1]
    for step in explained("https://forms.demo.test/cgi-bin/form.py").steps:
        for line in step.lines:
            content = tree.machines[line.machine][line.file].content.decode()
            assert content.splitlines()[line.line - 1].strip() == line.text
    deciding = explained("https://www.demo.test/").steps[0].lines
    assert any(line.text.startswith("server_name www.demo.test demo.test") for line in deciding)
    assert deciding[0].source == "lab.yml:7"


def test_who_signed_the_certificate() -> None:
    good = explained("https://demo.test/").certificate
    assert good is not None
    assert (good.signer, good.covers) == ("ca", True)
    own = explained("https://own.demo.test/").certificate
    assert own is not None
    assert own.signer == "self"
    assert explained("http://www.demo.test/").certificate is None
    assert explained("https://other.demo.test/").certificate is None


def test_ports_of_the_host() -> None:
    step = explained("http://www.demo.localhost/", 8443).steps[0]
    assert step.what.endswith("https://www.demo.localhost:8443/")
    inside = explained("http://www.demo.test/", 8443).steps[0]
    assert inside.what.endswith("https://www.demo.test/")
    assert explained("https://www.demo.localhost:8443/", 8443).steps[0].port == 443
    closed = explained("https://www.demo.localhost/", 8443)
    assert closed.steps == ()
    assert "HTTPS at 8443" in closed.notes[0]


def test_a_name_of_another_machine_is_noted() -> None:
    assert "the machine mail" in explained("http://mail.demo.test/").notes[0]
    assert explained("http://www.demo.test/").notes == ()


def test_the_explanation_reads_well() -> None:
    said = text(explained("https://own.demo.test/"))
    assert "exact name for own.demo.test" in said
    assert "nobody vouches for it" in said


@pytest.mark.parametrize(
    "url", ["ftp://demo.test/", "http://", "http://[::1", "http://a:99999/", "http://a_ü b/"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        request(url)


NAMES = """\
http {
  server { listen 80; server_name first.test; }
  server { listen 80; server_name *.a.test; }
  server { listen 80; server_name *.b.a.test; }
  server { listen 80; server_name www.*; }
  server { listen 80; server_name ~^(?<user>[a-z]+)\\.people\\.test$; }
  server { listen 80; server_name ~people; }
  server { listen 80; server_name exact.a.test "quoted.test"; }
  server { listen 80; server_name .both.test; }
  server { listen 8080; server_name other.port.test; }
  server { listen 80 default_server; server_name _; }
}
"""


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("exact.a.test", 8),  # an exact name goes before a wildcard
        ("x.a.test", 3),
        ("x.b.a.test", 4),  # the longest wildcard
        ("a.test", 11),  # a wildcard does not have the name itself
        ("www.a.test", 3),  # a leading wildcard goes before a trailing one
        ("www.elsewhere.test", 5),
        ("ann.people.test", 6),  # the first regular expression in the file
        ("ann.2.people.test", 7),
        ("both.test", 9),
        ("x.both.test", 9),
        ("quoted.test", 8),
        ("other.port.test", 11),  # there, but on another port
        ("nobody.test", 11),
    ],
)
def test_nginx_order_of_names(name: str, line: int) -> None:
    hosts = virtual_hosts.virtual_hosts(parse({"/n": NAMES}, "/n"))
    chosen = virtual_hosts.choose(hosts, name, 80)
    assert chosen is not None
    assert chosen.host.server.line == line


def test_without_a_default_server_it_is_the_first() -> None:
    hosts = virtual_hosts.virtual_hosts(
        parse({"/n": "http { server { listen 80; server_name a; } server { listen 80; } }"}, "/n")
    )
    chosen = virtual_hosts.choose(hosts, "z", 80)
    assert chosen is not None
    assert chosen.host is hosts[0]
    assert virtual_hosts.choose(hosts, "z", 81) is None


LOCATIONS = """\
server {
  location / { return 1; }
  location = /exact { return 2; }
  location /a/ { return 3; }
  location ^~ /b/ { return 4; }
  location ~ \\.php$ { return 5; }
  location ~* \\.GIF$ { return 6; }
  location /c/ { location ~ \\.php$ { return 7; } }
  location @named { return 8; }
}
"""


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", "1"), ("/exact", "2"), ("/exact/", "1"), ("/a/x", "3"), ("/a/x.php", "5"),
     ("/b/x.php", "4"), ("/x.gif", "6"), ("/x.PHP", "1"), ("/c/x.php", "7")],
)  # fmt: skip
def test_nginx_order_of_locations(path: str, status: str) -> None:
    (server,) = parse({"/n": LOCATIONS}, "/n")
    answer = virtual_hosts.locations(server, path)[-1].first("return")
    assert answer is not None
    assert answer.arguments == (status,)


def test_the_syntax() -> None:
    found = [token.text for token in tokens("a \"b;{\" '#c' ${d}e~\\{2\\} f#g; # no { comment\nh")]
    assert found == ["a", "b;{", "#c", "${d}e~\\{2\\}", "f#g", ";", "h"]
    files = {"/n": "include /d/*.conf; z;", "/d/2.conf": "b;", "/d/1.conf": "\na;"}
    assert [(d.name, d.file, d.line) for d in parse(files, "/n")] == [
        ("a", "/d/1.conf", 2), ("b", "/d/2.conf", 1), ("z", "/n", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wrong", ["a", "a {", "}", "a; }", "a { b }", "'a;", "include /n;", "a {" * 3000]
)
def test_wrong_syntax_is_refused_in_words(wrong: str) -> None:
    with pytest.raises(SyntaxRefused, match="/n"):
        parse({"/n": wrong}, "/n")


def test_who_has_to_show_a_certificate_is_told() -> None:
    told = "only who shows a client certificate gets so far"
    assert any(told in note for note in explained("https://staff.demo.test/").notes)
    assert not any(told in note for note in explained("https://www.demo.test/").notes)
