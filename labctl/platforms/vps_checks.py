"""What a provider promises of every server, as checks: nobody listens in, limits are hard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labctl import kinds
from labctl.model import Check, Lab, Machine

SERVICE = "vps"
# Perl is on every machine, and its core needs no module for this. Of packet(7): family 17, raw.
_LOOK = r"""
sub first { for (@_) { open my $file, '<', $_ or next; return split ' ', <$file> } return '?' }
my $cgroup = '/sys/fs/cgroup';
print 'packets ', (socket(my $all, 17, 3, 0x0300) ? 'readable' : 'refused'), "\n";
print 'memory ', (first("$cgroup/memory.max", "$cgroup/memory/memory.limit_in_bytes"))[0], "\n";
print 'processes ', (first("$cgroup/pids.max", "$cgroup/pids/pids.max"))[0], "\n";
my @cpu = first("$cgroup/cpu.max");
@cpu = map { first("$cgroup/cpu/cpu.cfs_${_}_us") } 'quota', 'period' if @cpu < 2;
print 'processors ', (grep(/\D/, @cpu) ? "@cpu" : $cpu[0] / $cpu[1]), "\n";
my $disk = 0;
for (@ARGV) {
    open my $df, '-|', 'df', '--block-size=1', '--output=size', $_;
    my @lines = <$df>;
    $disk += $lines[-1];
}
print "disk $disk\n";
"""
# A process that takes more than its machine has. It bids the kernel to end none but itself.
_EAT = r"""
my $pid = fork // exit 1;
if (!$pid) {
    open my $score, '>', '/proc/self/oom_score_adj' or exit 1;
    print $score 1000 or exit 1;
    close $score or exit 1;
    open my $zeros, '<', '/dev/zero' or exit 1;
    my @held;
    for (0 .. $ARGV[0] / 2**22 + 8) { sysread $zeros, $held[$_], 2**22 or exit 1 }
    exit 2;
}
waitpid $pid, 0;
print 'memory ', ($? == 9 ? 'stopped' : $? == 2 << 8 ? 'allowed' : 'not tried'), "\n";
"""
_FORK = r"""
pipe my $until, my $end;
my $born = 0;
while ($born <= $ARGV[0]) {
    my $pid = fork // last;
    if (!$pid) { close $end; sysread $until, my $nothing, 1; exit }
    $born++;
}
close $end;
1 while wait != -1;
print 'processes ', ($born <= $ARGV[0] ? 'stopped' : 'allowed'), "\n";
"""


def checks(lab: Lab) -> Iterable[Check]:
    """The checks of a lab whose machines are a provider's servers."""
    servers = lab.machines.values()
    seen = {m.name: (m.name, "perl", "-e", _LOOK, *_disks(m)) for m in servers}
    small = min(servers, key=lambda m: m.limits.memory)
    quiet = _quiet(lab)
    yield _check(
        "no server can read its neighbours' traffic", "packets", seen,
        dict.fromkeys(seen, "refused"),
        "a machine with NET_RAW or NET_ADMIN hears what passes on its segment",
    )  # fmt: skip
    yield _check(
        "no server can use more memory than it has", "memory",
        {**seen, "beyond": (small.name, "perl", "-e", _EAT, str(small.limits.memory))},
        {m.name: str(m.limits.memory) for m in servers},
        "somebody has lifted a limit: `labctl vps list` shows what each server may use",
    )  # fmt: skip
    yield _check(
        "no server can run more processes than it may", "processes",
        {**seen, "beyond": (quiet.name, "perl", "-e", _FORK, str(quiet.limits.processes))},
        {m.name: str(m.limits.processes) for m in servers},
        "without this limit one program that forks without end stops the whole host",
    )  # fmt: skip
    yield _check(
        "no server can take more processors than it has", "processors", seen,
        {m.name: f"{m.limits.cpus:g}" for m in servers},
        "without a quota a busy server slows all its neighbours down",
    )  # fmt: skip
    if any(m.limits.disk for m in servers):
        yield _disk_check(servers, seen)


def _check(
    name: str,
    line: str,
    commands: Mapping[str, tuple[str, ...]],
    expect: Mapping[str, object],
    hint: str,
) -> Check:
    beyond = {"beyond": "stopped"} if "beyond" in commands else {}
    ask = {"line": line, "commands": commands}
    return Check(name, SERVICE, "commands", ask, {**expect, **beyond}, hint)


def _disk_check(servers: Iterable[Machine], seen: Mapping[str, tuple[str, ...]]) -> Check:
    bounded = {m.name: sum(volume.size for volume in m.volumes) for m in servers if _disks(m)}
    return _check(
        "no server can store more than its disk holds", "disk",
        {name: seen[name] for name in bounded},
        {name: {"most": size} for name, size in bounded.items()},
        "its data is not on a disk of its own: `labctl vps list` shows which has one",
    )  # fmt: skip


def _disks(machine: Machine) -> tuple[str, ...]:
    """Where a machine has disks of its own."""
    return tuple(volume.path for volume in machine.volumes if volume.size)


def _quiet(lab: Lab) -> Machine:
    """The machine where it disturbs least that for an instant no process can be started."""
    return min(lab.machines.values(), key=lambda m: (not kinds.visiting(m, lab), len(m.daemons)))
