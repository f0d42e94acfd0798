"""lab1 in a company's network: what its gateway lets through, and that its checks would notice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.support.home import run
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.packets import capturing
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

Addresses = Mapping[str, str]
RELOAD = ("nft", "-f", "/etc/nftables.conf")
NO_PRIVATE = "no private address answers the Internet"
ONLY_FORWARDED = "of the public address, only the forwarded ports answer"
IN_DMZ = "in the DMZ can open no connection to the LAN"
# what somebody adds to the table, and the one check that notices
HOLES = (
    ("insert rule ip gateway from_dmz ip saddr {dns} accept", f"dns {IN_DMZ}"),
    (
        "insert rule ip gateway from_dmz ip saddr {front} ip daddr {mail} accept",
        f"front {IN_DMZ} but what it needs",
    ),
    (
        "insert rule ip gateway from_dmz ip saddr {relay} tcp dport 8000 accept",
        f"relay {IN_DMZ} but what it needs",
    ),
    (
        "insert rule ip gateway forwarded ip daddr {gateway} tcp dport 143 dnat to {mail}",
        ONLY_FORWARDED,
    ),
    (
        "insert rule ip gateway translated ip saddr {workstation} return",
        "the LAN reaches the Internet, translated",
    ),
)


@pytest.fixture(scope="module")
def addresses(company: OwnLab) -> Addresses:
    services = company.must("up", "--json").json["services"]
    return {service["name"]: service["address"] for service in services}


def failing(lab: OwnLab, *words: str) -> set[str]:
    """The names of the checks that do not hold."""
    return {c["check"] for c in lab.labctl("check", "--json", *words).json if not c["passed"]}


@contextmanager
def rule(lab: OwnLab, command: str) -> Iterator[None]:
    """The gateway's table with a change made by hand, as a command of nft(8)."""
    lab.output("gateway", "nft", *command.split())
    try:
        yield
    finally:
        lab.output("gateway", *RELOAD)


def ip(lab: OwnLab, machine: str, *words: str) -> None:
    """ip(8) on a machine that has neither the program nor the right to use it."""
    network = f"container:{lab.container(machine)}"
    image = lab.inspect("gateway")["Config"]["Image"]
    command = ["docker", "run", "--rm", "--network", network, "--cap-add", "NET_ADMIN"]
    ran = run([*command, "--entrypoint", "ip", image, *words])
    assert ran.status == 0, ran.said


def counted(lab: OwnLab, chain: str, comment: str) -> int:
    """How many packets a rule has met."""
    listed = lab.output("gateway", "nft", "list", "chain", "ip", "gateway", chain)
    found = re.search(rf'packets (\d+) .*comment "{comment}"', listed)
    assert found, listed
    return int(found[1])


def logged(lab: OwnLab, machine: str) -> str:
    logs: bytes = lab.client.containers.get(lab.container(machine)).logs()
    return logs.decode(errors="replace")


def in_log(lab: OwnLab, machine: str, line: re.Pattern[str]) -> bool:
    return line.search(logged(lab, machine)) is not None


def private(addresses: Addresses) -> list[str]:
    """The private subnets."""
    return [f"{addresses[one].rpartition('.')[0]}.0/24" for one in ("front", "mail")]


@pytest.fixture
def routed(company: OwnLab, addresses: Addresses) -> Iterator[None]:
    """The client has found out who leads to the private addresses."""
    for subnet in private(addresses):
        ip(company, "client", "route", "add", subnet, "via", addresses["gateway"])
    yield
    for subnet in private(addresses):
        ip(company, "client", "route", "del", subnet)


def test_every_check_holds(company: OwnLab) -> None:
    check = company.labctl("check")
    assert check.status == 0, check.said


@pytest.mark.parametrize(("hole", "name"), HOLES, ids=[name for _, name in HOLES])
def test_a_hole_is_noticed_by_its_check_alone(
    company: OwnLab, addresses: Addresses, hole: str, name: str
) -> None:
    with rule(company, hole.format_map(addresses)):
        assert failing(company) == {name}


def test_a_route_leads_strangers_nowhere(
    company: OwnLab, addresses: Addresses, routed: None
) -> None:
    company.output("gateway", *RELOAD)
    assert not failing(company, "--service", "gateway")
    assert counted(company, "from_internet", "everything else") > 0
    with rule(company, "insert rule ip gateway from_internet accept"):
        assert failing(company) == {NO_PRIVATE}


def test_nobody_outside_is_believed_to_be_inside(
    company: OwnLab, addresses: Addresses, routed: None
) -> None:
    """A packet from the Internet with an address of the LAN: the rules for the LAN never see it."""
    forged = private(addresses)[1].replace(".0/24", ".2")
    curl = ("curl", "-s", "--max-time", "1", "--interface", forged, f"http://{addresses['front']}/")
    own = ("from_lan", "the company's own servers")
    ip(company, "client", "address", "add", f"{forged}/32", "dev", "lo")
    try:
        company.output("gateway", *RELOAD)
        assert company.exec("client", *curl).status != 0
        assert counted(company, "sources", "a source address from the wrong side") > 0
        assert counted(company, *own) == 0
        with rule(company, "flush chain ip gateway sources"):
            assert company.exec("client", *curl).status != 0
            assert counted(company, *own) > 0
    finally:
        ip(company, "client", "address", "del", f"{forged}/32", "dev", "lo")


def test_servers_see_who_really_asks(company: OwnLab, addresses: Addresses) -> None:
    company.output("client", "curl", "-sS", f"https://www.{company.domain}/?who-asks")
    company.must("check", "--service", "mail")
    client = addresses["client"]
    line = re.compile(rf"^{client} .*who-asks", re.MULTILINE)
    for machine in ("front", "www"):  # nginx collects lines before it writes
        eventually(partial(in_log, company, machine, line))
    assert f"[{client}]" in logged(company, "relay")
    assert f"rip={client}," in logged(company, "mail")


def test_the_host_reaches_the_sites_through_the_gateway(company: OwnLab) -> None:
    url, host = company.url("www"), company.host("www")
    ends = f"{host}:{company.https}:127.0.0.1"
    ran = run(["curl", "-sS", "--cacert", str(company.authority()), "--resolve", ends, url])
    assert "<title>" in ran.out, ran.said
    published = {c.name: c.ports for c in company.containers() if any(c.ports.values())}
    assert set(published) == {company.container("gateway")}


# a line of a zone that tells the wrong people, and the check that notices
WRONG = (
    ("outside", "intranet 300 IN A {gateway}", "intranet.{domain} does not exist outside"),
    ("outside", "www 300 IN A {front}", "outside, www.{domain} is {gateway}"),
    ("inside", "www 300 IN A {gateway}", "inside, www.{domain} is {front}"),
)


@pytest.mark.parametrize(("view", "line", "name"), WRONG, ids=[name for _, _, name in WRONG])
def test_a_wrong_answer_is_noticed(
    company: OwnLab, addresses: Addresses, view: str, line: str, name: str
) -> None:
    names = {**addresses, "domain": company.domain}
    path = f"/etc/bind/zones/{view}/db.{company.domain}"
    right = company.output("dns", "cat", path)
    others = re.sub(rf"^{line.split()[0]} .*\n", "", right, flags=re.MULTILINE)
    tell(company, path, f"{others}{line.format_map(names)}\n")
    try:
        assert failing(company, "--service", "dns") == {name.format_map(names)}
    finally:
        tell(company, path, right)
        eventually(lambda: not failing(company, "--service", "dns"))


def tell(lab: OwnLab, path: str, zone: str) -> None:
    """Let the name server begin anew with another zone file."""
    lab.output("dns", "sh", "-c", f"cat >{path}", input=zone)
    lab.output("dns", "s6-svc", "-wR", "-T", "10000", "-r", "/run/service/named")
    lab.output("dns", "/usr/lib/labctl/ready", "20")


def test_a_front_that_knows_the_intranet_is_noticed(company: OwnLab) -> None:
    name, file = f"intranet.{company.domain}", "/etc/nginx/sites-enabled/intranet.conf"
    own = "ssl_certificate /etc/ssl/labctl/www.pem; ssl_certificate_key /etc/ssl/private/www.key;"
    server = f"server {{ listen 80; listen 443 ssl; server_name {name}; {own} return 200; }}"
    company.output("front", "sh", "-c", f"cat >{file}", input=server)
    serving = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: {name}")
    ask = (*serving, f"http://www.{company.domain}/")
    try:
        company.output("front", "nginx", "-s", "reload", "-e", "/dev/stderr")
        eventually(lambda: company.output("client", *ask) == "200")
        guess = f"whoever guesses the name {name} gets no"
        assert failing(company) == {f"{guess} page outside", f"{guess} TLS handshake outside"}
    finally:
        company.output("front", "rm", file)
        company.output("front", "nginx", "-s", "reload", "-e", "/dev/stderr")
        eventually(lambda: company.output("client", *ask) == "421")


def test_an_intranet_that_is_away_is_noticed_from_inside(company: OwnLab) -> None:
    nginx = "/run/service/nginx"
    company.output("intranet", "s6-svc", "-wD", "-T", "10000", "-d", nginx)
    try:
        check = company.labctl("check", "--json").json
    finally:
        company.output("intranet", "s6-svc", "-u", nginx)
        company.output("intranet", "/usr/lib/labctl/ready", "20")
    broken = {(c["service"], c["from"]) for c in check if not c["passed"]}
    assert broken == {("intranet", "workstation"), ("intranet-front", "workstation")}


def test_a_gateway_without_its_rules_is_not_ready(company: OwnLab) -> None:
    company.output("gateway", "nft", "delete", "table", "ip", "gateway")
    try:
        status = company.labctl("status", "--json")
    finally:
        company.output("gateway", *RELOAD)
    (late,) = [m["name"] for m in status.json["machines"] if m["state"] != "ready"]
    assert (status.status, late) == (1, "gateway")


OTHERWISE = """
platforms:
  on-premise:
    outgoing: proxy
    forward: [80, 443, 25, 587, 993, 995, 53]
"""


@pytest.fixture(scope="module")
def otherwise(company: OwnLab, addresses: Addresses) -> Iterator[dict[str, tuple[str, str]]]:
    """One port more is forwarded, and the LAN goes out by a proxy only; what ran before."""
    file = company.folder / "lab.yml"
    text, before = file.read_text(), company.started()
    pid = company.pid("gateway", "gateway")
    file.write_text(text + OTHERWISE)
    plan = company.plan()
    assert re.search(r"reload\s+gateway", plan.out), plan.said
    company.must("up")
    assert company.pid("gateway", "gateway") == pid
    yield before
    file.write_text(text)
    company.must("up")
    assert company.started() == before


def test_other_rules_are_loaded_and_nothing_restarts(
    company: OwnLab, otherwise: dict[str, tuple[str, str]]
) -> None:
    now = company.started()
    assert now.keys() - otherwise.keys() == {company.container("proxy")}
    assert {name: now[name] for name in otherwise} == otherwise
    check = company.labctl("check", "--json")
    assert check.status == 0, check.said
    origins = {c["from"] for c in check.json if "POP3" in c["check"] and "read by" in c["check"]}
    assert origins == {"client"}


def test_a_way_out_beside_the_proxy_is_noticed(
    company: OwnLab, otherwise: dict[str, tuple[str, str]]
) -> None:
    with rule(company, "insert rule ip gateway from_lan accept"):
        assert failing(company) == {"the LAN reaches the Internet by no way but the proxy"}


def test_a_proxy_that_reaches_nothing_is_noticed(
    company: OwnLab, addresses: Addresses, otherwise: dict[str, tuple[str, str]]
) -> None:
    refusal = "ip daddr {client} tcp dport 80 reject with icmp admin-prohibited"
    refusal = "insert rule ip gateway from_dmz " + refusal.format_map(addresses)
    with rule(company, refusal):
        assert failing(company) == {"the proxy reaches the Internet for the LAN"}
    assert not failing(company)


def test_each_segment_can_be_listened_to(company: OwnLab, tmp_path: Path) -> None:
    """What the front answers itself is seen on its own segment, and on no segment behind it."""
    seen = {name: tmp_path / f"{name}.pcap" for name in ("internet", "dmz", "lan")}
    with ExitStack() as captures:
        for name, file in seen.items():
            words = (name, "--filter", "tcp port 80", "--out", str(file))
            captures.enter_context(capturing(company, *words))
        url = f"http://www.{company.domain}/?by-the-front"
        company.output("client", "curl", "-sS", url)
    found = {name for name, file in seen.items() if b"/?by-the-front" in file.read_bytes()}
    assert found == {"internet", "dmz"}
