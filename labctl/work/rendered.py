"""What executing needs of whatever is rendered: a lab by its file, or the edge of the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from labctl.engines.state import State
from labctl.model import Kept, Lab, Machine

if TYPE_CHECKING:
    from labctl.render.compose import Images
    from labctl.render.tree import Tree
    from labctl.work.session import Settings


class Rendered:
    """A placed lab with its state directory, what it keeps, and the files that come of it.

    ``dry`` writes nothing.
    """

    name: str
    dry: bool
    state: State
    settings: Settings

    @cached_property
    def lab(self) -> Lab:
        """The lab, placed."""
        raise NotImplementedError

    @cached_property
    def kept(self) -> Kept:
        """What it keeps; made now where it is missing."""
        raise NotImplementedError

    @cached_property
    def tree(self) -> Tree:
        """The lab's files."""
        from labctl.render import render

        return render(self.lab, self.kept, _images(), str(self.state.directory))

    @cached_property
    def definitions(self) -> Mapping[str, str]:
        """Compose's hash of each machine's definition."""
        from labctl.engines import compose

        known = self.state.read_definitions(self.tree.compose)
        if known is None:
            known = compose.definitions(self.tree.compose)
            if not self.dry and self.state.directory.is_dir():
                self.state.write_definitions(self.tree.compose, known)
        return known

    def definitions_of(self, machines: Mapping[str, Machine]) -> Mapping[str, str]:
        """Compose's hashes of the definitions that the lab's machines would have as these."""
        from labctl.engines import compose
        from labctl.render.compose import render

        lab = replace(self.lab, machines={**self.lab.machines, **machines})
        return compose.definitions(render(lab, _images(), str(self.state.directory)))


def _images() -> Images:
    """The image of each machine."""
    from labctl.engines import dockerfile

    recipe = dockerfile.own_recipe()
    return lambda machine: dockerfile.reference(machine.packages, recipe, machine.extra)
