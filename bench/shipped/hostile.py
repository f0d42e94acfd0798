"""A student who does harm on their own machine, for some seconds: one kind of it an argument.

Arguments: kind, seconds. Standard library only. It prints ``full`` once it has what it can get,
and takes back what it can before it ends.
"""

import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import time

WRITABLE = ("/etc", "/var", "/var/tmp", "/root", "/srv", "/home", "/opt", "/usr/local", "/tmp",
            "/run", "/dev/shm", "/dev", "/usr", "/labctl", "/mnt")  # fmt: skip
DOOR = "/run/door"
MIB = 2**20


def full():
    print("full", flush=True)


def hold(end):
    """Keep what was taken until the time is over."""
    time.sleep(max(0, end - time.monotonic()))  # that it is kept is the harm


def disk(end):
    """Allocate, write and make files wherever that is possible, as much as there is room for."""
    made = []
    for place in WRITABLE:
        home = os.path.join(place, "hostile")
        with contextlib.suppress(OSError):
            os.mkdir(home)
            made.append(home)
            fill(home, end)
    full()
    hold(end)
    for home in made:
        shutil.rmtree(home, ignore_errors=True)


def fill(home, end):
    with open(f"{home}/big", "wb") as file:
        for size in (100 * 2**30, 2**30, 64 * MIB):
            with contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, size)
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                file.write(b"x" * MIB)
                file.flush()
    for number in range(1_000_000):
        if time.monotonic() > end:
            return
        os.close(os.open(f"{home}/{number}", os.O_CREAT | os.O_WRONLY))


def log(end):
    """Write into the machine's log without a pause."""
    full()
    with open("/proc/1/fd/1", "wb", buffering=0) as out:
        while time.monotonic() < end:
            out.write(b"noise\n" * 10_000)


def packets(end):
    """Send packets to everybody on the machine's network."""
    address = socket.gethostbyname(socket.gethostname())
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    full()
    several(lambda: one.sendto(b"x" * 1400, ("255.255.255.255", 9)), end, address)


def requests(end):
    """Ask the machine's own site without a pause, by its network and by its door."""

    def ask():
        with socket.create_connection(("127.0.0.1", 80), 5) as tcp:
            tcp.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            tcp.recv(4096)
        with socket.socket(socket.AF_UNIX) as unix:
            unix.connect(f"{DOOR}/http.sock")
            unix.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            unix.recv(4096)

    full()
    several(ask, end)


def several(work, end, *_):
    def run():
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                work()

    for _ in range(3):
        if os.fork() == 0:
            run()
            os._exit(0)
    run()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


def connections(end):
    """Open connections to the machine's own site and keep them."""
    held = []
    for number in range(10_000):
        one = socket.socket(socket.AF_UNIX if number % 2 else socket.AF_INET)
        one.settimeout(0.2)
        try:
            one.connect(f"{DOOR}/http.sock" if number % 2 else ("127.0.0.1", 80))
            held.append(one)
        except OSError:
            if time.monotonic() > end:
                break
    full()
    hold(end)


def door(end):
    """Replace the door's sockets by links to those of others, and make it long."""
    names = [name for name in os.listdir(DOOR) if name.endswith(".sock")]
    for name in names:
        os.rename(f"{DOOR}/{name}", f"{DOOR}/{name}.old")
        os.symlink(f"../{sys.argv[3]}/{name}", f"{DOOR}/{name}")
    full()
    hold(end)
    for name in names:
        os.replace(f"{DOOR}/{name}.old", f"{DOOR}/{name}")


def memory(end):
    """Take memory until none is left, again and again."""
    again(end, lambda: [bytearray(os.urandom(1) * MIB) for _ in range(1_000_000)])


def forks(end):
    """Fork without end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    full()
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            os.fork()
    os._exit(0)


def processors(end):
    """Count on more processors than there are."""
    full()
    several(lambda: sum(range(10_000)), end)


def again(end, work):
    said = False
    while time.monotonic() < end:
        child = os.fork()
        if child == 0:
            signal.alarm(max(1, int(end - time.monotonic())))
            work()
        os.wait()
        if not said:
            full()
            said = True


KINDS = {one.__name__: one for one in
         (processors, memory, forks, disk, log, packets, requests, connections, door)}  # fmt: skip


def main():
    resources = threading.Timer(float(sys.argv[2]) + 60, os._exit, [1])
    resources.daemon = True
    resources.start()
    import resource

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    KINDS[sys.argv[1]](time.monotonic() + float(sys.argv[2]))


main()
