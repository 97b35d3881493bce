"""Whether the sum of processor time is whole.

A child's time is added to its parent's when that waits for it. It is in no sum if the parent
ignores the end of its children (SIG_IGN or SA_NOCLDWAIT for SIGCHLD): wait(2), getrusage(2). Both
take `rt_sigaction`, whose structure a filter cannot read, and another thread can change it after
anybody else has read it. So the kernel tells the warden of every call that sets anything for
SIGCHLD (seccomp_unotify(2)), and the call goes on: shells do it too.
"""

import ctypes
import struct

import kernel
import seccomp
from calls import ARCHITECTURES, LOOKED_INTO
from seccomp import ARCHITECTURE, ARGUMENTS, AT_LEAST, EQUAL, LOAD, NUMBER, RETURN, step

_TELL = 0x7FC0_0000
_SIGCHLD = 17
_RECEIVE, _SEND, _CONTINUE = 0xC050_2100, 0xC018_2101, 1


def program(machine: str) -> bytes:
    """The filter: what sets something for SIGCHLD, and calls of other architectures, are told."""
    number = LOOKED_INTO["rt_sigaction"][seccomp.column_of(machine)]
    tell, allow = step(RETURN, _TELL), step(RETURN, seccomp.ALLOW)
    code = [
        step(LOAD, ARCHITECTURE),
        step(EQUAL, ARCHITECTURES[machine], 1, 0),
        tell,
        step(LOAD, NUMBER),
        step(AT_LEAST, 0x4000_0000, 0, 1),  # x32
        tell,
        step(EQUAL, number, 1, 0),
        allow,
        step(LOAD, ARGUMENTS),
        step(EQUAL, _SIGCHLD, 1, 0),
        allow,
    ]
    for half in (ARGUMENTS + 8, ARGUMENTS + 12):  # NULL asks, and sets nothing
        code += [step(LOAD, half), step(EQUAL, 0, 1, 0), tell]
    return b"".join([*code, allow])


def listen(machine: str) -> int:
    """Hold this process and all that it starts to the filter; -1 where the kernel does not tell."""
    try:
        return kernel.listen(program(machine), machine)
    except kernel.UnavailableError:  # before Linux 5.5, another architecture, or there is one
        return -1


def answer(listener: int) -> None:
    """Let a call go on that was told."""
    told = ctypes.create_string_buffer(80)
    if kernel.LIBC.ioctl(listener, ctypes.c_ulong(_RECEIVE), told) == 0:
        (number,) = struct.unpack_from("=Q", told)
        said = struct.pack("=QqiI", number, 0, 0, _CONTINUE)
        kernel.LIBC.ioctl(listener, ctypes.c_ulong(_SEND), said)  # or it has gone meanwhile
