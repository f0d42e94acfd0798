"""What ``labctl explain`` says of Apache, and of sites with a port or an address of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from labctl.expand import expand
from labctl.explain import apache
from labctl.explain.apache_syntax import parse
from labctl.explain.explanation import Explanation, explain
from labctl.explain.nginx_syntax import SyntaxRefused
from labctl.explain.url import request
from labctl.keep import keep
from labctl.model import Lab, Publishing
from labctl.platforms import vps
from labctl.render import render
from labctl.render.tree import Tree
from labctl.spec.lab import load
from labctl.work.session import wants

FOLDER = Path(__file__).parent.parent / "golden" / "good" / "apache"
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@cache
def rendered() -> tuple[Lab, Tree]:
    found = expand(*load(FOLDER / "lab.yml"))
    lab = vps.place(found, {"internet": "198.18.9.0/24"}, Publishing(80, 8443))
    kept, _ = keep(lab, wants(lab), Path("/nonexistent/apache"), NOW, write=False)
    return lab, render(lab, kept, lambda _: "image", "/state")


def explained(url: str) -> Explanation:
    return explain(request(url), *rendered())


@pytest.mark.parametrize(
    ("url", "machine", "outcome", "what"),
    [
        (
            "https://pages.apache.test/",
            "apache",
            "files",
            "served from the directory /var/www/pages",
        ),
        (
            "http://start.apache.test/",
            "apache",
            "files",
            "served from the directory /var/www/pages",
        ),
        ("https://apache.test/.git/config", "apache", "refused", "refused with 404"),
        (
            "http://far.apache.test/a?b=1",
            "apache",
            "redirect",
            "redirected (308) to https://far.apache.test/a?b=1",
        ),
        ("http://apache-refuse.apache.test/", "apache", "refused", "refused with 403"),
        ("https://far.apache.test/", "apache", "proxied", "proxied to the static service far"),
        (
            "wss://chat-apache.apache.test/ws",
            "apache",
            "proxied",
            "proxied to the websocket service chat",
        ),
        ("http://apache-address.apache.test/", "apache", "files", "served from the directory"),
        ("https://apache-port.apache.test:8443/", "apache", "files", "served from the directory"),
        ("https://pages.apache.test:80/", "apache", "nothing", "no TLS handshake"),
        ("http://nginx-port.apache.test:8080/", "front", "files", "served from the directory"),
        ("https://nginx-address.apache.test/", "front", "proxied", "proxied to the static"),
        ("http://nobody.apache.test/", "front", "refused", "refused with 421"),
        # the host's ports are the first front's, so a name of the second is nobody's there
        ("https://far.apache.localhost:8443/", "front", "nothing", "the TLS handshake is refused"),
    ],
)
def test_what_happens_to_a_url(url: str, machine: str, outcome: str, what: str) -> None:
    step = explained(url).steps[0]
    assert (step.machine, step.outcome) == (machine, outcome)
    assert step.what.startswith(what)


def test_unknown_names_at_the_second_front() -> None:
    lab, _ = rendered()
    address = lab.address_of("apache")
    plain = explained(f"http://{address}/").steps[0]
    assert (plain.machine, plain.what) == ("apache", "refused with 421")
    assert "this is the first of port 80" in plain.why
    secure = explained(f"https://{address}/").steps[0]
    assert secure.what.startswith("the TLS handshake fails")
    assert explained(f"https://{address}/").certificate is None


def test_address_and_port_come_before_the_name() -> None:
    lab, _ = rendered()
    site = next(site for site in lab.sites if site.name == "apache-address")
    own = lab.own_address_of(site)
    for host in (own, site.host):
        step = explained(f"http://{host}/").steps[0]
        assert (step.address, step.why) == (
            own,
            f"it is the only one at {own}, port 80: no name is looked at",
        )
    nowhere = explained(f"https://{own}/").steps[0]
    assert nowhere.server == "unknown.invalid"  # it has no TLS; who listens on all addresses has
    shared = explained("http://far.apache.test/").steps[0]
    assert shared.why == "its ServerName far.apache.test is the first that has far.apache.test"
    by_port = explained("http://nginx-port.apache.test:8080/").steps[0]
    assert by_port.why == "it is the only one at port 8080: no name is looked at"


def test_the_choice_is_walked_through() -> None:
    lab, _ = rendered()
    address, port = explained("http://pages.apache.test/").steps[0].walk
    everybodys = "no virtual host is for it alone, so those for every address are asked"
    assert address == f"{lab.address_of('apache')}: {everybodys}"
    assert port.startswith("80: these are unknown.invalid, ")
    assert port.endswith(", chat-apache.apache.test, far.apache.test, pages.apache.test")
    own, alone = explained("http://apache-address.apache.test/").steps[0].walk
    assert own.endswith(": the virtual hosts for it alone are asked")
    assert alone == "80: these are apache-address.apache.test"
    _, nginx = explained("http://chat.apache.test/").steps[0].walk
    assert nginx.startswith("80: these are _, ")


def test_the_machine_behind_is_followed_from_apache_to_nginx() -> None:
    steps = explained("https://far.apache.test/").steps
    assert [step.machine for step in steps] == ["apache", "far"]
    assert steps[1].what == "served from the directory /var/www/far"


def test_every_line_shown_is_the_rendered_line() -> None:
    tree = rendered()[1]
    for url in ("http://far.apache.test/", "https://chat-apache.apache.test/"):
        lines = explained(url).steps[0].lines
        assert lines
        for line in lines:
            content = tree.machines[line.machine][line.file].content.decode()
            assert content.splitlines()[line.line - 1].strip() == line.text


def test_who_signed_the_certificate() -> None:
    good = explained("https://pages.apache.test/").certificate
    assert good is not None
    assert (good.signer, good.covers) == ("ca", True)
    own = explained("https://apache-refuse.apache.test/").certificate
    assert own is not None
    assert own.signer == "self"


CONFIGURATION = """\
# a comment
Include \\
    more/*.conf
<VirtualHost *:80 10.0.0.1:80>
    servername https://One.Test:443
    ServerAlias *.two.test "three.test"
    <Directory "/a b">
        Require all granted
    </Directory>
</VirtualHost>
"""
MORE = "<VirtualHost *:80>\nServerName first.test\n</VirtualHost>\n"
FILES = {"/etc/apache2/apache2.conf": CONFIGURATION, "/etc/apache2/more/x.conf": MORE}


def test_apache_is_read_as_apache_reads_it() -> None:
    found = parse(FILES, "/etc/apache2/apache2.conf")
    first, second = apache.hosts(found)
    assert [name for name, _ in first.names] == ["first.test"]
    assert [name for name, _ in second.names] == ["one.test", "*.two.test", "three.test"]
    assert [listen.address for listen in second.listens] == ["", "10.0.0.1"]
    directory = second.server.first("directory")
    assert directory is not None
    assert (directory.arguments, directory.line) == (("/a b",), 7)


@pytest.mark.parametrize("text", ["<A>\n</B>\n", "</A>\n", "<A>\n"])
def test_sections_that_do_not_match_are_refused(text: str) -> None:
    with pytest.raises(SyntaxRefused):
        parse({"/f": text}, "/f")
