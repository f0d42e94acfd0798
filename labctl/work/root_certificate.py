"""A lab's root certificate as people look at it, and the trust stores that they give it to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.errors import LabctlError
from labctl.keep import data_home, lab_home, root_pem
from labctl.keep.files import AUTHORITY
from labctl.spec.fields import Name
from labctl.trust import STORES, Root

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True, slots=True)
class Description:
    """What a root certificate says: times in ISO 8601 (UTC), name constraints as text.

    ``critical`` is whether a program that does not understand the constraints must refuse the
    certificate (RFC 5280 section 4.2.1.10).
    """

    lab: str
    subject: str
    fingerprint: str
    begin: str
    end: str
    permitted: tuple[str, ...]
    excluded: tuple[str, ...]
    critical: bool


@dataclass(frozen=True, slots=True)
class Trusted:
    """Whether one store trusts a root, and what was done to it.

    ``status`` is trusted, partial, absent or unavailable; ``changed`` the places written;
    ``trouble`` why the store could not be changed, with ``hint`` the command to type.
    """

    store: str
    title: str
    status: str
    places: tuple[str, ...] = ()
    note: str = ""
    changed: tuple[str, ...] = ()
    trouble: str = ""
    hint: str = ""


def root_of(target: str = "") -> Root:
    """The root that a word on the command line means: a lab's, or the only one there is.

    LabctlError where there is none, or several and nobody says which.
    """
    lab = _lab(target) if target else _only()
    return Root(lab, root_pem(lab_home(lab)))


def kept_labs() -> tuple[str, ...]:
    """The labs that have kept a root."""
    return tuple(sorted(path.parent.name for path in data_home().glob(f"*/{AUTHORITY}")))


def _lab(target: str) -> str:
    if re.fullmatch(Name.form, target) and target in kept_labs():
        return target
    from labctl.work.session import Session

    return Session(target, dry=True).name


def _only() -> str:
    labs = kept_labs()
    if len(labs) == 1:
        return labs[0]
    if not labs:
        raise LabctlError("no lab has a root certificate yet", "`labctl up LAB` makes it")
    raise LabctlError("several labs have a root certificate", f"say which: {', '.join(labs)}", 2)


def describe(root: Root) -> Description:
    """What the certificate itself says."""
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(root.pem.encode())
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    return Description(
        lab=root.lab,
        subject=certificate.subject.rfc4514_string(),
        fingerprint=_colons(root.fingerprint),
        begin=certificate.not_valid_before_utc.isoformat(),
        end=certificate.not_valid_after_utc.isoformat(),
        permitted=_general_names(constraints.value.permitted_subtrees),
        excluded=_general_names(constraints.value.excluded_subtrees),
        critical=constraints.critical,
    )


def _colons(digits: str) -> str:
    """A fingerprint as browsers show it."""
    return ":".join(digits[n : n + 2] for n in range(0, len(digits), 2)).upper()


def _general_names(names: Iterable[x509.GeneralName] | None) -> tuple[str, ...]:
    from cryptography import x509

    words = {x509.DNSName: "DNS", x509.RFC822Name: "mail", x509.IPAddress: "IP"}
    return tuple(f"{words.get(type(n), 'other')} {n.value}" for n in names or ())


def where(root: Root, stores: Iterable[str] = ()) -> tuple[Trusted, ...]:
    """What each store (all, where none is named) says of the root; changes nothing."""
    return tuple(_state(root, name) for name in stores or STORES)


def trust(root: Root, stores: Iterable[str] = (), *, remove: bool = False) -> tuple[Trusted, ...]:
    """Have stores trust the root, or no longer with ``remove``; what became of each.

    Where none is named, all that this computer has. A store that refuses does not keep the
    others from being changed.
    """
    named = tuple(stores)
    return tuple(_changed(root, name, remove, asked=bool(named)) for name in named or STORES)


def _state(root: Root, name: str) -> Trusted:
    state = STORES[name].check(root)
    return Trusted(name, STORES[name].title, state.status, state.places, state.note)


def _changed(root: Root, name: str, remove: bool, asked: bool) -> Trusted:
    before = _state(root, name)
    if before.status == "unavailable" and not asked:
        return before
    store = STORES[name]
    changed: tuple[str, ...] = ()
    trouble = hint = ""
    try:
        changed = store.uninstall(root) if remove else store.install(root)
    except LabctlError as error:
        trouble, hint = error.message, error.hint
    after = store.check(root)
    return Trusted(
        name, store.title, after.status, after.places, after.note, changed, trouble, hint
    )
