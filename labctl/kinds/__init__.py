"""Kinds of service: one module each, found by name.

A kind module has

* a docstring whose first line says what the kind is (shown by ``labctl schema``),
* ``Options``: a frozen dataclass; each field is a key of the lab file (``labctl.spec.fields``),
* ``expand(service, scope) -> Expansion``: what the service is made of, before it has a machine,
* ``files(service, lab, kept) -> Iterable[File]``: its configuration, once everything is placed,
* optionally ``problems(options, scope) -> Iterable[Complaint]``: what the fields' types cannot say,
* optionally ``joint_problems(service, services, scope)``: what only all services together show,
* optionally ``IMPLIED = True``: every lab has one, also without naming it,
* optionally ``SEVERAL = True``: of an implied kind, a lab may name more than one,
* optionally ``ASKED_BY``: a key of sites that is true or false; a lab where a site says it has one
  service of this kind with a site of its own, also without naming them,
* optionally ``BESIDE_FRONT = True``: it runs on the machine of the front, and nowhere else,
* optionally ``TIER``: "outside" for what belongs to visitors, "public" for what strangers talk
  to, "inside" (where it says nothing) for what stands behind that,
* optionally ``BROUGHT = True``: a platform brings it, a lab file cannot name it,
* optionally ``for_class(options, students) -> options``: a service that a class shares, with what
  each of these students has of it; an account of a student's has their id as its login,
* optionally ``for_student(options) -> options``: a service that each student of a class has,
* optionally ``on_demand(daemon) -> daemon``: how its daemon runs where the first request starts
  it and nobody waits for a reload: in less memory,
* optionally ``CLIENTS``: Debian packages with which people use a service of it.

Kinds never import each other: what one kind needs of another goes through the model.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Protocol, cast

from labctl.model import Daemon, Expansion, File, Kept, Lab, Machine, Server, Service, Site, Tier


@dataclass(frozen=True, slots=True)
class Scope:
    """What a kind may know of the lab when it expands one of its services.

    ``content`` are the service's own files by relative path, ``sites`` the sites it answers,
    ``all_sites`` those of the whole lab, ``services`` the kinds of all services by name.
    ``beside_front`` says that every front that talks to it runs on the same machine. ``port`` is
    one that no other service of its machine has, where the kind's option ``port`` is 0.
    ``server`` is the web server of the front that has its sites, or that is on its machine.
    """

    lab: str
    domain: str
    sites: tuple[Site, ...]
    all_sites: tuple[Site, ...]
    services: Mapping[str, str]
    content: Mapping[str, bytes]
    beside_front: bool = False
    port: int = 8000
    server: Server = "nginx"

    @property
    def listen(self) -> str:
        """The address where a service listens that only the front talks to."""
        return "127.0.0.1" if self.beside_front else "0.0.0.0"  # noqa: S104 (its own machine)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a kind finds wrong in its options: the keys that lead to the value, and why."""

    path: tuple[str | int, ...]
    message: str
    hint: str = ""


class Kind(Protocol):
    """The face of a kind module."""

    __doc__: str
    __name__: str
    Options: type[Any]

    def expand(self, service: Service, scope: Scope) -> Expansion:
        """Say what the service is made of."""

    def files(self, service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
        """Yield the service's configuration files."""


@cache
def names() -> tuple[str, ...]:
    """The names of all kinds that a lab file may name."""
    return tuple(name for name in _all() if not getattr(load(name), "BROUGHT", False))


def _all() -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


@cache
def load(name: str) -> Kind:
    """The kind called ``name``; KeyError where there is none."""
    if name not in _all():
        raise KeyError(name)
    return cast(Kind, importlib.import_module(f"{__name__}.{name}"))


def tier(name: str) -> Tier:
    """Where a kind stands: outside, in public, or inside."""
    found: Tier = getattr(load(name), "TIER", "inside")
    return found


def visiting(machine: Machine, lab: Lab) -> bool:
    """Whether all that runs on a machine is visitors' business, and something does."""
    found = [tier(lab.services[name].kind) for name in machine.services]
    return set(found) == {"outside"}


def on_demand(name: str, daemon: Daemon) -> Daemon:
    """A daemon of this kind as it runs where the first request starts it."""
    change = getattr(load(name), "on_demand", None)
    changed: Daemon = change(daemon) if change else daemon
    return replace(changed, on_demand=True)


def for_class(name: str, options: Any, students: Collection[str]) -> Any:
    """The options of a service that a class shares, with these students in it."""
    change = getattr(load(name), "for_class", None)
    return change(options, students) if change else options


def for_student(name: str, options: Any) -> Any:
    """The options of a service in a student's own sandbox."""
    change = getattr(load(name), "for_student", None)
    return change(options) if change else options


def client_packages(name: str) -> frozenset[str]:
    """The Debian packages with which people use a kind of service."""
    found: frozenset[str] = getattr(load(name), "CLIENTS", frozenset())
    return found


def summary(name: str) -> str:
    """The first line of a kind's docstring."""
    return (load(name).__doc__ or "").partition("\n")[0]


@cache
def asked_by() -> Mapping[str, str]:
    """The kinds that come where a site asks for them, by the key that it says."""
    keys = {getattr(load(name), "ASKED_BY", ""): name for name in names()}
    return {key: name for key, name in keys.items() if key}


def beside_front(name: str) -> bool:
    """Whether services of a kind run on the machine of the front."""
    return bool(getattr(load(name), "BESIDE_FRONT", False))


@cache
def implied() -> tuple[str, ...]:
    """The kinds that every lab has."""
    return tuple(name for name in names() if getattr(load(name), "IMPLIED", False))
