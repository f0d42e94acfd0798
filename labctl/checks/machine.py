"""What is on a machine: a file, processes, the log of its daemons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labctl.checks import bounded
from labctl.checks.command import executed

# Perl is on every machine. Each part of an answer is a line; of a file the content follows.
FILE = (
    "perl",
    "-e",
    r"""
use Fcntl ':mode';
my ($path) = @ARGV;
my @found = lstat $path or do { print "absent\n"; exit };
my $mode = $found[2];
my $type = S_ISLNK($mode) ? 'link' : S_ISREG($mode) ? 'file' : 'other';
$type = 'directory' if S_ISDIR($mode);
my $owner = getpwuid $found[4];
my $group = getgrgid $found[5];
my $target = S_ISLNK($mode) ? readlink $path : '';
$target =~ s/\n/?/g;
print join("\n", $type, sprintf('%04o', S_IMODE($mode)), $owner // $found[4],
    $group // $found[5], $found[7], $target), "\n";
if (-f $path and open my $file, '<', $path) {
    sysread $file, my $content, 60000;
    print $content;
}
""",
)
PROCESSES = (
    "perl",
    "-e",
    r"""
for my $folder (glob '/proc/[0-9]*') {
    my $pid = substr $folder, 6;
    next if $pid == $$ || $pid == getppid;
    open my $file, '<', "$folder/comm" or next;
    my $name = <$file> // next;
    chomp $name;
    open $file, '<', "$folder/cmdline" or next;
    local $/;
    my $words = <$file> // '';
    $words =~ s/\0+\z//;
    $words =~ s/[\0\n]/ /g;
    open my $status, '<', "$folder/status" or next;
    next if (my $all = <$status>) =~ /^State:\s*Z/m;
    my ($uid) = $all =~ /^Uid:\s*([0-9]+)/m;
    print join("\t", $name, getpwuid($uid) // $uid, $words), "\n";
}
""",
)


def file(container: str, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """A file: what it is, whose it is and what is in it."""
    ran = executed(container, [*FILE, question["path"]], seconds)
    return {"error": ran} if isinstance(ran, str) else file_seen(ran.out)


def file_seen(output: bytes) -> dict[str, Any]:
    """What FILE's output says."""
    lines = output.split(b"\n", 6)
    if lines[0] == b"absent":
        return {"exists": False}
    if len(lines) < 7 or not lines[4].isdigit() or len(lines[4]) > 18:
        return {"error": f"it cannot be looked at: {output[:300].decode(errors='replace')}"}
    type_, mode, owner, group, size, target, content = (
        line.decode(errors="replace") for line in lines
    )
    seen = {"exists": True, "type": type_, "mode": mode, "owner": owner, "group": group}
    seen |= {"size": int(size), "content": content}
    return {**seen, "target": target} if type_ == "link" else seen


def process(container: str, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The processes of a program: how many, whose, and with which words they were started."""
    ran = executed(container, PROCESSES, seconds)
    if isinstance(ran, str):
        return {"error": ran}
    if ran.status != 0:
        words = ran.out[:300].decode(errors="replace")
        return {"error": f"the processes cannot be looked at: {words}"}
    return processes_seen(ran.out, question)


def processes_seen(output: bytes, question: Mapping[str, Any]) -> dict[str, Any]:
    """What PROCESSES' output says of a program."""
    rows = [line.split("\t", 2) for line in output.decode(errors="replace").splitlines()]
    name, holding = question["name"], question.get("holding", "")
    # the kernel keeps 15 characters of a name (proc(5), /proc/pid/comm)
    found = [r for r in rows if len(r) == 3 and r[0] == name[:15] and holding in r[2]]
    return {
        "running": bool(found),
        "count": len(found),
        "users": sorted({row[1] for row in found}),
        "commands": [row[2] for row in found],
    }


def log(container: str, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The latest lines that a machine's daemons have said, as the engine keeps them."""
    number = question.get("lines", 200)
    command = ["docker", "logs", "--tail", str(number), container]
    ran = bounded.run(command, seconds, limit=4 * 2**20, together=True)
    if ran.status != 0:
        return {"error": ran.ended or ran.out[:300].decode(errors="replace")}
    holding = question.get("holding", "")
    lines = ran.out.decode(errors="replace").splitlines()
    found = [line for line in lines if holding in line]
    return {"lines": _latest(found), "count": len(found)}


def _latest(lines: Sequence[str]) -> list[str]:
    """The last ones, so many as are looked at."""
    room, kept = bounded.KEPT // 2, list[str]()
    for line in reversed(lines):
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept[::-1]
