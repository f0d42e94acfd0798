"""web-https: what is read on the wire, what clients refuse, who gets in, certificates by ACME."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.home import ROOT
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.packets import capturing, wait_for
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

PASSWORD = "correct-horse-battery"
EXERCISES = sorted(path.name for path in (ROOT / "stacks/web-https/exercises").iterdir())
LIFETIME = 60  # seconds, so that a renewal can be waited for


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    """The lab, up, with certificates that live for a minute."""
    made = own("web-https")
    made.replace("lab.yml", "lifetime: 600", f"lifetime: {LIFETIME}")
    made.replace("lab.yml", "orders: 6 ", "orders: 20 ")  # the tests' own are within that
    made.must("up")
    return made


def test_everything_holds(lab: OwnLab) -> None:
    ran = lab.labctl("check")
    assert ran.status == 0, ran.said


def test_nothing_changes_without_a_change(lab: OwnLab) -> None:
    assert lab.plan().status == 0, lab.plan().said


# --- captures


def log_in(lab: OwnLab, scheme: str) -> None:
    form = f"user=alice&password={PASSWORD}"
    url = f"{scheme}://login.{lab.domain}/login"
    assert "Welcome, alice" in lab.output("client", "curl", "-sS", "--http1.1", "-d", form, url)


def tshark(lab: OwnLab, file: Path, *words: str) -> str:
    """What tshark on the client reads in a file."""
    with file.open("rb") as packets:
        command = ["docker", "exec", "-i", lab.container("client"), "tshark", "-r", "-", *words]
        done = subprocess.run(command, stdin=packets, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


FORM = ("-Y", "urlencoded-form", "-T", "fields", "-e", "urlencoded-form.value")


@pytest.mark.parametrize(
    ("where", "stop"),
    [("client", signal.SIGINT), ("login", signal.SIGTERM), ("internet", signal.SIGINT)],
)
def test_a_password_by_http_is_read_off_the_wire(
    lab: OwnLab, tmp_path: Path, where: str, stop: int
) -> None:
    file = tmp_path / "http.pcap"
    port = "tcp port 8000" if where == "login" else "tcp port 80"
    with capturing(lab, where, "--filter", port, "--out", str(file), stop=stop):
        log_in(lab, "http")
    assert PASSWORD.encode() in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    decode = ("-d", "tcp.port==8000,http")
    assert PASSWORD in tshark(lab, file, *decode, *FORM)
    assert not helpers(lab)


def test_a_password_by_https_is_not(lab: OwnLab, tmp_path: Path) -> None:
    file = tmp_path / "https.pcap"
    with capturing(lab, "client", "--filter", "tcp port 443", "--out", str(file)):
        log_in(lab, "https")
    assert PASSWORD.encode() not in file.read_bytes()
    assert tshark(lab, file, *FORM) == ""
    field = "tls.handshake.extensions_server_name"
    assert f"login.{lab.domain}" in tshark(lab, file, "-Y", field, "-T", "fields", "-e", field)


def test_unless_the_client_has_logged_its_keys(lab: OwnLab, tmp_path: Path) -> None:
    log_in(lab, "https")  # of another time: its keys do not belong into the file
    file = tmp_path / "open.pcapng"
    words = ("client", "--filter", "tcp port 443", "--decrypt", "--out", str(file))
    with capturing(lab, *words):
        log_in(lab, "https")
    assert PASSWORD in tshark(lab, file, *FORM)
    randoms = set(re.findall(rb"CLIENT_TRAFFIC_SECRET_0 ([0-9a-f]{64})", file.read_bytes()))
    assert len(randoms) == 1


def test_live_packets_are_printed_and_counted(lab: OwnLab) -> None:
    process = subprocess.Popen(
        lab.home.command("capture", lab.name, "client", "--live", "--count", "6",
                         "--filter", "tcp port 80", "--seconds", "60"),
        env=lab.home.environment, cwd=lab.home.directory, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip

    def over() -> bool:
        log_in(lab, "http")
        return process.poll() is not None

    eventually(over)
    out, said = process.communicate()
    assert process.returncode == 0, said
    assert "> " in out
    assert "6 packets captured" in said


def test_live_packets_that_nobody_reads_any_more_end_the_capture(lab: OwnLab) -> None:
    process = subprocess.Popen(
        lab.home.command("capture", lab.name, "client", "--live", "--filter", "tcp port 80"),
        env=lab.home.environment, cwd=lab.home.directory, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()

    def over() -> bool:
        log_in(lab, "http")
        return process.poll() is not None

    with process:
        eventually(over)
        assert "Traceback" not in process.stderr.read()
    assert process.returncode == 1
    assert not helpers(lab)


def test_a_wrong_filter_or_wire_is_wrong_input(lab: OwnLab, tmp_path: Path) -> None:
    file = tmp_path / "none"
    wrong = ("capture", "client", "--filter", "no such thing", "--out", str(file))
    ran = lab.labctl(*wrong)
    assert ran.status == 2, ran.said
    assert "can't parse filter expression" in ran.err
    assert not list(tmp_path.iterdir())
    file.write_text("a capture of yesterday")
    assert lab.labctl(*wrong).status == 2
    assert file.read_text() == "a capture of yesterday"
    ran = lab.labctl("capture", "nowhere", "--out", str(file))
    assert ran.status == 2
    assert "no machine and no network 'nowhere'" in ran.err
    assert not helpers(lab)


def helpers(lab: OwnLab) -> list[str]:
    """What is left of helpers in the namespaces of this lab's machines."""
    label = {"label": "hosting-labctl.helper=yes"}
    found = lab.client.containers.list(filters=label, ignore_removed=True)
    ours = {f"container:{machine.id}" for machine in lab.containers()}
    places = {one.name: one.attrs["HostConfig"]["NetworkMode"] for one in found}
    return [name for name, place in places.items() if place in ours]


def test_a_capture_whose_labctl_is_killed_ends_by_itself(lab: OwnLab, tmp_path: Path) -> None:
    process = subprocess.Popen(
        lab.home.command("capture", lab.name, "client", "--out", str(tmp_path / "file.pcap")),
        env=lab.home.environment, cwd=lab.home.directory, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    wait_for(process)
    assert helpers(lab)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    eventually(lambda: not helpers(lab))


# --- the gallery


REFUSED = {
    "expired", "not-yet-valid", "wrong-host", "self-signed", "untrusted-root",
    "incomplete-chain", "old-protocol",
}  # fmt: skip


def test_what_clients_say_is_measured(lab: OwnLab) -> None:
    said = json.loads(lab.output("gallery", "what-clients-say", "--json"))
    assert set(said) == REFUSED | {"good", "revoked", "weak-key", "no-san"}
    assert set(said["good"]) == {"curl", "curl with lists", "Python", "Chromium"}
    assert set(said["good"].values()) == {"accepted"}, said["good"]
    for fault in REFUSED:
        assert "accepted" not in said[fault].values(), (fault, said[fault])
    assert said["weak-key"]["curl"].endswith("EE certificate key too weak")
    assert said["revoked"]["curl"] == said["revoked"]["Chromium"] == "accepted"
    assert "revoked" in said["revoked"]["curl with lists"]
    assert said["no-san"]["Chromium"] == "net::ERR_CERT_COMMON_NAME_INVALID"
    assert said["expired"]["Chromium"] == "net::ERR_CERT_DATE_INVALID"
    assert said["untrusted-root"]["Chromium"] == "net::ERR_CERT_AUTHORITY_INVALID"


def test_the_old_protocol_is_really_spoken(lab: OwnLab) -> None:
    host = f"old-protocol.gallery.{lab.domain}"
    words = ["-connect", f"{host}:1010", "-servername", host, "-tls1_1"]
    said = lab.exec("client", "openssl", "s_client", *words, "-cipher", "ALL:@SECLEVEL=0",
                    input="").out  # fmt: skip
    assert "New, TLSv1" in said, said


# --- client certificates


def staff(lab: OwnLab, *words: str) -> str:
    """The status that the closed site answers with."""
    command = ("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *words)
    return lab.output("client", *command, f"https://staff.{lab.domain}/")


def shown(person: str) -> tuple[str, ...]:
    return "--cert", f"/root/tls/{person}.pem", "--key", f"/root/tls/{person}.key"


def test_only_people_with_a_certificate_get_in_until_it_is_revoked(lab: OwnLab) -> None:
    assert staff(lab) == "400"
    assert staff(lab, *shown("alice")) == staff(lab, *shown("bob")) == "200"
    bob = lab.home.directory / "bob.pem"
    bob.write_text(lab.output("client", "cat", "/root/tls/bob.pem"))
    ran = lab.home.labctl("ca", "revoke", lab.name, bob)
    assert ran.status == 0, ran.said
    assert staff(lab, *shown("bob")) == "200", "nobody knows yet"
    lab.must("up")
    eventually(lambda: staff(lab, *shown("bob")) == "400", 20)
    assert staff(lab, *shown("alice")) == "200"


# --- ACME


CERTBOT = ("certbot", "certonly", "--webroot", "-w")
LIVE = "/etc/letsencrypt/live"


def issued(lab: OwnLab, path: str) -> str:
    """Names, issuer and serial number of a certificate on the shop."""
    words = ("-noout", "-issuer", "-serial", "-ext", "subjectAltName")
    return lab.output("shop", "openssl", "x509", "-in", path, *words)


def by_hand(lab: OwnLab, script: str) -> None:
    """What a script of the exercise with certbot does on the shop."""
    words = (lab.folder / "exercises/02-certbot" / script / "shop.sh").read_text()
    lab.output("shop", "env", f"DOMAIN={lab.domain}", "bash", "-euc", words)


def presented(lab: OwnLab) -> str:
    """The serial number of the certificate that a client of the shop is shown; "" for none."""
    host = f"shop.{lab.domain}"
    command = 'openssl s_client -connect "$1:443" -servername "$1" </dev/null 2>/dev/null'
    serial = f"{command} | openssl x509 -noout -serial"
    return lab.exec("client", "sh", "-c", serial, "sh", host).out.strip()


def test_certbot_by_http_and_its_renewal(lab: OwnLab) -> None:
    host = f"shop.{lab.domain}"
    by_hand(lab, "solution")  # with a hook that tells nginx of the new one
    path = f"{LIVE}/{host}/cert.pem"
    first = issued(lab, path)
    eventually(lambda: presented(lab) in first.splitlines())
    assert f"DNS:{host}" in first
    assert "Pebble" in first

    def renewed(before: str) -> bool:
        rule = f"s/^#* *renew_before_expiry.*/renew_before_expiry = {before}/"
        lab.output("shop", "sed", "-i", rule, f"/etc/letsencrypt/renewal/{host}.conf")
        lab.output("shop", "certbot", "renew", "-q")
        return issued(lab, path) != first

    assert not renewed("1 second"), "it is not due yet"
    eventually(lambda: renewed(f"{LIFETIME - 5} seconds"), LIFETIME)
    eventually(lambda: presented(lab) in issued(lab, path).splitlines())
    by_hand(lab, "cleanup")  # port 443 is lego's


def test_dehydrated_by_dns(lab: OwnLab) -> None:
    host = f"shop.{lab.domain}"
    lab.output("shop", "dehydrated", "--register", "--accept-terms")
    lab.output("shop", "dehydrated", "--cron", "--domain", host)
    assert f"DNS:{host}" in issued(lab, f"/var/lib/dehydrated/certs/{host}/cert.pem")
    asked = ("dig", "+short", f"_acme-challenge.{host}", "TXT")
    eventually(lambda: lab.output("client", *asked) == "")  # the answer is removed again


def test_lego_by_tls(lab: OwnLab) -> None:
    host = f"shop.{lab.domain}"
    lab.output("shop", "lego", "--server", f"https://acme.{lab.domain}/dir", "--accept-tos",
               "--email", f"a@{lab.domain}", "--domains", host, "--path", "/var/lib/lego",
               "--tls", "run")  # fmt: skip
    assert f"DNS:{host}" in issued(lab, f"/var/lib/lego/certificates/{host}.crt")


def test_a_challenge_that_is_not_answered_fails(lab: OwnLab) -> None:
    ran = lab.exec("shop", *CERTBOT, "/tmp", "-d", f"shop.{lab.domain}", "--force-renewal")
    assert ran.status != 0
    assert "unauthorized" in ran.said.lower() or "404" in ran.said, ran.said
    ran = lab.exec("shop", *CERTBOT, "/var/lib/acme", "-d", f"nobody.{lab.domain}")
    assert ran.status != 0


def test_the_roots_private_key_is_not_shown(lab: OwnLab) -> None:
    url = f"https://acme.{lab.domain}"
    assert "BEGIN CERTIFICATE" in lab.output("client", "curl", "-sS", f"{url}/root.pem")
    assert "PRIVATE KEY" not in lab.output("client", "curl", "-sS", f"{url}/root-keys/0")
    refused = lab.exec("client", "curl", "-sSk", f"https://acme.{lab.domain}:15000/root-keys/0")
    assert refused.status == 7


def test_too_many_orders_are_told_when_to_come_again(lab: OwnLab) -> None:
    url = f"https://acme.{lab.domain}/order-plz"
    command = 'for n in $(seq 60); do curl -sS -i -X POST "$1"; done'
    said = lab.output("client", "sh", "-c", command, "sh", url)
    assert "429" in said
    assert "urn:ietf:params:acme:error:rateLimited" in said
    assert "retry-after: 60" in said.lower()


# --- exercises


@pytest.mark.parametrize("exercise", EXERCISES)
def test_each_exercise_is_unsolved_and_can_be_solved(lab: OwnLab, exercise: str) -> None:
    ran = lab.home.labctl("lab", "test", str(lab.folder), "--exercise", exercise)
    assert ran.status == 0, ran.said
    assert ran.out.startswith(f"ok    {exercise}: ")
