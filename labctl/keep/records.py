"""What the kept files hold. Times are seconds since 1970, UTC."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Signed(TypedDict):
    """A certificate with its key, both PEM, and the time for which it is valid."""

    certificate: str
    key: str
    begin: int
    end: int


class LeafRecord(Signed):
    """A server's certificate: the names and the issuer that it was made for."""

    names: list[str]
    issuer: str
    fault: NotRequired[str]
    client: NotRequired[bool]


class RevocationRecord(TypedDict):
    """The revocation lists (PEM), what is in them by serial number, and whom they are of."""

    revoked: dict[str, int]  # serial number in hexadecimal digits → when
    asked: list[str]  # those that people have revoked
    issuer: str
    number: int
    lists: str
    end: int


class AuthorityRecord(TypedDict):
    """A lab's root and intermediate, and what both may sign for."""

    dns: list[str]
    mail: list[str]
    root: Signed
    intermediate: Signed


class KeyRecord(TypedDict):
    """A key pair, as ``labctl.model.Key``."""

    pem: str
    public: str
    private: str


class SerialRecord(TypedDict):
    """The zones' serial, and the digest of what they were made from."""

    serial: int
    digest: str
