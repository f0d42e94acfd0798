"""Changing a lab file by program: the rest of it stays as its author wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_TEXT = "tag:yaml.org,2002:str"
_TABLE = "tag:yaml.org,2002:map"


class LabFile:
    """A lab file on disk: read, changed and written at once.

    Scalars stay as they are written: nothing becomes a number or a truth value on the way.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.BaseLoader)
        assert isinstance(root, MappingNode), "labctl has read it as a lab before"
        self.root = root

    def exposed(self) -> int:
        """How many ports of its services the lab publishes on the host."""
        return len(_items(self.root, "expose"))

    def expose_at(self, ports: Iterable[int]) -> None:
        """Publish them at these ports of the host."""
        for item, port in zip(_items(self.root, "expose"), ports, strict=True):
            _put(item, "host", _scalar(str(port)))
        self._write()

    def drop(self, *keys: str) -> None:
        """Take out what the lab file says of the host: subnets by number."""
        _drop(self.root, keys)
        for platform in _values(_value(self.root, "platforms")):
            _drop(platform, keys)
        self._write()

    def set(self, service: str, key: str, value: str) -> None:
        """Give a service a key, in place of the same one where it has it."""
        services = _table(self.root, "services")
        keys = _value(services, service)
        if not isinstance(keys, MappingNode):  # the kind alone, or nothing where the name is one
            kind = keys.value if isinstance(keys, ScalarNode) and keys.value else service
            keys = MappingNode(_TABLE, [(_scalar("kind"), _scalar(kind))])
            _put(services, service, keys)
        _put(keys, key, _scalar(value))
        self._write()

    def add_site(self, wanted: str, service: str) -> str:
        """Add a site that a service answers; its name, ``wanted`` or one with a number."""
        sites = _table(self.root, "sites")
        taken = {key.value for key, _ in sites.value}
        numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
        name = next(one for one in (wanted, *numbered) if one not in taken)
        _put(sites, name, _scalar(service))
        self._write()
        return name

    def merge(self, text: str) -> None:
        """Add what another lab file says: tables key by key, all else in place of what was there.

        ValueError where ``text`` is no table.
        """
        try:
            other = yaml.compose(text, Loader=yaml.BaseLoader)
        except yaml.YAMLError as error:
            raise ValueError(f"not YAML: {error}") from None
        if not isinstance(other, MappingNode):
            raise ValueError("keys and values are expected")
        _merge(self.root, other)
        self._write()

    def _write(self) -> None:
        text = yaml.serialize(self.root, Dumper=yaml.BaseDumper, allow_unicode=True, encoding=None)
        self.path.write_text(text, encoding="utf-8")


def _scalar(text: str) -> ScalarNode:
    return ScalarNode(_TEXT, text)


def _value(node: Node | None, key: str) -> Node | None:
    if not isinstance(node, MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _items(node: MappingNode, key: str) -> list[MappingNode]:
    """The tables in the list at a key."""
    found = _value(node, key)
    items = found.value if isinstance(found, SequenceNode) else []
    return [item for item in items if isinstance(item, MappingNode)]


def _values(node: Node | None) -> list[Node]:
    return [value for _, value in node.value] if isinstance(node, MappingNode) else []


def _table(node: MappingNode, key: str) -> MappingNode:
    """The table at a key, made where there is none."""
    found = _value(node, key)
    if not isinstance(found, MappingNode):
        found = MappingNode(_TABLE, [])
        _put(node, key, found)
    return found


def _put(node: MappingNode, key: str, value: Node) -> None:
    kept = [pair for pair in node.value if pair[0].value != key]
    node.value = [*kept, (_scalar(key), value)]


def _merge(node: MappingNode, other: MappingNode) -> None:
    for key, value in other.value:
        there = _value(node, key.value)
        if isinstance(there, MappingNode) and isinstance(value, MappingNode):
            _merge(there, value)
        else:
            _put(node, key.value, value)


def _drop(node: Node, keys: tuple[str, ...]) -> None:
    if isinstance(node, MappingNode):
        node.value = [pair for pair in node.value if pair[0].value not in keys]
