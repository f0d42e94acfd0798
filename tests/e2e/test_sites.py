"""The sites by curl, on the host and inside; and what must be refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import Answer, curl
from tests.e2e.support.home import Ran
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.outside import Outside

pytestmark = pytest.mark.e2e

SITES = ("www", "forms", "app", "chat")
UNKNOWN_CA, OTHER_NAME, HANDSHAKE = 60, 60, 35  # curl's exit statuses (EXIT CODES in curl(1))


def inside(lab: OwnLab, url: str, *options: str) -> Answer:
    def on_client(command: list[str], body: str) -> Ran:
        return lab.exec("client", *command, input=body)

    return curl(url, *options, runner=on_client)


@pytest.mark.parametrize("family", ["--ipv4", "--ipv6"])
@pytest.mark.parametrize("site", SITES)
def test_a_site_answers_on_the_host(lab1: OwnLab, ca: Path, site: str, family: str) -> None:
    answer = curl(lab1.url(site), family, ca=ca)
    assert answer.status // 100 in (2, 3), answer
    assert answer.address == {"--ipv4": "127.0.0.1", "--ipv6": "::1"}[family]


@pytest.mark.parametrize("site", SITES)
def test_a_site_answers_inside(lab1: OwnLab, site: str) -> None:
    answer = inside(lab1, f"https://{site}.{lab1.domain}/")
    assert answer.status // 100 in (2, 3), answer


@pytest.mark.parametrize("name", ["", "www"])
def test_the_domain_itself_shows_the_pages_of_www(lab1: OwnLab, ca: Path, name: str) -> None:
    assert "<title>A static site</title>" in curl(lab1.url(name), ca=ca).body


@pytest.mark.parametrize(("site", "title"), [("forms", "Forms and CGI"), ("app", "A small API")])
def test_each_site_shows_its_own_page(lab1: OwnLab, ca: Path, site: str, title: str) -> None:
    assert f"<title>{title}</title>" in curl(lab1.url(site), ca=ca).body


@pytest.mark.parametrize(
    ("option", "version"), [("--http1.1", "1.1"), ("--http2", "2"), ("--http3-only", "3")]
)
def test_a_site_speaks_each_version_of_http(lab1: OwnLab, option: str, version: str) -> None:
    answer = inside(lab1, f"https://www.{lab1.domain}/", option)
    assert (answer.status, answer.version) == (200, version), answer


def test_a_site_says_where_its_http3_is(lab1: OwnLab, ca: Path) -> None:
    assert f'h3=":{lab1.https}"' in curl(lab1.url("www"), ca=ca).headers["alt-svc"]


def test_http_leads_to_https_with_host_port_and_path(lab1: OwnLab, ca: Path) -> None:
    answer = curl(lab1.url("www", "/words.txt?a=b", scheme="http"))
    assert (answer.status, answer.headers["location"]) == (
        308,
        lab1.url("www", "/words.txt?a=b"),
    )
    at_home = inside(lab1, f"http://www.{lab1.domain}/words.txt")
    assert at_home.headers["location"] == f"https://www.{lab1.domain}/words.txt"
    followed = curl(lab1.url("www", "/words.txt", scheme="http"), "--location", ca=ca)
    assert followed.status == 200


@pytest.mark.parametrize("site", ["app", "chat"])
def test_a_site_that_serves_http_does(lab1: OwnLab, site: str) -> None:
    assert curl(lab1.url(site, scheme="http")).status == 200


def test_nobody_vouches_for_the_self_signed_site(lab1: OwnLab, ca: Path) -> None:
    answer = curl(lab1.url("selfsigned"), ca=ca)
    assert (answer.exit, answer.status) == (UNKNOWN_CA, 0), answer
    assert "self-signed" in answer.error or "self signed" in answer.error
    assert curl(lab1.url("selfsigned"), "--insecure").status == 200


def test_without_the_labs_authority_no_site_is_trusted(lab1: OwnLab) -> None:
    answer = curl(lab1.url("www"))
    assert (answer.exit, answer.status) == (UNKNOWN_CA, 0), answer


def test_another_labs_authority_does_not_vouch_for_this_lab(
    lab1: OwnLab, ca: Path, own: Labs
) -> None:
    other = own("hello")
    other.must("up")
    stranger = other.authority()
    assert curl(other.url("www"), ca=stranger).status == 200
    assert curl(lab1.url("www"), ca=stranger).exit == UNKNOWN_CA
    assert curl(other.url("www"), ca=ca).exit == UNKNOWN_CA


def test_a_certificate_is_good_for_its_own_names_only(lab1: OwnLab, ca: Path) -> None:
    options = ("--connect-to", f"::127.0.0.1:{lab1.https}")
    by_address = curl(f"https://127.0.0.1:{lab1.https}/", ca=ca)
    assert by_address.exit in (HANDSHAKE, OTHER_NAME), by_address
    right = curl(f"https://www.{lab1.domain}/", *options, ca=ca)
    assert right.status == 200, right


def test_an_unknown_name_gets_no_handshake(lab1: OwnLab, ca: Path) -> None:
    answer = curl(lab1.url("no-such-site"), "--insecure")
    assert (answer.exit, answer.status) == (HANDSHAKE, 0), answer
    assert "unrecognized name" in answer.error


def test_an_unknown_name_gets_421_by_http(lab1: OwnLab) -> None:
    answer = curl(lab1.url("no-such-site", scheme="http"))
    assert answer.status == 421
    assert "<title>A" not in answer.body
    by_address = curl(f"http://127.0.0.1:{lab1.http}/")
    assert by_address.status == 421


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_an_unknown_host_behind_a_known_name_gets_421(lab1: OwnLab, ca: Path, version: str) -> None:
    answer = curl(lab1.url("www"), version, "--header", "Host: no-such-site.invalid", ca=ca)
    assert (answer.status, "<title>A" in answer.body) == (421, False), answer


def test_the_host_header_decides_and_not_the_name_in_the_handshake(lab1: OwnLab, ca: Path) -> None:
    """Domain fronting between two sites of one owner is answered by the site asked for."""
    header = f"Host: forms.{lab1.name}.localhost"
    answer = curl(lab1.url("www"), "--header", header, ca=ca)
    assert answer.status == 421 or "<title>Forms and CGI</title>" in answer.body, answer


def test_a_stranger_reaches_a_site_and_does_not_trust_it(lab1: OwnLab, outside: Outside) -> None:
    assert outside.exec("curl", "-sS", f"https://www.{lab1.domain}/").status == UNKNOWN_CA
    ran = outside.exec("curl", "-sSk", "-o", "/dev/null", "-w", "%{http_code}",
                       f"https://www.{lab1.domain}/")  # fmt: skip
    assert ran.out == "200", ran
