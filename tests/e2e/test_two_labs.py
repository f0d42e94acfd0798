"""Two labs on one host, and programs that hold a port."""

from __future__ import annotations

import os
import socket
from contextlib import closing

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def first(own: Labs) -> OwnLab:
    lab = own("hello")
    lab.must("up")
    return lab


def test_the_second_lab_is_told_who_holds_the_port(first: OwnLab, fresh: Labs) -> None:
    second = fresh("hello")
    second.http, second.https = first.http, first.https
    before = first.started()
    ran = second.up()
    assert ran.status == 1
    for port in (first.http, first.https):
        assert f"port {port} is held by lab {first.name}" in ran.err
    assert f"labctl up {second.name} --http 8080 --https 8443" in ran.err
    assert second.left() == {}
    assert first.started() == before


def test_two_labs_live_side_by_side(first: OwnLab, fresh: Labs) -> None:
    second = fresh("hello")
    second.must("up")
    for lab in (first, second):
        assert curl(lab.url("www"), ca=lab.authority()).status == 200
    networks = {
        machine["NetworkSettings"]["Networks"][f"labctl-{lab.name}_internet"]["Gateway"]
        for lab in (first, second)
        for machine in [lab.inspect("www")]
    }
    subnets = {
        lab.client.networks.get(f"labctl-{lab.name}_internet").attrs["IPAM"]["Config"][0]["Subnet"]
        for lab in (first, second)
    }
    assert len(subnets) == 2, networks
    second.must("down")
    assert curl(first.url("www"), ca=first.authority()).status == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_program_that_holds_the_port_is_named(fresh: Labs, address: str) -> None:
    lab = fresh("hello")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with closing(socket.socket(family)) as holder:
        holder.bind((address, lab.https))
        holder.listen()
        ran = lab.up()
    assert ran.status == 1
    assert f"port {lab.https} is held by" in ran.err
    assert f"process {os.getpid()}" in ran.err
    assert lab.left() == {}
    lab.must("up")
