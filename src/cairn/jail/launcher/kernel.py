"""The kernel's calls that Python has no function for, by ctypes."""

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)

NEW_MOUNTS, NEW_IPC, NEW_NAMES = 0x0002_0000, 0x0800_0000, 0x0400_0000
NEW_USERS, NEW_PIDS, NEW_NET = 0x1000_0000, 0x2000_0000, 0x4000_0000

READ_ONLY, NO_SUID, NO_DEV, NO_EXEC = 1, 2, 4, 8
REMOUNT, BIND, RECURSIVE, PRIVATE = 32, 4096, 16384, 1 << 18
DETACH = 2

_DUMPABLE, _DEATH_SIGNAL, _SECCOMP, _BOUNDING_DROP = 4, 1, 22, 24
_SUBREAPER, _NO_NEW_PRIVILEGES, _AMBIENT = 36, 38, 47
_SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR = 442
_AT_RECURSIVE, _HERE = 0x8000, -100


class UnavailableError(Exception):
    """Something that the asked tier needs is not to be had on this machine."""


def call(result: int, what: str) -> int:
    """The result, or UnavailableError with the kernel's reason."""
    if result < 0:
        raise UnavailableError(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def control(option: int, *values: int) -> int:
    """prctl with unused arguments 0."""
    padded = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return LIBC.prctl(option, *padded)


def hide() -> None:
    """No process of the same user may look into this one, its memory or its open files."""
    control(_DUMPABLE, 0)


def die_with_parent(number: int) -> None:
    """Be sent signal `number` when the thread that forked this process ends."""
    control(_DEATH_SIGNAL, number)


def adopt() -> None:
    """Orphans among the descendants become this process's children."""
    call(control(_SUBREAPER, 1), "prctl(PR_SET_CHILD_SUBREAPER)")


def no_new_privileges() -> None:
    """No program that is executed from now on gains rights."""
    call(control(_NO_NEW_PRIVILEGES, 1), "prctl(PR_SET_NO_NEW_PRIVS)")


def forget_bounding_set() -> None:
    """No capability can be gained by executing a program, even by a user 0."""
    for capability in range(64):
        if control(_BOUNDING_DROP, capability) < 0:
            break  # beyond the last, or nothing that we may drop
    control(_AMBIENT, 4)  # clear all


def drop_capabilities() -> None:
    """Give up every capability."""
    header = (ctypes.c_uint32 * 2)(0x2008_0522, 0)  # version 3, this thread
    call(LIBC.capset(header, (ctypes.c_uint32 * 6)()), "capset")


def install(filter_program: bytes) -> None:
    """Hold this process and all that it starts to a seccomp filter."""
    result = LIBC.prctl(_SECCOMP, ctypes.c_ulong(2), ctypes.byref(_program(filter_program)), 0, 0)
    call(result, "prctl(PR_SET_SECCOMP)")


def listen(filter_program: bytes, machine: str) -> int:
    """The same; an open file by which this process is told of calls, and answers them."""
    number, new_listener = _SECCOMP_CALL[machine], ctypes.c_ulong(8)
    program = ctypes.byref(_program(filter_program))
    return call(LIBC.syscall(number, ctypes.c_ulong(1), new_listener, program), "seccomp")


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def _program(code: bytes) -> _Program:
    return _Program(len(code) // 8, code)


def signals(*numbers: int) -> int:
    """An open file from which blocked signals are read, 128 bytes each; the number comes first."""
    wanted = sum(1 << number - 1 for number in numbers).to_bytes(128, "little")
    return call(LIBC.signalfd(-1, wanted, 0o2000000), "signalfd")  # SFD_CLOEXEC


def unshare(flags: int, what: str) -> None:
    """Leave the namespaces of the parent."""
    call(LIBC.unshare(flags), f"unshare({what})")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """mount(2)."""
    texts = [text.encode() for text in (source, target, kind)]
    result = LIBC.mount(*texts, ctypes.c_ulong(flags), options.encode() or None)
    call(result, f"mount {kind or source} on {target}")


def make_read_only(target: str, flags: int = 0) -> None:
    """Remount what was bound at `target`, and all below it, for reading."""
    attributes = (ctypes.c_uint64 * 4)(1 | 2 | 4, 0, 0, 0)  # RDONLY, NOSUID, NODEV
    result = LIBC.syscall(_MOUNT_SETATTR, _HERE, target.encode(), _AT_RECURSIVE, attributes, 32)
    if result < 0:  # before Linux 5.12: this mount alone; Landlock and file modes hold the others
        mount("none", target, "", REMOUNT | BIND | READ_ONLY | NO_SUID | NO_DEV | flags)


def pivot(root: str, machine: str) -> None:
    """Make `root` the root of this mount namespace, and let go of the one before."""
    os.chdir(root)
    number = _PIVOT_ROOT.get(machine)
    if number is None:
        raise UnavailableError(f"pivot_root is not known for {machine}")
    call(LIBC.syscall(number, b".", b"."), "pivot_root")
    call(LIBC.umount2(b".", DETACH), "umount of the old root")
    os.chdir("/")
