"""Tries TCP connections: which of some addresses and ports can be reached from a machine.

It runs in Perl, of which every Debian machine has the basis: also a server without clients can
be asked, and needs no program more for it than an intruder would find there.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from labctl.checks import bounded

SECONDS = 3
_OUTPUT = 2**20
STATES = ("connected", "refused", "unreachable", "timed out")

_SCRIPT = r"""
use strict;
use Errno qw(EINPROGRESS ECONNREFUSED);
use Fcntl qw(F_SETFL O_NONBLOCK);
use Socket;

my ($deadline, %open) = (time + shift);
sub told {
    my ($number, $error) = @_;
    my $state = !$error ? 'connected' : $error == ECONNREFUSED ? 'refused' : 'unreachable';
    print "$number\t$state\n";
}
while (<STDIN>) {
    my ($number, $host, $port) = split ' ';
    socket my $socket, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
    fcntl $socket, F_SETFL, O_NONBLOCK;
    my $connected = connect $socket, pack_sockaddr_in($port, inet_aton($host));
    if (!$connected && $! == EINPROGRESS) { $open{fileno $socket} = [ $number, $socket ] }
    else                                  { told($number, $connected ? 0 : $! + 0) }
}
while (%open && time < $deadline) {
    my $bits = '';
    vec($bits, $_, 1) = 1 for keys %open;
    next unless select(undef, $bits, undef, 0.2) > 0;
    for my $descriptor (grep { vec $bits, $_, 1 } keys %open) {
        my ($number, $socket) = @{ delete $open{$descriptor} };
        told($number, unpack 'i', getsockopt $socket, SOL_SOCKET, SO_ERROR);
    }
}
print "$_->[0]\ttimed out\n" for values %open;
"""
COMMAND = ("perl", "-e", _SCRIPT, f"{SECONDS}")


def ask(asks: Sequence[Mapping[str, Any]], container: str) -> list[dict[str, Any]]:
    """Questions to a machine; its answers, or why there are none."""
    ran = bounded.run(
        ["docker", "exec", "-i", container, *COMMAND], 10 * SECONDS, written(asks), limit=_OUTPUT
    )
    try:
        return understood(asks, ran.out)
    except (KeyError, ValueError):
        words = ran.ended or ran.last_words[:300] or "the machine does not say which it reaches"
        return [{"error": f"no answer: {words}"} for _ in asks]


def written(asks: Sequence[Mapping[str, Any]]) -> bytes:
    """What the command reads: all targets of all questions, numbered.

    A question has ``targets``: a name for people → [IPv4 address, port].
    """
    targets = [target for ask in asks for target in ask["targets"].values()]
    lines = [f"{number} {host} {port}\n" for number, (host, port) in enumerate(targets)]
    return "".join(lines).encode()


def understood(asks: Sequence[Mapping[str, Any]], output: bytes) -> list[dict[str, Any]]:
    """The answers: the names of each question's targets by state, in the order of the question.

    ``connected``; ``refused`` by the server itself; ``unreachable``: a router has refused, or
    found nobody; ``timed out``: no answer at all within SECONDS. KeyError or ValueError where
    one is missing.
    """
    pairs = (line.split("\t", 1) for line in output.decode(errors="replace").splitlines())
    states = {int(number): state for number, state in pairs}
    numbers = itertools.count()
    return [_sorted({name: states[next(numbers)] for name in ask["targets"]}) for ask in asks]


def _sorted(states: Mapping[str, str]) -> dict[str, Any]:
    return {one: [name for name, state in states.items() if state == one] for one in STATES}
