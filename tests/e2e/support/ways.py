"""Ways from this host to every site of a lab, also to those that only its visitors inside reach.

The host's ports lead to a lab's first front. Another front's sites, and those with an address of
their own, are led to by a machine on the lab's network: a port of 127.0.0.1 for each.
"""

from __future__ import annotations

from typing import Any

from labctl.model import Lab, Site
from tests.e2e.support import stacks
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.ports import free_port
from tests.e2e.support.wait import eventually

BESIDE = "169.254.254.254"  # an own address is one of 169.254.16.0/20; this one reaches them all

# hands connections to port 1000 + N on to port 443 of the Nth address it is started with
_RELAY = """
import asyncio, sys
from functools import partial

async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()

async def relay(address, reader, writer):
    there, back = await asyncio.open_connection(address, 443)
    await asyncio.gather(pump(reader, back), pump(there, writer))
    back.close()
    writer.close()

async def main():
    for number, address in enumerate(sys.argv[1:]):
        await asyncio.start_server(partial(relay, address), port=1000 + number)
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Ways:
    """Where on this host each site of a lab answers by TLS."""

    def __init__(self, lab: OwnLab) -> None:
        placed = stacks.placed(lab.folder.name)
        further = [s for s in stacks.signed(lab.folder.name) if not _on_host(s, placed)]
        self._lab = lab
        self._ports = {stacks.host(site, lab): free_port() for site in further}
        self._relay: Any = None

    def to(self, site: Site) -> str:
        """Host and port of a site, as a URL has them."""
        host = stacks.host(site, self._lab)
        return f"{host}:{self._ports.get(host, self._lab.https)}"

    def __enter__(self) -> Ways:
        if self._ports:
            network = f"labctl-{self._lab.name}_internet"
            engine = self._lab.client
            beside = engine.api.create_endpoint_config(link_local_ips=[BESIDE])
            self._relay = engine.containers.run(
                self._lab.inspect("client")["Config"]["Image"],
                ["-c", _RELAY, *map(self._inside, self._ports)],
                entrypoint="python3",
                network=network,
                networking_config={network: beside},
                ports={
                    1000 + n: ("127.0.0.1", port) for n, port in enumerate(self._ports.values())
                },
                detach=True,
            )
            eventually(lambda: b"ready" in self._relay.logs())
        return self

    def __exit__(self, *_: object) -> None:
        if self._relay:
            self._relay.remove(force=True)

    def _inside(self, host: str) -> str:
        """The address that a visitor inside finds by a site's name."""
        name = f"{host.removesuffix('localhost')}test"
        return self._lab.output("client", "getent", "hosts", name).split()[0]


def _on_host(site: Site, lab: Lab) -> bool:
    return lab.services[site.front].expansion.published and not site.alone
