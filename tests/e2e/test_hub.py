"""What a class shares: mail between students through the class's own server, and its limits."""

from __future__ import annotations

import re
import secrets
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.support.classroom import Classroom
from tests.e2e.support.home import Home, Ran, run
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

LAB = """\
lab: course
services:
  www: {kind: static, content: www}
  mail: {kind: mail, users: [teacher], shared: true}
sites: {www: www}
"""
STUDENTS = ("ada", "bo", "cy")
HELD = 4  # connections of one student to one port
# Four processes connect to the class's sockets as often as they can until they are told to stop,
# and keep all that they are given. Each says in the end how many connections it had.
FLOOD = r"""
use IO::Socket::UNIX;
$| = 1;
my ($end, $count, @held) = (time + 120, 0);
print "begun\n";
fork; fork;
while (!-e '/run/stop' && time < $end) {
    for my $port (25, 465, 587, 993) {
        my $one = IO::Socket::UNIX->new("/run/hub/mail-$port.sock") or next;
        $count++;
        push @held, $one;
        shift @held if @held > 400;
    }
}
print "$count\n";
1 while wait != -1;
"""
# How many of so many connections to a port are greeted and stay open.
GREETED = r"""
use IO::Socket::INET;
my ($port, $count, @held) = @ARGV;
for (1 .. $count) {
    my $one = IO::Socket::INET->new("127.0.0.1:$port") or next;
    my $line = <$one> // "";
    push @held, $one if $line =~ /^220 /;
}
print scalar @held;
"""
# Begins so many messages, sends none; how many of them would not be taken now.
MANY = r"""
use IO::Socket::INET;
my ($count, $later) = (shift, 0);
my $one = IO::Socket::INET->new("127.0.0.1:25") or die;
sub say_it { print $one "$_[0]\r\n"; my $line; do { $line = <$one> } while $line =~ /^...-/; $line }
<$one>;
say_it("EHLO x.example");
for (1 .. $count) {
    $later++ if say_it("MAIL FROM:<y\@outside.example>") =~ /^450 .*too much mail/;
    say_it("RSET");
}
print $later;
"""
# Whether a connection to an address and port is opened within seconds.
DIAL = r"""
use IO::Socket::INET;
exit !IO::Socket::INET->new(PeerAddr => shift, Timeout => 3);
"""


@pytest.fixture(scope="module")
def room(home: Home) -> Iterator[Classroom]:
    """A class with its own lab and three sandboxes, up."""
    room = Classroom(home, {"lab.yml": LAB, "www/index.html": "<!doctype html>"}, STUDENTS)
    try:
        for student in ("", *STUDENTS):
            room.must("up", student)
        yield room
    finally:
        room.remove()


def password(room: Classroom, student: str) -> str:
    """A student's password, as their machine says it."""
    note = room.exec(student, "cat", "/root/class.txt").out
    found = re.search(r"password: (\S+)", note)
    assert found, note
    return found[1]


def swaks(room: Classroom, student: str, to: str, *words: str) -> Ran:
    """What a student sends to another's address with the class's server."""
    server = f"mail.{room.domain}"
    return room.exec(
        student, "swaks", "--to", f"{to}@{room.domain}", "--server", server,
        "--tls", "--tls-verify", "--tls-verify-target", server, "--timeout", "20", *words,
    )  # fmt: skip


def submit(room: Classroom, student: str, to: str, subject: str = "", *words: str) -> Ran:
    """The same by the port for users, with the student's own login."""
    login = ("--auth-user", student, "--auth-password", password(room, student))
    sender = ("--port", "587", "--from", f"{student}@{room.domain}")
    return swaks(room, student, to, *sender, *login, "--header", f"Subject: {subject}", *words)


def find(room: Classroom, student: str, subject: str) -> str:
    """A message of a student by its subject; "" as long as it is not there."""
    key = f"{student}:{password(room, student)}"
    base = f"imaps://mail.{room.domain}/INBOX"
    found = room.exec(student, "curl", "-sS", "--user", key, f"{base}?SUBJECT%20{subject}").out
    numbers = re.findall(r"\d+", found)
    if not numbers:
        return ""
    url = f"{base};MAILINDEX={numbers[0]}"
    return room.exec(student, "curl", "-sS", "--user", key, url).out


def test_a_student_writes_to_another(room: Classroom) -> None:
    subject = secrets.token_hex(8)
    sent = submit(room, "ada", "bo", subject)
    assert sent.status == 0, sent.said
    assert "passed CA verification, passed host verification" in sent.out
    message = eventually(lambda: find(room, "bo", subject))
    assert f"From: ada@{room.domain}" in message
    assert f"d={room.domain}" in message  # its DKIM signature
    assert find(room, "cy", subject) == ""


def test_the_server_knows_who_comes(room: Classroom) -> None:
    subject = secrets.token_hex(8)
    submit(room, "cy", "bo", subject, "--helo", "i-am-ada.example")
    message = eventually(lambda: find(room, "bo", subject))
    addresses = dict(re.findall(r'"\\\\(\w+)" (127\.\S+);', config(room)))
    assert len(set(addresses.values())) == len(STUDENTS)
    assert f"[{addresses['cy']}]" in message
    assert f"[{addresses['ada']}]" not in message


def config(room: Classroom) -> str:
    """The doorkeeper's configuration."""
    return room.exec("", "cat", "/etc/doorkeeper/nginx.conf").out


def test_without_login_nobody_speaks_for_a_student(room: Classroom) -> None:
    sent = swaks(room, "ada", "bo", "--from", f"ada@{room.domain}")
    assert "554" in sent.out
    assert "comes by submission only" in sent.out
    assert submit(room, "ada", "bo").status == 0  # the control: with it


def test_without_login_nothing_is_relayed(room: Classroom) -> None:
    words = ("--to", "x@elsewhere.example", "--from", "y@outside.example")
    server = ("--server", f"mail.{room.domain}")
    for port in ("25", "587"):
        sent = room.exec("ada", "swaks", *words, *server, "--port", port, "--tls")
        assert sent.status != 0
        assert re.search(r"<~\* (554|530) ", sent.out), sent.out


def test_a_login_speaks_for_its_own_student_only(room: Classroom) -> None:
    as_bo = submit(room, "ada", "cy", "", "--from", f"bo@{room.domain}")
    assert "553" in as_bo.out
    own = password(room, "ada")
    login = ("--auth-user", "bo", "--auth-password", own)
    assert "535" in submit(room, "ada", "cy", "", *login).out


def test_passwords_are_each_students_own_and_the_teacher_knows_them(room: Classroom) -> None:
    theirs = {student: password(room, student) for student in STUDENTS}
    assert len(set(theirs.values())) == len(STUDENTS)
    told = room.must("up").out
    for student, secret in theirs.items():
        assert re.search(rf"{student}@{room.domain} +{secret} ", told)
    mode = room.exec("ada", "stat", "-c", "%a", "/root/class.txt").out
    assert mode.strip() == "600"


def test_a_student_cannot_change_the_sockets(room: Classroom) -> None:
    here = "/run/hub"
    for words in (
        ("rm", "-f", f"{here}/mail-25.sock"),
        ("mv", f"{here}/mail-25.sock", f"{here}/x"),
        ("ln", "-sf", "/run/x", f"{here}/mail-25.sock"),
        ("touch", f"{here}/x"),
        ("chmod", "0", f"{here}/mail-25.sock"),
        ("mount", "-o", "remount,rw", here),
    ):
        assert room.exec("ada", *words).status != 0, words
    listed = room.exec("ada", "ls", here).out.split()
    assert len(listed) == 7
    assert all(name.startswith("mail-") for name in listed)
    assert submit(room, "ada", "bo").status == 0


def test_nothing_but_the_sockets_leads_to_the_class(room: Classroom) -> None:
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    address = run(["docker", "inspect", "-f", form, room.container()]).out.strip()
    words = ("perl", "-e", DIAL, f"{address}:25")
    assert room.exec("ada", *words).status != 0
    assert room.exec("", *words).status == 0  # the control: from the server itself


def test_one_student_has_few_connections_at_a_time(room: Classroom) -> None:
    held = room.exec("ada", "perl", "-e", GREETED, "25", "12").out
    assert int(held) == HELD
    assert int(room.exec("", "perl", "-e", GREETED, "25", "12").out) == 12  # the control: no door


def test_a_flood_does_not_stop_anothers_mail(room: Classroom) -> None:
    words = room.words("ada", "perl", "-e", FLOOD)
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as flood:
        assert flood.stdout
        assert flood.stdout.readline() == "begun\n"
        during = [submit(room, "bo", "cy") for _ in range(6)]
        going_on = flood.poll() is None
        room.exec("ada", "touch", "/run/stop")
        assert sum(map(int, flood.stdout.read().split())) > 1000
    assert going_on
    assert all(sent.status == 0 for sent in during), during[-1].said


def test_the_classs_own_checks_hold(room: Classroom) -> None:
    checked = room.must("check")
    assert "checks hold" in checked.out


def test_a_student_who_comes_later_is_let_in_while_all_goes_on(room: Classroom) -> None:
    identity = ("docker", "inspect", "-f", "{{.Id}}", room.container())
    before = run([*identity]).out
    roster = room.roster((*STUDENTS, "di"))
    changed = room.home.labctl("class", "roster", room.name, roster, "--yes")
    assert changed.status == 0, changed.said
    room.must("up", "di")
    assert submit(room, "di", "bo").status != 0  # the control: the class does not know them yet
    room.must("up")
    assert run([*identity]).out == before
    assert submit(room, "di", "bo").status == 0
    assert submit(room, "ada", "di").status == 0


def test_mail_outlives_the_server_and_is_reached_by_who_was_there(room: Classroom) -> None:
    subject = secrets.token_hex(8)
    assert submit(room, "bo", "ada", subject).status == 0
    eventually(lambda: find(room, "ada", subject))
    room.must("down", "", "--keep-data")
    assert submit(room, "bo", "ada").status != 0
    room.must("up")
    assert find(room, "ada", subject)
    assert submit(room, "bo", "ada").status == 0


def test_the_class_is_not_forgotten_by_mistake(room: Classroom) -> None:
    refused = room.home.labctl("down", room.name, "--purge")
    assert refused.status == 2
    assert "labctl class destroy" in refused.said


def test_a_full_mailbox_is_its_owners_alone(room: Classroom) -> None:
    body = ("--body", "@/run/large")
    room.exec("cy", "sh", "-c", "head -c 6000000 /dev/urandom | base64 >/run/large")
    for _ in range(4):  # 8 MB each, into 20 MB, of which the last may stand out
        assert submit(room, "cy", "teacher", "", *body).status == 0
    returned = eventually(lambda: find(room, "cy", "Undelivered"))
    assert "Quota exceeded" in returned
    assert submit(room, "ada", "bo").status == 0


def test_who_sends_too_fast_waits_and_nobody_else(room: Classroom) -> None:
    assert int(room.exec("cy", "perl", "-e", MANY, "75").out) >= 10  # of 60 a minute
    assert room.exec("ada", "perl", "-e", MANY, "1").out == "0"
