"""Trust stores: where programs on this computer look up whom to trust.

One module a store, each with check, install and uninstall. Nothing here happens as a side
effect: only ``labctl ca trust`` calls install and uninstall.
"""

from __future__ import annotations

from collections.abc import Mapping

from labctl.trust.java import Java
from labctl.trust.macos import MacOs
from labctl.trust.nss import Nss
from labctl.trust.store import Root, State, Store
from labctl.trust.system import System

__all__ = ["STORES", "Root", "State", "Store"]

STORES: Mapping[str, Store] = {
    "system": System(),
    "nss": Nss(),
    "java": Java(),
    "macos": MacOs(),
}
