"""What keeps machines apart, as far as the engine offers it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from labctl.engines import api
from labctl.model import Isolation
from labctl.render.compose import RUNTIMES


def offered(info: Mapping[str, object]) -> tuple[Isolation, ...]:
    """The isolations that an engine has, from what it says of itself (GET /info)."""
    runtimes = info.get("Runtimes")
    names = set(runtimes) if isinstance(runtimes, Mapping) else set()
    return tuple(name for name, runtime in RUNTIMES.items() if runtime in names)


def problems(wanted: Iterable[Isolation]) -> Iterable[str]:
    """Why machines cannot be kept apart as they should; the engine is asked if it matters."""
    special = sorted(set(wanted) - {"runc"})
    if not special:
        return
    has = offered(json.loads(api.call("GET", "/info")))
    for name in special:
        if name not in has:
            yield (
                f"the engine does not offer the isolation '{name}': it has no runtime "
                f"'{RUNTIMES[name]}', only {', '.join(has)}"
            )
