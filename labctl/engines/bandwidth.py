"""The bandwidth of a machine, bounded from outside of it.

A helper in the machine's network namespace, with NET_ADMIN, which the machine itself does not
have: it cannot undo this. Packets that leave pass a token bucket (tc-tbf(8)); those that arrive
are sent through an intermediate device with another one. A kernel without these has nftables
drop what is too much, which is less exact.
"""

from __future__ import annotations

from labctl.engines.helper import Helper, tools
from labctl.errors import LabctlError

_CAPABILITIES = ("NET_ADMIN",)
_BURST = 64 * 1024  # bytes: one packet of the size that network cards and bridges hand on
# what nftables lets through on a bridge, measured, is a quarter more than it was told
_POLICED = 0.8

# $1 bits per second, $2 bytes of burst, $3 kbytes (1024) per second for nftables, $4 interfaces
_SET = """
rate=${1}bit burst=$2 kbytes=$3 interfaces=$4
shaped() {
    tc qdisc replace dev "$1" root tbf rate "$rate" burst "$burst" latency 100ms || return
    [ -e "/sys/class/net/in-$1" ] || ip link add "in-$1" type ifb || return
    ip link set "in-$1" up || return
    tc qdisc replace dev "in-$1" root tbf rate "$rate" burst "$burst" latency 100ms || return
    tc qdisc add dev "$1" handle ffff: ingress 2>/dev/null || true
    tc filter replace dev "$1" parent ffff: protocol all prio 1 handle 800::1 u32 \\
        match u32 0 0 action mirred egress redirect dev "in-$1" || return
}
policed() {
    nft -f - <<END
table netdev labctl-$1 {
    chain in {
        type filter hook ingress device "$1" priority 0
        limit rate over $kbytes kbytes/second burst $(($kbytes / 10 + 64)) kbytes drop
    }
    chain out {
        type filter hook egress device "$1" priority 0
        limit rate over $kbytes kbytes/second burst $(($kbytes / 10 + 64)) kbytes drop
    }
}
END
}
cleared() {
    tc qdisc del dev "$1" root 2>/dev/null || true
    tc qdisc del dev "$1" handle ffff: ingress 2>/dev/null || true
    ip link del "in-$1" 2>/dev/null || true
    nft delete table netdev "labctl-$1" 2>/dev/null || true
}
cd /sys/class/net
for one in $interfaces; do
    if [ "$rate" = 0bit ]; then
        cleared "$one"
    elif ! why=$(shaped "$one" 2>&1); then
        cleared "$one"
        policed "$one" || { echo "$why" >&2; exit 1; }
    fi
done
"""


def bound(container: str, bits: int) -> None:
    """Hold a running container to so many bits per second in each direction; 0 lifts it.

    LabctlError with the kernel's words where that cannot be had.
    """
    _run(f"container:{container}", bits, "eth*")


def probe() -> None:
    """LabctlError with the kernel's words where no bandwidth can be bounded on this host."""
    _run("none", 10**6, "lo")


def _run(network: str, bits: int, interfaces: str) -> None:
    burst = max(_BURST, bits // 8 // 100)
    kbytes = max(1, int(bits / 8 / 1024 * _POLICED))
    try:
        helper = Helper(tools(), _CAPABILITIES, network)
        helper.run(_SET, str(bits), str(burst), str(kbytes), interfaces)
    except LabctlError as error:
        raise LabctlError(
            f"the engine's host cannot bound a machine's bandwidth: {error.message}",
            "its kernel needs sch_tbf, ifb and act_mirred, or nftables; or leave `bandwidth` out",
        ) from None
