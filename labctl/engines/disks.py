"""Disks: data volumes of bounded size, each a file system of its own.

The engine has no quota on most hosts. So a file as large as the disk (in a volume of the lab's
own) is a loop device, with a name in /dev by which a volume of the engine's finds it. Loop
devices are gone after a reboot: ``attach`` brings them back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from labctl.engines import api, seeds
from labctl.engines.helper import Helper, tools
from labctl.engines.seeds import Seed
from labctl.errors import LabctlError
from labctl.model import Volume
from labctl.render.compose import LABEL, device, project

_DEVICES = str(Path(device("", "")).parent)
_SECTOR = 512  # bytes: Linux' block devices are counted in these

# arguments by fours: image, size in bytes, the device's name, the name of a seed or nothing. Says
# which seeds there are not; their disks have then not been made.
_ATTACH = f"""
{seeds.MAKE}
loops() {{ losetup --noheadings --output NAME --associated "$image"; }}
begin() {{
    if [ "$seed" ]; then
        cp --sparse=always "/seeds/$seed.img" "$image.new"
    else
        make "$image.new" "$size"
    fi
    echo "$size" >"$image.size"
    mv "$image.new" "$image"
}}
grow() {{
    for loop in $(loops); do losetup --detach "$loop"; done
    if [ -n "$(loops)" ]; then
        echo "a disk that is in use cannot grow" >&2
        exit 1
    fi
    e2fsck -fp "$image" >/dev/null || [ $? -eq 1 ]
    truncate -s "$size" "$image"
    resize2fs "$image" >/dev/null
    echo "$size" >"$image.size"
}}
attach() {{
    loop=
    if [ -e "$old" ]; then # images' names did not say whose they are
        mv "$old.size" "$image.size"
        mv "$old" "$image"
    fi
    if [ -e "$image" ]; then
        read -r before <"$image.size"
        if [ "$before" -gt "$size" ]; then
            echo "a disk of $before bytes cannot shrink to $size" >&2
            exit 1
        fi
        if [ "$before" -lt "$size" ]; then grow; fi
        loop=$(loops | head -n 1)
    else
        begin
    fi
    [ -n "$loop" ] || loop=$(losetup --find --show "$image")
    name "$loop" "$name"
}}
while [ $# -gt 0 ]; do
    image=$1 size=$2 name=$3 seed=$4
    old=${{image%/*}}/${{image##*_}}
    shift 4
    if [ "$seed" ] && ! [ -e "$image" ] && ! [ -e "/seeds/$seed.img" ]; then
        echo "$seed"
    else
        attach
    fi
done
"""
# $1 where the devices' names are, $2 a disk whose image goes too; a device in use goes when its
# file system is unmounted
_DETACH = """
for image in /disks/*/${2:-*}.img; do
    [ -e "$image" ] || continue
    for loop in $(losetup --noheadings --output NAME --associated "$image"); do
        losetup --detach "$loop"
    done
    name=${image##*/}
    rm -f "$1/${name%.img}"
    [ -z "${2-}" ] || rm "$image" "$image.size"
done
rmdir "$1" 2>/dev/null || true # there may be other labs' disks, or none
"""
# $1 the devices' names up to the volume's; a name may be older than what is at its device now
_RELEASE = """
for name in "$1"*; do
    [ -L "$name" ] || continue
    case $(losetup --noheadings --output BACK-FILE "$name" 2>/dev/null) in
    */"${name##*/}.img"*) losetup --detach "$name" ;;
    esac
    rm -f "$name"
done
"""


def home(lab: str) -> str:
    """The engine's volume that holds the images of a lab's disks."""
    return f"{project(lab)}_disks"


@dataclass(frozen=True, slots=True)
class Disk:
    """What is below a volume of a lab: a file system of the volume's size, a copy of its seed."""

    lab: str
    volume: Volume
    seed: Seed | None = None

    @property
    def device(self) -> str:
        """Its device's name."""
        return device(self.lab, self.volume.name)

    @property
    def words(self) -> tuple[str, ...]:
        """What the helper is told."""
        # the kernel tells of a device only this name: it says whose the disk is
        image = f"/disks/{self.lab}/{Path(self.device).name}.img"
        return image, str(self.volume.size), self.device, self.seed.name if self.seed else ""


def attach(disks: Iterable[Disk]) -> None:
    """Make what is missing below volumes of bounded size: image, file system, loop device.

    Of any number of labs, by one helper. One that is too small grows, where nobody has it
    mounted. LabctlError where the host cannot.
    """
    wanted = [disk for disk in disks if disk.volume.size and not _attached(disk)]
    if not wanted:
        return
    labs = sorted({disk.lab for disk in wanted})
    for lab in labs:
        api.call("POST", "/volumes/create", {"Name": home(lab), "Labels": _labels(lab)})
    homes = [f"{home(lab)}:/disks/{lab}" for lab in labs]
    places = ("/dev:/dev", f"{seeds.HOME}:/seeds", *homes)
    helper = Helper(tools(), volumes=places, devices=seeds.LOOPS)
    words = [word for disk in wanted for word in disk.words]
    try:
        if missing := set(helper.run(_ATTACH, *words).split()):
            seeds.make(disk.seed for disk in wanted if disk.seed and disk.seed.name in missing)
            helper.run(_ATTACH, *words)
    except LabctlError as error:
        raise LabctlError(
            f"the engine's host cannot give a disk of its own size: {error.message}",
            "its kernel needs loop devices and ext4; or leave `disk` out of the lab file",
        ) from None


def _attached(disk: Disk) -> bool:
    """Whether a disk can be seen to be there as it should be, from this host."""
    try:
        loop = Path(disk.device).resolve(strict=True).name
        file = Path(f"/sys/block/{loop}/loop/backing_file").read_text().strip()
        sectors = int(Path(f"/sys/block/{loop}/size").read_text())
    except (OSError, ValueError):
        return False
    ours = file.endswith(f"/{Path(disk.device).name}.img")
    return ours and sectors * _SECTOR == disk.volume.size


def detach(lab: str) -> None:
    """Give a lab's loop devices back, those that are mounted when they no longer are."""
    detach_all([lab])


def detach_all(labs: Iterable[str]) -> None:
    """The same for many labs, by one helper."""
    if found := [lab for lab in labs if exists(lab)]:
        _helper(*found).run(_DETACH, _DEVICES)


def names(lab: str) -> list[str]:
    """The names in /dev of a lab's devices, on this host."""
    whole = Path(device(lab, ""))
    return sorted(path.name for path in whole.parent.glob(f"{whole.name}*"))


def release(lab: str) -> None:
    """Give loop devices back whose images are gone: what `detach` no longer finds."""
    if names(lab):
        helper = Helper(tools(), volumes=("/dev:/dev",), devices=seeds.LOOPS)
        helper.run(_RELEASE, device(lab, ""))


def drop(lab: str, volumes: Iterable[str]) -> None:
    """Remove the disks of some volumes, by name, that nobody uses any more."""
    if exists(lab):
        for volume in volumes:
            _helper(lab).run(_DETACH, _DEVICES, Path(device(lab, volume)).name)


def exists(lab: str) -> bool:
    """Whether a lab has disks."""
    return _inspected(home(lab)) is not None


def _helper(*labs: str) -> Helper:
    homes = (f"{home(lab)}:/disks/{lab}" for lab in labs)
    return Helper(tools(), volumes=("/dev:/dev", *homes), devices=seeds.LOOPS)


def check(lab: str, volumes: Iterable[Volume]) -> None:
    """LabctlError where a volume is there already that was made of the other sort."""
    for volume in volumes:
        found = _inspected(f"{project(lab)}_{volume.name}")
        if found is None:
            continue
        has = "device" in (found.get("Options") or {})
        if has != bool(volume.size):
            sorts = ("with a disk of its own", "without a limit")
            was, wanted = sorts if has else reversed(sorts)
            raise LabctlError(
                f"the data in {volume.path} is on a volume {was}: it cannot become one {wanted}",
                f"`labctl down {lab}` drops the data, `labctl up {lab}` then makes the other sort",
            )


def _inspected(volume: str) -> dict[str, Any] | None:
    """What the engine says of a volume (Engine API: GET /volumes), or None."""
    query = urlencode({"filters": json.dumps({"name": [f"^{volume}$"]})})
    found = json.loads(api.call("GET", f"/volumes?{query}"))
    return next((one for one in found["Volumes"] or () if one["Name"] == volume), None)


def _labels(lab: str) -> dict[str, str]:
    return {f"{LABEL}.lab": lab, "com.docker.compose.project": project(lab)}
