"""Words with a fixed set of meanings."""

from __future__ import annotations

from typing import Literal

Tls = Literal["ca", "self-signed", "none"]
Server = Literal["nginx", "apache"]
Http = Literal["redirect", "serve", "refuse"]
PlatformName = Literal["bare-metal", "vps", "on-premise"]
Isolation = Literal["runc", "runsc", "kata", "sysbox"]
Outgoing = Literal["translated", "proxy"]
Tier = Literal["outside", "public", "inside"]
WantKind = Literal["certificate", "ec-key", "rsa-key", "ssh-key", "password", "token"]
