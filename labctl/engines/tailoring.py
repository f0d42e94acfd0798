"""What an image has otherwise than Debian's packages would have it: files left out, files first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Trim:
    """Files of a package that a lab does without, unless one of ``unless`` is there too."""

    package: str
    unless: frozenset[str]
    excluded: tuple[str, ...]


# A C++ compiler has 145 MB that compiling a program does not touch: the C compiler proper,
# link-time optimisation, the sanitizers, the profiler.
TRIMS = (
    Trim(
        "g++",
        frozenset({"gcc", "build-essential", "cpp"}),
        (
            "/usr/bin/*lto-dump*",
            "/usr/libexec/gcc/*/cc1",
            "/usr/libexec/gcc/*/lto1",
            *(f"/usr/lib/*/lib{n}.*" for n in ("asan", "hwasan", "lsan", "tsan", "ubsan")),
            *(f"/usr/lib/gcc/*/lib{n}*" for n in ("asan", "hwasan", "lsan", "tsan", "ubsan")),
            "/usr/bin/gp-*",
            "/usr/bin/*-linux-gnu-gp-*",
            "/usr/bin/*gprofng*",
            "/usr/lib/*/gprofng/*",
            "/usr/lib/*/libgprofng*",
        ),
    ),
    # A database compiles its queries to machine code with these 180 MB, if they are long enough.
    Trim(
        "postgresql-17",
        frozenset({"clang", "llvm"}),
        (
            "/usr/lib/*/libLLVM*",
            "/usr/lib/*/libz3.so*",
            "/usr/lib/postgresql/*/lib/bitcode/*",
            "/usr/lib/postgresql/*/lib/llvmjit*",
            "/usr/share/i18n/*",  # of which locales are made; a lab's databases have C.UTF-8
        ),
    ),
    # Express brings 27 MB with it that no program runs.
    Trim(
        "nodejs",
        frozenset({"node-typescript", "node-typescript-types"}),
        ("/usr/share/nodejs/@types/*", "/usr/share/nodejs/*/logos/*"),
    ),
)

# What must be there before a package is installed: sshd's makes keys for the host, which all
# machines of an image would share, unless it is told that they are elsewhere.
BEFORE: Mapping[str, Mapping[str, bytes]] = {
    "openssh-server": {
        "etc/ssh/sshd_config.d/labctl.conf": b"# a machine brings its own key\nHostKey none\n"
    },
    # a database server of a lab has its data where it outlives the machine, not in its image
    "postgresql-17": {
        "etc/postgresql-common/createcluster.d/labctl.conf": b"create_main_cluster = false\n"
    },
    # users from a directory that a machine is given, for one whose /etc is read-only
    "libnss-extrausers": {
        "etc/nsswitch.conf": (
            b"passwd: files extrausers\ngroup: files extrausers\nshadow: files\n"
            b"hosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n"
        )
    },
}
