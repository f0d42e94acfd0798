"""The images that labs need: built, saved and listed for whole labs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labctl import resources
from labctl.engines import archive, connect, images
from labctl.engines.dockerfile import NOTHING, Recipe, base_reference, own_recipe, reference
from labctl.engines.helper import TOOLS
from labctl.model import Extra, Lab, PlatformName
from labctl.spec.problems import InvalidLab
from labctl.work.session import LAB_FILE, Choices, Session

Report = Callable[[str, str], None]
BASE = "base"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One image that labs need: what is in it, and who runs it (``lab/machine``)."""

    packages: frozenset[str]
    machines: tuple[str, ...]
    extra: Extra = field(default=NOTHING)

    @property
    def title(self) -> str:
        """The machines by their own names, each once."""
        return ", ".join(sorted({name.partition("/")[2] for name in self.machines}))


@dataclass(frozen=True, slots=True)
class Stocked:
    """An image that the engine has, and the labs that run it as they are written now."""

    reference: str
    size: int
    packages: tuple[str, ...]
    labs: tuple[str, ...] = field(default=())


def stacks() -> tuple[str, ...]:
    """The lab files of ``stacks/`` here, or of those that come with labctl."""
    here = Path("stacks") if Path("stacks").is_dir() else resources.stacks()
    return tuple(str(path) for path in sorted(here.glob(f"*/{LAB_FILE}")))


def wanted(
    labs: Iterable[str], recipe: Recipe, platforms: Iterable[PlatformName] = ()
) -> dict[str, Wanted]:
    """The images of labs (all of ``stacks/`` where none is named), by reference.

    For each lab's own platform where none is named.
    """
    found: dict[str, Wanted] = {}
    for target in tuple(labs) or stacks():
        for platform in tuple(platforms) or (None,):
            _add(found, Session(target, Choices(on=platform), dry=True), recipe)
    return found


def _add(found: dict[str, Wanted], session: Session, recipe: Recipe) -> None:
    for who, packages, extra in users(session.lab):
        name = reference(packages, recipe, extra)
        others = found[name].machines if name in found else ()
        machines = dict.fromkeys((*others, f"{session.name}/{who}"))
        found[name] = Wanted(packages, tuple(machines), extra)


def users(lab: Lab) -> Iterator[tuple[str, frozenset[str], Extra]]:
    """Who runs an image with what in it: machines, and helpers, for limits and captures."""
    for machine in lab.machines.values():
        yield machine.name, machine.packages, machine.extra
    yield "helpers", TOOLS, NOTHING


def build(
    labs: Iterable[str],
    report: Report,
    *,
    refresh: bool = False,
    platforms: Iterable[PlatformName] = (),
) -> dict[str, Wanted]:
    """Build what the engine lacks; ``report`` is told machines and what happens to their image.

    With ``refresh`` everything is built anew with today's packages. Errors as
    `labctl.engines.images.build`.
    """
    recipe = own_recipe()
    needed = wanted(labs, recipe, platforms)

    def tell(progress: images.Progress) -> None:
        who = needed[progress.image].title if progress.image in needed else BASE
        report(who, f"{progress.state} {progress.detail}".rstrip())

    packages = {name: image.packages for name, image in needed.items()}
    extras = {name: image.extra for name, image in needed.items()}
    images.build(connect(), packages, recipe, tell, refresh=refresh, extras=extras)
    return needed


def save(
    file: Path, labs: Iterable[str], platforms: Iterable[PlatformName] = ()
) -> tuple[int, Mapping[str, Wanted]]:
    """Write the images of labs to one file; its size in bytes, and what is in it."""
    needed = wanted(labs, own_recipe(), platforms)
    return archive.save(connect(timeout=3600), file, needed), needed


def load(file: Path) -> tuple[str, ...]:
    """Give the engine the images of a file that `save` wrote; their references."""
    return archive.load(connect(timeout=3600), file)


def stocked() -> tuple[Stocked, ...]:
    """The engine's images of labctl's, those that nobody needs any more included."""
    recipe = own_recipe()
    needed: dict[str, Wanted] = {}
    for target in stacks():
        try:
            _add(needed, Session(target, dry=True), recipe)
        except InvalidLab:
            continue  # `labctl list` says so
    return tuple(
        Stocked(image.reference, image.size, image.packages, _labs(image.reference, needed))
        for image in images.list_images(connect())
    )


def _labs(image: str, needed: Mapping[str, Wanted]) -> tuple[str, ...]:
    """The labs that run an image; they all stand on the base."""
    base = image == base_reference(own_recipe())
    users = needed.values() if base else [needed[image]] if image in needed else []
    return tuple(sorted({name.partition("/")[0] for user in users for name in user.machines}))
