"""Disks: data volumes of bounded size, each a file system of its own.

The engine has no quota on most hosts. So a file as large as the disk (in a volume of the lab's
own) is a loop device, with a name in /dev by which a volume of the engine's finds it. Loop
devices are gone after a reboot: ``attach`` brings them back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from labctl.engines import api
from labctl.engines.helper import Helper, tools
from labctl.errors import LabctlError
from labctl.model import Volume
from labctl.render.compose import LABEL, device, project

_LOOPS = ("b 7:* rmw", "c 10:237 rmw")  # Linux' admin-guide/devices: loop, loop-control

# $1 image, $2 size in bytes, $3 the device's name
_ATTACH = """
image=$1 size=$2 name=$3
if ! [ -e "$image" ]; then
    truncate -s "$size" "$image.new"
    mkfs.ext4 -q -F -m 0 "$image.new"
    # an empty volume is filled from the machine's image: nothing may be in it
    debugfs -w -R 'rmdir lost+found' "$image.new" 2>/dev/null
    echo "$size" >"$image.size"
    mv "$image.new" "$image"
fi
before=$(cat "$image.size")
if [ "$before" -gt "$size" ]; then
    echo "a disk of $before bytes cannot shrink to $size" >&2
    exit 1
fi
loops() { losetup --noheadings --output NAME --associated "$image"; }
if [ "$before" -lt "$size" ]; then
    for loop in $(loops); do losetup --detach "$loop"; done
    if [ -n "$(loops)" ]; then
        echo "a disk that is in use cannot grow" >&2
        exit 1
    fi
    e2fsck -fp "$image" >/dev/null || [ $? -eq 1 ]
    truncate -s "$size" "$image"
    resize2fs "$image" >/dev/null
    echo "$size" >"$image.size"
fi
loop=$(loops | head -n 1)
[ -n "$loop" ] || loop=$(losetup --find --show "$image")
mkdir -p "${name%/*}"
ln -sfn "$loop" "$name"
"""
# $1 the devices' names up to the volume's, $2 a volume whose image goes too; a device in use
# goes when its file system is unmounted
_DETACH = """
for image in /disks/${2:-*}.img; do
    [ -e "$image" ] || continue
    for loop in $(losetup --noheadings --output NAME --associated "$image"); do
        losetup --detach "$loop"
    done
    volume=${image##*/}
    rm -f "$1${volume%.img}"
    [ -z "${2-}" ] || rm "$image" "$image.size"
done
rmdir "${1%/*}" 2>/dev/null || true # there may be other labs' disks, or none
"""


def _home(lab: str) -> str:
    """The engine's volume that holds the images of a lab's disks."""
    return f"{project(lab)}_disks"


def attach(lab: str, volumes: Iterable[Volume]) -> None:
    """Make what is missing below volumes of bounded size: image, file system, loop device.

    One that is too small grows, where nobody has it mounted. LabctlError where the host cannot.
    """
    bounded = [volume for volume in volumes if volume.size]
    if not bounded:
        return
    body = {"Name": _home(lab), "Labels": _labels(lab)}
    api.call("POST", "/volumes/create", body)
    try:
        for volume in bounded:
            name = device(lab, volume.name)
            _helper(lab).run(_ATTACH, f"/disks/{volume.name}.img", str(volume.size), name)
    except LabctlError as error:
        raise LabctlError(
            f"the engine's host cannot give a disk of its own size: {error.message}",
            "its kernel needs loop devices and ext4; or leave `disk` out of the lab file",
        ) from None


def detach(lab: str) -> None:
    """Give a lab's loop devices back, those that are mounted when they no longer are."""
    if exists(lab):
        _helper(lab).run(_DETACH, device(lab, ""))


def drop(lab: str, volumes: Iterable[str]) -> None:
    """Remove the disks of some volumes, by name, that nobody uses any more."""
    if exists(lab):
        for volume in volumes:
            _helper(lab).run(_DETACH, device(lab, ""), volume)


def exists(lab: str) -> bool:
    """Whether a lab has disks."""
    return _inspected(_home(lab)) is not None


def _helper(lab: str) -> Helper:
    return Helper(tools(), volumes=("/dev:/dev", f"{_home(lab)}:/disks"), devices=_LOOPS)


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
