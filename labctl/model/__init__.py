"""The vocabulary of a lab, as frozen values (docs/design: "Words").

Nothing here reads a file, a clock or an engine. A kind yields these values, a platform
places them, ``labctl.render`` turns them into files.
"""

from __future__ import annotations

from labctl.model.classes import Group, Offer, Seat, local_domain
from labctl.model.keeping import Kept, Key, Leaf, Want, person_key
from labctl.model.labs import Lab
from labctl.model.machines import ExposedPort, Machine, Mount, Network, Port, Publishing, Volume
from labctl.model.names import HOSTS, AddressOf, PublicKey, Record, party_domain
from labctl.model.programs import Daemon, Extra, File, Libraries, Probe, Template
from labctl.model.services import Check, Expansion, Flow, Limits, Route, Service, Site
from labctl.model.words import (
    KEY_LOG,
    Fault,
    Http,
    Isolation,
    Outgoing,
    PlatformName,
    Server,
    Tier,
    Tls,
    WantKind,
)

__all__ = [
    "HOSTS",
    "KEY_LOG",
    "AddressOf",
    "Check",
    "Daemon",
    "Expansion",
    "ExposedPort",
    "Extra",
    "Fault",
    "File",
    "Flow",
    "Group",
    "Http",
    "Isolation",
    "Kept",
    "Key",
    "Lab",
    "Leaf",
    "Libraries",
    "Limits",
    "Machine",
    "Mount",
    "Network",
    "Offer",
    "Outgoing",
    "PlatformName",
    "Port",
    "Probe",
    "PublicKey",
    "Publishing",
    "Record",
    "Route",
    "Seat",
    "Server",
    "Service",
    "Site",
    "Template",
    "Tier",
    "Tls",
    "Volume",
    "Want",
    "WantKind",
    "local_domain",
    "party_domain",
    "person_key",
]
