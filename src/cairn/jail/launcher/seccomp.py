"""A filter of system calls, assembled as BPF: what a candidate has no business with is refused.

A deny-list: programs of any kind run. What is refused gives EPERM, which a program can catch;
`clone3` and `openat2`, whose flags a filter cannot read, say ENOSYS, so that libc falls back on
others.
"""

import struct

from calls import ARCHITECTURES, LOOKED_INTO, METADATA, OUTWARD, REFUSED
from kernel import UnavailableError

LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW, KILL_PROCESS, ERROR = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
NOTHING, EPERM, ENOSYS = 0, 1, 38
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
_WHOLE = 0xFFFF_FFFF
_TESTS = {"==": (EQUAL, False), "!=": (EQUAL, True), "&": (ANY_BIT, False)}

# Refused is a call of which the low half of an argument, under a mask, passes a test.
_EVERYWHERE = (
    ("clone", 0, _WHOLE, "&", 0x7E02_0000),  # new namespaces
    # Processes other than the caller, which is 0: limits, processors, priorities. The one that
    # watches a candidate may be of the same user.
    ("prlimit64", 0, _WHOLE, "!=", 0),
    ("sched_setaffinity", 0, _WHOLE, "!=", 0),
    ("sched_setscheduler", 0, _WHOLE, "!=", 0),
    ("sched_setparam", 0, _WHOLE, "!=", 0),
    ("sched_setattr", 0, _WHOLE, "!=", 0),
    ("setpriority", 1, _WHOLE, "!=", 0),
    ("setpriority", 0, _WHOLE, "==", 2),  # all of the caller's user
    ("ioprio_set", 1, _WHOLE, "!=", 0),
    ("ioprio_set", 0, _WHOLE, "==", 3),
    ("fcntl", 1, _WHOLE, "==", 1024),  # F_SETLEASE: others would have to wait for a file
    ("ioctl", 1, _WHOLE, "==", 0x5412),  # TIOCSTI and TIOCLINUX put words into a terminal's mouth
    ("ioctl", 1, _WHOLE, "==", 0x541C),
)
_SHARED = (
    # Only Unix pairs of streams (1) and sequences of packets (5). From a pair of datagrams, which
    # a raw one is too, something can be sent to any address.
    ("socketpair", 0, _WHOLE, "!=", 1),
    ("socketpair", 1, 0xB, "!=", 1),
    ("kill", 0, _WHOLE, "==", _WHOLE),
    # A signal to any process whenever a file of one's own is ready.
    ("fcntl", 1, _WHOLE, "==", 8),  # F_SETOWN
    ("fcntl", 1, _WHOLE, "==", 15),  # F_SETOWN_EX
    ("ioctl", 1, _WHOLE, "==", 0x8901),  # FIOSETOWN
    ("ioctl", 1, _WHOLE, "==", 0x8902),  # SIOCSPGRP
    # Flags of files, which are set by one that is open for reading: the kernel's, those of XFS,
    # and those of old.
    ("ioctl", 1, 0x4000_FF00, "==", 0x4000_6600),
    ("ioctl", 1, 0x4000_FF00, "==", 0x4000_5800),
    ("ioctl", 1, 0x4000_FF00, "==", 0x4000_7600),
    ("ioctl", 1, _WHOLE, "==", 0x800C_6613),  # FS_IOC_SET_ENCRYPTION_POLICY
    # Threads whose open files are their own: each would have to be looked at.
    ("clone", 0, 0x1_0400, "==", 0x1_0000),  # CLONE_THREAD without CLONE_FILES
    ("close_range", 2, _WHOLE, "&", 2),  # CLOSE_RANGE_UNSHARE
)
_CUTTING = (
    # O_TRUNC without the right to write, which asks Landlock for nothing before version 3.
    ("open", 1, 0o1003, "==", 0o1000),
    ("open", 1, 0o1003, "==", 0o1003),
    ("openat", 2, 0o1003, "==", 0o1000),
    ("openat", 2, 0o1003, "==", 0o1003),
)


def program(machine: str, *, alone: bool, truncate: bool) -> bytes:
    """The filter for a machine; UnavailableError for one whose calls are not in the table.

    `alone`: the candidate has a network, processes and files of its own. Otherwise it can make no
    socket but connected pairs that lead nowhere else, and changes of modes, owners and times of
    files are not carried out, though they seem to be: Landlock lets owners change them of any
    file, and to fail would break every copy of a file. `truncate`: files may be cut without being
    open for writing, which Landlock holds from its third version on.
    """
    column = column_of(machine)
    code = [
        step(LOAD, ARCHITECTURE),
        step(EQUAL, ARCHITECTURES[machine], 1, 0),
        step(RETURN, KILL_PROCESS),
        step(LOAD, NUMBER),
    ]
    if machine == "x86_64":  # x32 numbers the same calls anew
        code += [step(AT_LEAST, 0x4000_0000, 0, 1), step(RETURN, KILL_PROCESS)]
    answers = [(numbers, EPERM) for numbers in REFUSED.values()]
    answers.append((LOOKED_INTO["clone3"], ENOSYS))
    tests = _EVERYWHERE
    if not alone:
        answers += [(numbers, NOTHING) for numbers in METADATA.values()]
        answers += [(numbers, EPERM) for numbers in OUTWARD.values()]
        tests += _SHARED
    else:
        tests += (("socket", 0, _WHOLE, "!=", 1),)
    if not truncate:
        answers += [(LOOKED_INTO["truncate"], EPERM), (LOOKED_INTO["openat2"], ENOSYS)]
        tests += _CUTTING
    for numbers, error in answers:
        if numbers[column] is not None:
            code += refuse(numbers[column], error)
    for name, argument, mask, test, value in tests:
        number = (LOOKED_INTO.get(name) or OUTWARD[name])[column]
        if number is not None:
            code += refuse_when(number, argument, mask, test, value)
    code.append(step(RETURN, ALLOW))
    return b"".join(code)


def column_of(machine: str) -> int:
    """Where the numbers of a machine stand in the tables. Raises UnavailableError."""
    if machine not in ARCHITECTURES:
        raise UnavailableError(f"no seccomp filter is written for {machine}")
    return list(ARCHITECTURES).index(machine)


def step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """An instruction, and how many to leap over if its test succeeds or fails."""
    return struct.pack("=HBBI", code, yes, no, value)


def refuse(number: int, error: int = EPERM) -> list[bytes]:
    """Answer a call with an error. The number is loaded before and after."""
    return [step(EQUAL, number, 0, 1), step(RETURN, ERROR | error)]


def refuse_when(number: int, argument: int, mask: int, test: str, value: int) -> list[bytes]:
    """The same, when the low half of an argument passes a test."""
    looked = [step(LOAD, ARGUMENTS + 8 * argument)]
    if mask != _WHOLE:
        looked.append(step(AND, mask))
    kind, turned = _TESTS[test]
    leaps = (1, 0) if turned else (0, 1)
    looked += [step(kind, value, *leaps), step(RETURN, ERROR | EPERM), step(LOAD, NUMBER)]
    return [step(EQUAL, number, 0, len(looked)), *looked]
