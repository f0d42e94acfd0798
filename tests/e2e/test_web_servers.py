"""web-servers: the same sites behind nginx and behind Apache, chosen by name, port and address."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import Answer, curl
from tests.e2e.support.home import ROOT, Ran
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

SERVERS = ("nginx", "apache")
REFUSED, OTHER_NAME = 35, 60  # curl's exit statuses (EXIT CODES in curl(1))
CIPHERS_12 = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
}


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    """web-servers, up. Tests that share it leave it as they found it."""
    made = own("web-servers")
    made.must("up")
    return made


def ask(lab: OwnLab, url: str, *options: str) -> Answer:
    """Ask from the visitor's machine; {} stands for the lab's domain."""

    def on_client(command: list[str], body: str) -> Ran:
        return lab.exec("client", *command, input=body)

    words = [option.replace("{}", lab.domain) for option in options]
    return curl(url.replace("{}", lab.domain), *words, runner=on_client)


def test_all_that_it_says_of_itself_holds(lab: OwnLab) -> None:
    lab.must("check")


@pytest.mark.parametrize("server", SERVERS)
def test_each_is_who_it_says(lab: OwnLab, server: str) -> None:
    answer = ask(lab, f"https://{server}-files.{{}}/", "--http1.1")
    assert answer.headers["server"].lower() == server


@pytest.mark.parametrize("server", SERVERS)
def test_strangers_names_are_refused(lab: OwnLab, server: str) -> None:
    to = ("--connect-to", f"::{server}-club.{{}}:")
    assert ask(lab, "http://nobody.{}/", *to).status == 421
    assert ask(lab, "https://nobody.{}/", *to).exit == REFUSED
    assert ask(lab, "https://nobody.{}/", "--insecure", "--tls-max", "1.2", *to).exit == REFUSED
    known = ask(lab, f"https://{server}-club.{{}}/", *to)
    assert known.status == 200


@pytest.mark.parametrize("server", SERVERS)
def test_address_and_port_decide_before_the_name(lab: OwnLab, server: str) -> None:
    own = lab.output("client", "dig", "+short", f"{server}-vault.{lab.domain}").strip()
    shared = lab.output("client", "dig", "+short", f"{server}-club.{lab.domain}").strip()
    assert own != shared
    to = ("--insecure", "--connect-to", f"::{own}:")
    assert "<title>The vault</title>" in ask(lab, f"https://{server}-club.{{}}/", *to).body
    assert ask(lab, f"https://{server}-club.{{}}/", *to[1:]).exit == OTHER_NAME
    by_port = ask(lab, f"http://{server}-club.{{}}:8080/")
    assert "<title>Staff only</title>" in by_port.body
    by_name = ask(lab, f"http://{server}-club.{{}}/")
    assert "<title>The club</title>" in by_name.body


@pytest.mark.parametrize("server", SERVERS)
def test_plain_http_is_sent_to_https_with_its_query(lab: OwnLab, server: str) -> None:
    answer = ask(lab, f"http://{server}-files.{{}}/a%20b?x=1&y=%20")
    assert answer.status == 308
    assert answer.headers["location"] == f"https://{server}-files.{lab.domain}/a%20b?x=1&y=%20"


@pytest.mark.parametrize("server", SERVERS)
def test_only_the_ciphers_of_mozillas_intermediate_profile_are_taken(
    lab: OwnLab, server: str
) -> None:
    name = f"{server}-files.{lab.domain}"
    script = (
        "for c in $(openssl ciphers -s -tls1_2 ALL:@SECLEVEL=0 | tr : ' '); do "
        f"openssl s_client -connect {name}:443 -servername {name} -tls1_2 "
        '-cipher "$c:@SECLEVEL=0" </dev/null 2>/dev/null | grep -q "Cipher is $c" && echo $c; '
        "done; true"
    )
    assert set(lab.output("client", "sh", "-c", script).split()) == CIPHERS_12


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(lab: OwnLab, server: str, version: str) -> None:
    name = f"{server}-files.{lab.domain}"
    command = ("openssl", "s_client", "-connect", f"{name}:443", "-servername", name)

    def agreed(version: str) -> str:
        ran = lab.exec("client", *command, version, "-cipher", "ALL:@SECLEVEL=0", input="")
        return "\n".join(re.findall(r"^New, (.*), Cipher is", ran.out, re.MULTILINE))

    assert agreed("-tls1_2") == "TLSv1.2", "the control"
    assert agreed(version) == "(NONE)"


@pytest.mark.parametrize("server", SERVERS)
def test_the_program_behind_learns_who_asks(lab: OwnLab, server: str) -> None:
    client = lab.output("client", "hostname", "-i").split()[0]
    page = ask(lab, f"https://{server}-echo.{{}}/", "--header", "X-Forwarded-For: 6.6.6.6").body
    fields = {
        name.lower(): value for name, value in re.findall(r"^([\w-]+): (.*)$", page, re.MULTILINE)
    }
    assert fields["x-forwarded-for"] == fields["x-real-ip"] == client
    assert fields["x-forwarded-proto"] == "https"
    assert fields["host"] == f"{server}-echo.{lab.domain}"


def test_apache_runs_with_as_little_as_nginx(lab: OwnLab) -> None:
    added = {name: set(lab.inspect(name)["HostConfig"]["CapAdd"]) for name in SERVERS}
    assert added["apache"] == added["nginx"]
    script = "grep -h ^Uid: /proc/[0-9]*/status | sort | uniq -c"
    users = set(re.findall(r"Uid:\s+(\d+)", lab.output("apache", "sh", "-c", script)))
    assert users == {"0", "33"}


def test_a_change_is_live_by_reload_and_a_wrong_one_is_refused(lab: OwnLab) -> None:
    before = lab.pid("apache", "apache2")
    lab.replace("lab.yml", "apache-club: {service", "apache-club: {names: more-apache, service")
    lab.must("up")
    eventually(lambda: "<title>The club</title>" in ask(lab, "http://more-apache.{}/").body)
    assert lab.pid("apache", "apache2") == before
    lab.write("wrong.conf", "Nonsense\n")
    lab.replace("lab.yml", "apache-club: {names", "apache-club: {config: wrong.conf, names")
    refused = lab.up()
    assert refused.status == 1
    assert "Nonsense" in refused.said
    assert "wrong.conf:1" in refused.said
    assert "<title>The club</title>" in ask(lab, "http://more-apache.{}/").body
    lab.replace("lab.yml", "config: wrong.conf, names: more-apache, ", "")
    lab.must("up")
    gone = ("http://more-apache.{}/", "--connect-to", "::apache-club.{}:")
    eventually(lambda: ask(lab, *gone).status == 421)


def test_both_side_by_side(lab: OwnLab) -> None:
    ran = lab.home.labctl("experiment", "servers", lab.name, "--json")
    assert ran.status == 0, ran.said
    figures = ran.json["figures"]
    found = {figure["key"]: figure["value"] for figure in figures}
    assert {figure["side"] for figure in figures} == set(SERVERS)
    for server in SERVERS:
        assert found[f"servers.match.{server}"] == "304"
        assert found[f"servers.gzip-match.{server}"] == "304"
        assert found[f"servers.range.{server}"].startswith("206 bytes 0-3/")
        assert found[f"servers.listing.{server}"] == "404"
        assert found[f"servers.hidden.{server}"] == "404"
        assert found[f"servers.unknown.{server}"] == "421"
        assert found[f"servers.unknown-tls.{server}"].startswith("no answer")
    assert found["servers.later.nginx"] == "200"
    assert found["servers.later.apache"] == "304"


def test_one_word_puts_the_same_sites_behind_apache(fresh: Labs) -> None:
    made = fresh("hello")
    made.replace("lab.yml", "services:\n", "services:\n  front: {server: apache}\n")
    made.replace("lab.yml", "app: app", "app: {service: app, replicas: 2}")
    made.must("up")
    made.must("check")
    ca = made.authority()
    assert curl(made.url("www"), ca=ca).headers["server"] == "Apache"
    made.client.containers.get(made.container("app-2")).kill()
    answers = [curl(made.url("app"), ca=ca) for _ in range(4)]
    assert [answer.status for answer in answers] == [200] * 4


EXERCISES = tuple(sorted(p.name for p in (ROOT / "stacks/web-servers/exercises").iterdir()))


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_exercise_is_proved(lab: OwnLab, exercise: str) -> None:
    ran = lab.home.labctl("lab", "test", str(lab.folder), "--exercise", exercise)
    assert ran.status == 0, ran.said
