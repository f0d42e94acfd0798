"""Run a program that hears nothing of network interfaces: ``python deaf.py PROGRAM ARGUMENT …``.

Chromium drops all that it is doing whenever a container anywhere on the host comes or goes
(net::ERR_NETWORK_CHANGED), and no option says otherwise. It hears of that by a netlink socket
(rtnetlink(7)); where it gets none it takes the network for one that stays. So the kernel refuses
sockets of that family to this process and those that it starts (seccomp(2)).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

_SOCKET = {"x86_64": 41, "aarch64": 198}  # the number of socket(2)
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ, BPF_RET
_NUMBER, _FIRST_ARGUMENT = 0, 16  # in struct seccomp_data
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EAFNOSUPPORT
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2  # prctl(2)


def _program() -> bytes:
    steps = (
        (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 3, _SOCKET[platform.machine()]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, socket.AF_NETLINK),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


class _Filter(ctypes.Structure):
    """struct sock_fprog: how many steps, and where they are."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def refuse_netlink() -> None:
    """From now on, for this process and all that it starts. OSError where the kernel cannot."""
    library, program = ctypes.CDLL(None, use_errno=True), _program()
    given = _Filter(len(program) // 8, program)
    for words in (
        (_NO_NEW_PRIVILEGES, 1, 0, 0, 0),
        (_SECCOMP, _FILTER, ctypes.byref(given), 0, 0),
    ):
        if library.prctl(*words):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    if platform.machine() in _SOCKET:
        refuse_netlink()
    os.execvp(sys.argv[1], sys.argv[1:])
