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
KEY_LOG = "SSLKEYLOGFILE"  # the variable that names a file for TLS keys (RFC 9850)
WantKind = Literal["certificate", "ec-key", "rsa-key", "ssh-key", "password", "token", "crl"]
Fault = Literal[
    "", "expired", "not-yet-valid", "untrusted-root", "incomplete-chain", "weak-key", "no-san"
]
