"""The three platforms: bringing lab1 up on each, memory, the way through the gateway, compare."""

from __future__ import annotations

import json
from collections.abc import Iterable

from bench import generator
from bench.generator import Generator
from bench.measure import Row, Sample, at_least, at_most, interleaved, missing, ratio, timed
from bench.rows import footprint
from bench.rows.bringing import Bringing
from bench.workspace import BenchLab, Workspace

PLATFORMS = ("bare-metal", "vps", "on-premise")
MEMORY_BAR = 0.6
COMPARE_SECONDS = 240.0
MEMORY = "memory of lab1 on bare metal against vps, all containers but the client's (PSS)"


def rows(workspace: Workspace, rounds: int) -> Iterable[Row]:
    """All rows about platforms."""
    folder = workspace.lab1()
    labs = {
        platform: workspace.lab(f"bench-{platform}", folder, platform) for platform in PLATFORMS
    }
    for platform, lab in labs.items():
        yield bringing(platform, lab, max(rounds - 2, 1))
    yield memory(labs["bare-metal"], labs["vps"])
    yield gateway(labs["on-premise"], max(rounds - 2, 1))
    yield comparing(workspace)


def bringing(platform: str, lab: BenchLab, rounds: int) -> Row:
    """`labctl up` against Compose alone with the same stack, in turn."""
    both = Bringing(lab)
    ours, compose = interleaved(rounds, [both.labctl, both.compose])
    what = f"`up lab1 --on {platform}`, warm, against `docker compose up -d` and probes"
    note = f"{ours.text('s')} against {compose.text('s')}{both.late}"
    return at_most(what, ratio(ours, compose), 1.15, note=note)


def memory(bare: BenchLab, vps: BenchLab) -> Row:
    """One after the other, so that no pages are shared between the two."""
    try:
        taken = [_taken(lab) for lab in (bare, vps)]
    except PermissionError:
        return missing(MEMORY, f"≤ {MEMORY_BAR}", "reading other users' smaps_rollup needs root")
    shares = [sum(one.values()) / footprint.MB for one in taken]
    note = f"{shares[0]:.0f} MB against {shares[1]:.0f} MB, each after `labctl check`"
    return at_most(MEMORY, Sample((shares[0] / shares[1],)), MEMORY_BAR, note=note)


def _taken(lab: BenchLab) -> dict[str, int]:
    lab.up()
    lab.workspace.labctl("check", lab.name, check=False)
    found = footprint.shares(lab)
    found.pop("client")
    lab.down()
    return found


def gateway(lab: BenchLab, rounds: int) -> Row:
    """Requests that the front answers itself, from the Internet and from its own segment."""
    generator.build(lab.workspace)
    lab.up()
    host = f"www.{lab.domain}"  # by plain HTTP it is a redirect: little to do but packets
    gate, front = lab.address("gateway", "internet"), lab.address("front", "dmz")
    outside, beside = Generator(lab, {}), Generator(lab, {}, "dmz")
    through, direct = interleaved(
        rounds,
        [
            lambda: outside.requests(f"http://{gate}/", host),
            lambda: beside.requests(f"http://{front}/", host),
        ],
    )
    for one in (outside, beside):
        one.container.remove(force=True)
    lab.down()
    what = "small answers of the front through the gateway against the direct path"
    note = f"{through.text('requests/s', 0)} against {direct.text('requests/s', 0)}"
    return at_least(what, ratio(through, direct), 0.8, note=note)


def comparing(workspace: Workspace) -> Row:
    """`labctl compare lab1` on all three platforms, whole process."""
    told: list[str] = []
    seconds = timed(lambda: told.append(workspace.labctl("compare", "lab1", "--json")))
    found = json.loads(told[0])
    note = f"{len(found['rows'])} figures on {', '.join(p['name'] for p in found['platforms'])}"
    return at_most(
        "`compare lab1` on all three platforms", Sample((seconds,)), COMPARE_SECONDS, "s", note
    )
