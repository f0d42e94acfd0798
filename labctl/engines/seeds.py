"""Seeds: file systems that are made once, with what an image has at a path, and then copied.

The engine fills an empty volume from the machine's image, file by file: 0.2 s of a processor for
a system's /etc and /var. A copy of a file system that was filled so takes a tenth of that, and
the engine leaves a volume alone that has something in it. Seeds lie in one volume of the engine's,
like its images they are nobody's in particular; those older than a month go.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labctl.engines import api
from labctl.engines.dockerfile import PREFIX
from labctl.engines.helper import Helper, tools

HOME = f"{PREFIX}_seeds"  # the volume that holds them
LOOPS = ("b 7:* rmw", "c 10:237 rmw")  # Linux' admin-guide/devices: loop, loop-control
# What makes the file system of a disk, and names its device: sourced by whoever makes one. An empty
# volume is filled from the machine's image: nothing may be in it. Whoever takes the last name away
# takes the folder too, also of one who has just made it.
MAKE = """
make() { # make IMAGE SIZE
    truncate -s "$2" "$1"
    mkfs.ext4 -q -F -m 0 "$1"
    debugfs -w -R 'rmdir lost+found' "$1" 2>/dev/null
}
name() { # name DEVICE NAME
    for _ in 1 2 3 4 5; do
        mkdir -p "${2%/*}"
        ln -sfn "$1" "$2" 2>/dev/null && return
    done
    ln -sfn "$1" "$2"
}
"""
# $1 a token, then sizes: makes new file systems, with devices that the engine can mount
_BLANK = f"""
{MAKE}
find /seeds -name '*.img' -mtime +30 -delete
token=$1
shift
number=0
for size in "$@"; do
    make "/seeds/$token-$number.new" "$size"
    loop=$(losetup --find --show "/seeds/$token-$number.new")
    name "$loop" "/dev/{PREFIX}/seed-$token-$number"
    number=$((number + 1))
done
"""
# $1 a token, then names: gives the devices back; a file system without a name is dropped
_NAME = f"""
token=$1
shift
number=0
for name in "$@"; do
    new=/seeds/$token-$number.new
    for loop in $(losetup --noheadings --output NAME --associated "$new"); do
        losetup --detach "$loop"
    done
    rm -f "/dev/{PREFIX}/seed-$token-$number"
    if [ "$name" ]; then
        fallocate --dig-holes "$new"
        mv "$new" "/seeds/$name.img"
    else
        rm -f "$new"
    fi
    number=$((number + 1))
done
rmdir /dev/{PREFIX} 2>/dev/null || true
"""


@dataclass(frozen=True, slots=True)
class Seed:
    """A file system of ``size`` bytes with what an image (its identity) has at ``path``."""

    image: str
    path: str
    size: int

    @property
    def name(self) -> str:
        """What its file is called."""
        digest = self.image.rpartition(":")[2][:16]
        return f"{digest}{self.path.replace('/', '-')}-{self.size}"


def identity(image: str) -> str:
    """What the engine knows an image by: another one for each build of it."""
    return str(json.loads(api.call("GET", f"/images/{image}/json"))["Id"])


def make(seeds: Iterable[Seed]) -> None:
    """Make seeds. LabctlError where the host or the engine cannot."""
    by_image: dict[str, list[Seed]] = {}
    for seed in dict.fromkeys(seeds):
        by_image.setdefault(seed.image, []).append(seed)
    for image, wanted in by_image.items():
        _make(image, wanted)


def _make(image: str, seeds: list[Seed]) -> None:
    token = secrets.token_hex(4)
    helper = Helper(tools(), volumes=("/dev:/dev", f"{HOME}:/seeds"), devices=LOOPS)
    names = [""] * len(seeds)
    try:
        helper.run(_BLANK, token, *(str(seed.size) for seed in seeds))
        volumes = {f"{PREFIX}_seed-{token}-{n}": seed.path for n, seed in enumerate(seeds)}
        try:
            _fill(image, volumes, token)
        finally:
            for volume in volumes:
                api.call("DELETE", f"/volumes/{volume}?force=1")
        names = [seed.name for seed in seeds]
    finally:
        helper.run(_NAME, token, *names)


def _fill(image: str, volumes: Mapping[str, str], token: str) -> None:
    """Have the engine fill volumes, as it does when a container of the image is made."""
    labels = {f"{PREFIX}.helper": "yes"}
    for number, volume in enumerate(volumes):
        options = {"type": "ext4", "device": f"/dev/{PREFIX}/seed-{token}-{number}"}
        body = {"Name": volume, "Driver": "local", "DriverOpts": options, "Labels": labels}
        api.call("POST", "/volumes/create", body)
    binds = [f"{volume}:{path}" for volume, path in volumes.items()]
    host = {"Binds": binds, "NetworkMode": "none"}
    body = {"Image": image, "HostConfig": host, "Labels": labels}
    made = json.loads(api.call("POST", "/containers/create", body))
    api.call("DELETE", f"/containers/{made['Id']}?force=1")
