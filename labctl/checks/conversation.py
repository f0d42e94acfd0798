"""A TCP connection or a UDP datagram in any protocol, from any machine.

It runs in Perl, of which every Debian machine has the basis: a server without clients can be
asked from, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labctl.checks.command import executed

_MARGIN = 1.0  # seconds to spare: that nobody answers has to be told within the time
_SCRIPT = r"""
use strict;
use Errno qw(ECONNREFUSED);
use IO::Select;
use IO::Socket::INET;

sub now { open my $file, '<', '/proc/uptime' or die; (split ' ', <$file>)[0] }

my ($protocol, $host, $port, $seconds, $reads) = @ARGV;
my $begin = now;
my $left  = sub { my $time = $begin + $seconds - now; $time > 0 ? $time : 0 };
my $reply = '';
sub told {
    my ($state) = @_;
    printf "%s %d\n%s", $state, (now() - $begin) * 1000, $reply;
    exit;
}
my $failed = sub {
    told($! == ECONNREFUSED ? 'refused' : "$!" =~ /timed/ ? 'late' : 'unreachable');
};
defined inet_aton($host) or told('unknown');
my $socket = IO::Socket::INET->new(
    PeerAddr => $host, PeerPort => $port, Proto => $protocol, Timeout => $seconds,
) or $failed->();
binmode STDIN;
my $length = <STDIN> + 0;
local $/;
my $work  = <STDIN> // '';
my $until = substr $work, 0, $length, '';
$SIG{PIPE} = 'IGNORE';
$SIG{ALRM} = sub { told('open') };
alarm $seconds + 1;
syswrite $socket, $work if length $work;
told('open') unless $reads;
my $select = IO::Select->new($socket);
while (length $reply < 65536) {
    $select->can_read($left->()) or told($protocol eq 'udp' ? 'late' : 'open');
    my $read = sysread $socket, $reply, 65536 - length $reply, length $reply;
    if (!defined $read) { length $reply or $protocol eq 'tcp' or $failed->(); last }
    last if !$read || $protocol eq 'udp' || ($until eq '' ? 1 : index($reply, $until) >= 0);
}
told('open');
"""
_STATES = {
    "open": "connected",
    "refused": "refused",
    "late": "timed out",
    "unreachable": "unreachable",
    "unknown": "unreachable",
}


def tcp(container: str, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Connect, send, and read on until a text has come, or whatever comes first."""
    until = question.get("until", "")
    reads = bool(until or question.get("read"))
    seen = _ask("tcp", container, question, seconds, reads)
    return seen if "error" in seen else {"connected": seen["state"] == "connected", **seen}


def udp(container: str, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Send a datagram and wait for one."""
    seen = _ask("udp", container, question, seconds, reads=True)
    if "error" in seen:
        return seen
    answered = seen["state"] == "connected"
    return {**seen, "answered": answered, "state": "answered" if answered else seen["state"]}


def _ask(
    protocol: str, container: str, question: Mapping[str, Any], seconds: float, reads: bool
) -> dict[str, Any]:
    ran = executed(container, words(protocol, question, seconds, reads), seconds, work(question))
    return {"error": ran} if isinstance(ran, str) else understood(ran.out)


def words(
    protocol: str, question: Mapping[str, Any], seconds: float, reads: bool
) -> tuple[str, ...]:
    """The command that asks a question."""
    wait = max(0.5, seconds - _MARGIN)
    where = (question["host"], str(question["port"]))
    return ("perl", "-e", _SCRIPT, protocol, *where, f"{wait:g}", str(int(reads)))


def work(question: Mapping[str, Any]) -> bytes:
    """What the command reads: no word of a command, which all on the machine could see."""
    until = question.get("until", "").encode()
    return b"%d\n%b%b" % (len(until), until, question.get("send", "").encode())


def understood(output: bytes) -> dict[str, Any]:
    """What is seen: ``state``, ``milliseconds`` and ``reply``, or an ``error``."""
    head, _, reply = output.partition(b"\n")
    state, _, time = head.decode(errors="replace").partition(" ")
    if state not in _STATES or not time.isdecimal() or len(time) > 9:
        said = output[:300].decode(errors="replace")
        return {"error": f"no connection was tried: {said or 'the machine says nothing'}"}
    text = reply.decode(errors="replace")
    return {"state": _STATES[state], "milliseconds": int(time), "reply": text}
