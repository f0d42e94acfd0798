"""Reading a lab file: a typed specification, and everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path

from labctl import kinds, sandbox
from labctl.model import Limits, Seat
from labctl.spec import brought, content, document
from labctl.spec.checks import CheckSpec, read_checks
from labctl.spec.document import Mapping as MappingNode
from labctl.spec.document import Node, Scalar
from labctl.spec.document import Sequence as SequenceNode
from labctl.spec.fields import HostLabel, Kind, Name
from labctl.spec.keys import ExposeKeys, LabKeys, PlatformsKeys, ServiceKeys, SiteKeys
from labctl.spec.problems import InvalidLab, Mark, Problem, nearest, shown
from labctl.spec.reader import Reader, fields_of, is_wrong, made
from labctl.spec.specification import ServiceSpec, SiteSpec, Spec


def load(path: Path, name: str = "", seat: Seat | None = None) -> tuple[Spec, Reader]:
    """Read a lab file; ``name`` replaces the lab's own name (and so its default domain).

    For a ``seat`` it is read as that student's lab, with a name and a domain of its own.

    The reader comes back with the problems so far and the places of later ones: ``expand``
    finds those and raises all. InvalidLab where the file cannot be read as a lab at all.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = Problem(str(path), Mark(1, 1), "", f"cannot be read: {error.strerror}")
        raise InvalidLab([problem]) from None
    spec, reader = read(data, str(path), path.parent, name)
    return (sandbox.own(spec, seat) if seat else spec), reader


def read(data: bytes, file: str, folder: Path, name: str = "") -> tuple[Spec, Reader]:
    """The same from bytes; content is read below ``folder``."""
    parsed = document.parse(data, file)
    reader = Reader(parsed)
    spec = _Lab(reader, folder).read(parsed.root)
    if spec is None:
        raise InvalidLab(reader.problems, parsed.lines)
    if name:
        spec = replace(spec, name=name)
    return replace(spec, domain=spec.domain or f"{spec.name}.test"), reader


LIMITS = tuple(field.name for field in fields(Limits))
_SINGLE = ("lab", "title", "domain", "subnet", "platform", "platforms", "responsibilities")


class _Lab:
    def __init__(self, reader: Reader, folder: Path) -> None:
        self.reader = reader
        self.folder = folder
        self.broken: set[str] = set()

    def read(self, root: Node) -> Spec | None:
        if not isinstance(root, MappingNode) or not root.items:
            empty = isinstance(root, MappingNode)
            what = "the file says nothing" if empty else "a lab file has keys and values"
            hint = "`labctl init NAME` writes one to start from"
            self.reader.complain(root.mark, (), what, hint)
            return None
        known = dict(fields_of(LabKeys))
        self.reader.unknown(root, (), known)
        single = {name: known[name] for name in _SINGLE}
        values = self.reader.each(single, root, ())
        services = self.services(root, known["services"].doc)
        sites, expose = tuple(self.sites(root)), dict(self.expose(root))
        checks = self.checks(root)
        if services is None or is_wrong(values["lab"]) or is_wrong(values["domain"]):
            return None
        services, sites = brought.by_sites(services, sites, self.reader)
        return Spec(
            name=values["lab"],
            title="" if is_wrong(values["title"]) else values["title"],
            domain=values["domain"],
            folder=self.folder,
            services=services,
            sites=sites,
            expose=expose,
            subnet="" if is_wrong(values["subnet"]) else values["subnet"],
            broken=frozenset(self.broken),
            platform="vps" if is_wrong(values["platform"]) else values["platform"],
            platforms=PlatformsKeys() if is_wrong(values["platforms"]) else values["platforms"],
            checks=checks,
            duties={} if is_wrong(values["responsibilities"]) else values["responsibilities"],
        )

    def sites(self, root: MappingNode) -> Iterator[SiteSpec]:
        """The sites that could be read."""
        _, node = root.items.get("sites", (None, None))
        if node is None:
            return
        if not isinstance(node, MappingNode):
            message = "host names and their services are expected"
            self.reader.complain(node.mark, ("sites",), message, "for example `www: www`")
            return
        self.reader.marks[("sites",)] = node.mark
        seen: set[str] = set()
        for key, value in node.items.values():
            label = self.reader.key(HostLabel(), key, ("sites",))
            keys = self.reader.value(SiteKeys, value, ("sites", key.value))
            if is_wrong(label):
                continue
            if label in seen:
                message = f"'{label}' is given twice"
                self.reader.complain(key.mark, ("sites",), message, "remove one")
            elif not is_wrong(keys):
                yield self.site(key.value, label, keys)
            seen.add(label)

    def expose(self, root: MappingNode) -> Iterator[tuple[int, ExposeKeys]]:
        """The exposed ports that could be read, by their number."""
        _, node = root.items.get("expose", (None, None))
        if isinstance(node, SequenceNode):
            self.reader.marks[("expose",)] = node.mark
            for number, item in enumerate(node.items):
                keys = self.reader.value(ExposeKeys, item, ("expose", number))
                if not is_wrong(keys):
                    yield number, keys
        elif node is not None:
            hint = "for example `- {service: mail, port: 25, host: 2525}`"
            self.reader.complain(node.mark, ("expose",), "a list of ports is expected", hint)

    def checks(self, root: MappingNode) -> tuple[CheckSpec, ...]:
        """The checks that could be read."""
        _, node = root.items.get("checks", (None, None))
        return () if node is None else read_checks(node, self.reader, ("checks",))

    def services(self, root: MappingNode, doc: str) -> dict[str, ServiceSpec] | None:
        if "services" not in root.items:
            self.reader.complain(root.mark, (), "'services' is missing", doc)
            return None
        node = root.items["services"][1]
        self.reader.marks[("services",)] = node.mark
        if not isinstance(node, MappingNode):
            self.reader.complain(
                node.mark,
                ("services",),
                "names and kinds of servers are expected",
                "for example `www: static`",
            )
            return None
        found: dict[str, ServiceSpec] = {}
        for key, value in node.items.values():
            name = self.reader.key(Name(), key, ("services",))
            service = self.service(key.value, value, named=not is_wrong(name))
            if service and not is_wrong(name):
                found[name] = service
            else:
                self.broken.add(key.value)
        for kind in kinds.implied():
            if kind not in found and not any(one.kind == kind for one in found.values()):
                found[kind] = self.implied(kind)
        return found

    def implied(self, kind: str) -> ServiceSpec:
        options = kinds.load(kind).Options()
        return ServiceSpec(kind, kind, kind, {}, options, {}, f"{self.reader.document.file}")

    def service(self, name: str, node: Node, named: bool) -> ServiceSpec | None:
        path = ("services", name)
        if isinstance(node, Scalar) and not (node.plain and node.value in ("", "~", "null")):
            node = MappingNode({"kind": (node, node)}, node.mark)
        if isinstance(node, Scalar):
            node = MappingNode({}, node.mark)
        if not isinstance(node, MappingNode):
            self.reader.complain(node.mark, path, "a kind, or keys and values, are expected")
            return None
        kind = self.kind(name, node, path)
        if kind is None:
            return None
        options_type = kinds.load(kind).Options
        common, own = dict(fields_of(ServiceKeys)), fields_of(options_type)
        common.pop("kind")
        self.reader.unknown(node, path, {**common, **own, "kind": None})
        keys = self.reader.values(common, node, path)
        options = self.reader.values(own, node, path)
        if keys is None or options is None:
            return None
        files: Mapping[str, bytes] = {}
        if "content" in own and (named or options["content"]):
            options["content"] = options["content"] or name
            found = self.content(options["content"], path)
            if found is None:
                return None
            files = found
        limits = {key: keys[key] for key in LIMITS if keys[key]}
        return ServiceSpec(
            name,
            kind,
            keys["machine"] or name,
            limits,
            made(options_type, options),
            files,
            self.source(path),
            keys["shared"],
        )

    def kind(self, name: str, node: MappingNode, path: tuple[str, ...]) -> str | None:
        self.reader.marks[path] = node.mark
        if "kind" not in node.items:
            if name in kinds.names():
                return name
            place = self.reader.at_key(path)
            self.reader.complain(place, path, "'kind' is missing", nearest("", kinds.names()))
            return None
        value = node.items["kind"][1]
        if not isinstance(value, Scalar) or (value.plain and value.value in ("", "~", "null")):
            self.reader.scalar(Kind(), value, (*path, "kind"))
            return None
        if isinstance(value, Scalar) and value.value in kinds.names():
            return value.value
        word = value.value
        self.reader.complain(
            value.mark,
            (*path, "kind"),
            f"there is no kind '{shown(word)}'",
            nearest(word, kinds.names()),
        )
        return None

    def content(self, relative: str, path: tuple[str, ...]) -> Mapping[str, bytes] | None:
        try:
            return content.read_folder(self.folder, relative)
        except content.ContentError as error:
            place = self.reader.at((*path, "content"))
            hint = "make it, or name another with `content:`" if "no folder" in str(error) else ""
            self.reader.complain(place, (*path, "content"), str(error), hint)
            return None

    def site(self, key: str, label: str, keys: SiteKeys) -> SiteSpec:
        path = ("sites", key)
        config = b""
        if keys.config:
            try:
                config = content.read_file(self.folder, keys.config)
            except content.ContentError as error:
                self.reader.complain(
                    self.reader.at((*path, "config")), (*path, "config"), str(error)
                )
        return SiteSpec(
            key=key,
            name=label,
            service=keys.service,
            names=(label, *keys.names),
            tls=keys.tls,
            http=keys.http,
            config=config,
            config_source=f"{self.folder}/{keys.config}" if keys.config else "",
            source=self.source(path),
            inside=keys.inside,
            replicas=keys.replicas,
            front=keys.front,
            port=keys.port,
            own_address=keys.own_address,
            party=keys.party,
            inspect=keys.inspect,
            clients=keys.clients,
        )

    def source(self, path: tuple[str | int, ...]) -> str:
        return f"{self.reader.document.file}:{self.reader.at(path).line}"
