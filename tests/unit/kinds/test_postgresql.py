"""The postgresql kind: a database for each application, and what it keeps of passwords."""

from __future__ import annotations

import base64
import hmac

from labctl import databases
from labctl.kinds import postgresql
from labctl.model import Lab
from labctl.render.tree import Tree
from labctl.work.session import wants
from tests.support import kept_for, lab_from, tree_of

TWO = """\
lab: two
services:
  shop: {kind: image, image: shop, port: 3000, database: db}
  club: {kind: image, image: club, port: 3000, database: db}
  page: {kind: image, image: page, port: 3000}
  db: postgresql
sites: {shop: {service: shop, replicas: 2}, club: club, page: page}
"""


def lab() -> Lab:
    return lab_from(TWO)


def text(tree: Tree, path: str) -> str:
    return tree.machines["db"][path].content.decode()


def test_a_verifier_is_that_of_the_rfc() -> None:
    """RFC 7677 section 3: with the key in the verifier, the server signs what it signs there."""
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    method, rounds, keys = postgresql.scram("pencil", salt).split("$")
    assert (method, rounds) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    said = (
        "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    server = base64.b64decode(keys.partition(":")[2])
    signature = base64.b64encode(hmac.digest(server, said.encode(), "sha256")).decode()
    assert signature == "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_two_roles_with_one_password_have_verifiers_of_their_own() -> None:
    one, other = (postgresql.verifier("the same", name) for name in ("lab/a", "lab/b"))
    assert one != other
    assert one == postgresql.verifier("the same", "lab/a")


def test_each_application_comes_from_its_own_machines_only() -> None:
    placed = lab()
    hba = text(tree_of(placed), "/etc/postgresql/db/pg_hba.conf")
    lines = [line.split() for line in hba.splitlines() if line.startswith("host")]
    assert len(placed.replicas_of("shop")) == 2
    expected = {
        (f'"{name}"', f"{machine.address}/32")
        for name in ("shop", "club")
        for machine in placed.replicas_of(name)
    }
    assert {(line[1], line[3]) for line in lines} == expected
    assert all(line[1] == line[2] and line[4] == "scram-sha-256" for line in lines)


def test_no_password_is_on_the_servers_machine_nor_in_any_command() -> None:
    tree = tree_of(lab())
    secret = f"secret-of-{databases.password('shop')}"
    on_server = [e.content.decode() for e in tree.machines["db"].values()]
    assert not any(secret in content for content in on_server)
    assert secret not in tree.compose.decode()
    places = {p: e for p, e in tree.machines["shop"].items() if secret in e.content.decode()}
    assert {path.rpartition("/")[2] for path in places} == {"PGPASSWORD", "DATABASE_URL"}
    assert {(entry.mode, entry.owner) for entry in places.values()} == {(0o600, "root")}


def test_what_an_application_is_told_is_what_it_may_not_be_told_otherwise() -> None:
    placed = lab()
    told = databases.variables(placed.services["shop"], placed, kept_for(wants(placed)))
    assert set(told) == databases.VARIABLES


def test_one_without_a_database_is_told_of_none() -> None:
    tree = tree_of(lab())
    assert not [path for path in tree.machines["page"] if "PG" in path or "SECRET" in path]
    assert '"page"' not in text(tree, "/etc/postgresql/db/databases")
    flows = lab().services["shop"].expansion.flows
    assert [(flow.to, flow.port) for flow in flows] == [("db", 5432)]
    assert lab().services["page"].expansion.flows == ()
