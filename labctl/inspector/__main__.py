"""``python3 -m inspector CONFIG``, or ``--test CONFIG``: run it, or only look at its file.

CONFIG is JSON: ``relay`` (the port of 127.0.0.1 where the front hands requests over), ``behind``
(the one where it takes them back), ``page`` (address and port of our own pages), ``folder`` (their
files), ``sites`` (names by host), ``exchanges``, ``memory`` and ``body`` (what is remembered),
``login`` (the SHA-256 of the pages' password; "" for none).
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from .http1 import MAX_HEAD
from .records import Records
from .relay import Relay
from .site import Site

HERE = "127.0.0.1"
_KEYS = {"relay": int, "behind": int, "page": list, "sites": dict, "folder": str,
         "exchanges": int, "memory": int, "body": int, "login": str}  # fmt: skip


async def main(file: Path) -> None:
    """Listen until told to stop; HUP reads all but the ports anew."""
    config = read(file)
    records = Records(config["exchanges"], config["memory"], config["body"])
    relay = Relay(records, (HERE, config["behind"]), config["sites"])
    site = Site(records, Path(config["folder"]), config["login"])
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: _again(relay, site, file))
    servers = [
        await loop.create_server(relay.protocol, HERE, config["relay"], backlog=1024),
        await asyncio.start_server(site.serve, *config["page"], limit=MAX_HEAD),
    ]
    print(f"inspecting {', '.join(sorted(set(config['sites'].values())))}", flush=True)
    await stop.wait()
    for server in servers:
        server.close()


def read(file: Path) -> dict[str, Any]:
    """The configuration; KeyError, ValueError or OSError where it is none."""
    config: dict[str, Any] = json.loads(file.read_text())
    for key, kind in _KEYS.items():
        if not isinstance(config[key], kind):
            raise ValueError(f"{key}: {kind.__name__} expected")
    return config


def _again(relay: Relay, site: Site, file: Path) -> None:
    try:
        config = read(file)
        site.read(Path(config["folder"]))
    except (OSError, KeyError, TypeError, ValueError) as error:
        print(f"{file}: {error}; all stays as it was", file=sys.stderr, flush=True)
        return
    relay.sites, site.login = config["sites"], config["login"]
    records = site.records
    records.count, records.memory, records.body = (
        config["exchanges"], config["memory"], config["body"],
    )  # fmt: skip


if __name__ == "__main__":
    *options, name = sys.argv[1:] or ["--help", ""]
    if options == ["--test"]:
        try:
            read(Path(name))
        except (OSError, KeyError, TypeError, ValueError) as error:
            sys.exit(f"{name}: {type(error).__name__}: {error}")
    elif options:
        sys.exit(__doc__)
    else:
        asyncio.run(main(Path(name)))
