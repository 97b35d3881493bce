"""Landlock: this process and all it starts reach only the files that a rule names.

Access rights by version of the interface: 1 files, 2 renaming across folders, 3 truncating,
4 TCP, 5 devices' ioctl, 6 signals and abstract sockets of processes outside.
"""

import ctypes
import os
import struct

from kernel import LIBC, UnavailableError, call

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL = 1 << 14, 1 << 15
_ALL_BITS = (13, 13, 14, 15, 15)  # bits of version 1, 1, 2, 3, 4; from 5 on 16
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL
_TCP, _SCOPES = 0b11, 0b11
_PATH_BENEATH = 1


def version() -> int:
    """Of the kernel's interface; 0 without one."""
    return max(0, LIBC.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def restrict(read: list[str], write: list[str]) -> None:
    """Read and execute what lies below `read`, do anything below `write`, and nothing else.

    Paths that do not exist are left out. Needs no_new_privileges first.
    """
    have = version()
    if not have:
        raise UnavailableError("Landlock is not in this kernel, or switched off (Linux >= 5.13)")
    every = (1 << (_ALL_BITS[have] if have < len(_ALL_BITS) else 16)) - 1
    rules = struct.pack("=QQQ", every, _TCP if have >= 4 else 0, _SCOPES if have >= 6 else 0)[
        : 24 if have >= 6 else 16 if have >= 4 else 8
    ]
    made = LIBC.syscall(_CREATE, rules, ctypes.c_size_t(len(rules)), ctypes.c_uint32(0))
    ruleset = call(made, "landlock_create_ruleset")
    for paths, access in ((read, _EXECUTE | _READ | _LIST), (write, every)):
        for path in paths:
            _allow(ruleset, path, access & every)
    call(LIBC.syscall(_RESTRICT, ruleset, ctypes.c_uint32(0)), "landlock_restrict_self")
    os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            access &= _OF_FILES
        rule = struct.pack("=Qi", access, place)
        added = LIBC.syscall(_ADD, ruleset, _PATH_BENEATH, rule, ctypes.c_uint32(0))
        call(added, f"landlock_add_rule {path}")
    finally:
        os.close(place)
