"""The filter of system calls, interpreted as the kernel does it, for both architectures.

Numbers here are written down anew, from the kernel's `unistd.h`, so that one that is wrong in the
table is found.
"""

import struct
import sys
from pathlib import Path

import pytest

from cairn import jail

sys.path.append(str(Path(jail.__file__).parent / "launcher"))
import kernel  # pyright: ignore[reportMissingImports]
import seccomp  # pyright: ignore[reportMissingImports]
import unwaited  # pyright: ignore[reportMissingImports]

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
TOLD, KILLED, ALLOWED = 0x7FC00000, 0x80000000, 0x7FFF0000
EPERM, ENOSYS, NOTHING = 0x50001, 0x50026, 0x50000
FAR = 0x1_0000_0000
"""An argument whose low half is 0."""


def answer(code, architecture, number, *arguments):
    """What a filter says to a call: the five kinds of instructions that it is made of."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("=iIQ6Q", number, architecture, 0, *padded)
    steps = list(struct.iter_unpack("=HBBI", code))
    place, held = 0, 0
    while True:
        kind, yes, no, value = steps[place]
        place += 1
        if kind == 0x20:
            (held,) = struct.unpack_from("=I", data, value)
        elif kind == 0x54:
            held &= value
        elif kind == 0x06:
            return value
        else:
            passed = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[kind]
            place += yes if passed else no


# Name, numbers by machine, arguments, answers: in tier 1, in tiers 2 and 3.
CALLS = [
    ("read", (0, 63), (), ALLOWED, ALLOWED),
    ("execve", (59, 221), (), ALLOWED, ALLOWED),
    ("ptrace", (101, 117), (), EPERM, EPERM),
    ("bpf", (321, 280), (), EPERM, EPERM),
    ("open_tree_attr", (467, 467), (), EPERM, EPERM),
    ("clone3", (435, 435), (), ENOSYS, ENOSYS),
    ("fork", (56, 220), (17,), ALLOWED, ALLOWED),
    ("a thread", (56, 220), (0x3D0F00,), ALLOWED, ALLOWED),
    ("a thread with files of its own", (56, 220), (0x3D0B00,), EPERM, ALLOWED),
    ("new users", (56, 220), (0x10000011,), EPERM, EPERM),
    ("close_range", (436, 436), (3, 9, 4), ALLOWED, ALLOWED),
    ("close_range apart", (436, 436), (3, 9, 6), EPERM, ALLOWED),
    ("own limits", (302, 261), (0, 7), ALLOWED, ALLOWED),
    ("own limits, the high half is cut off", (302, 261), (FAR, 7), ALLOWED, ALLOWED),
    ("another's limits", (302, 261), (77, 7), EPERM, EPERM),
    ("own processors", (203, 122), (0,), ALLOWED, ALLOWED),
    ("another's processors", (203, 122), (77,), EPERM, EPERM),
    ("another's class", (144, 119), (77,), EPERM, EPERM),
    ("another's parameters", (142, 118), (77,), EPERM, EPERM),
    ("another's attributes", (314, 274), (77,), EPERM, EPERM),
    ("own priority", (141, 140), (0, 0, 5), ALLOWED, ALLOWED),
    ("another's priority", (141, 140), (0, 77, 5), EPERM, EPERM),
    ("a user's priority", (141, 140), (2, 0, 5), EPERM, EPERM),
    ("own priority of input", (251, 30), (1, 0, 5), ALLOWED, ALLOWED),
    ("another's priority of input", (251, 30), (1, 77, 5), EPERM, EPERM),
    ("a user's priority of input", (251, 30), (3, 0, 5), EPERM, EPERM),
    ("a lease", (72, 25), (3, 1024, 1), EPERM, EPERM),
    ("a duplicate", (72, 25), (3, 1030, 1), ALLOWED, ALLOWED),
    ("an owner of signals", (72, 25), (3, 8, 77), EPERM, ALLOWED),
    ("an owner of signals, anew", (72, 25), (3, 15, 77), EPERM, ALLOWED),
    ("an owner of signals by ioctl", (16, 29), (3, 0x8901, 77), EPERM, ALLOWED),
    ("words in a terminal's mouth", (16, 29), (0, 0x5412), EPERM, EPERM),
    ("the size of a terminal", (16, 29), (0, 0x5413), ALLOWED, ALLOWED),
    ("flags of a file are read", (16, 29), (3, 0x80086601), ALLOWED, ALLOWED),
    ("flags of a file", (16, 29), (3, 0x40086602), EPERM, ALLOWED),
    ("flags of a file, 32 bits", (16, 29), (3, 0x40046602), EPERM, ALLOWED),
    ("flags of a file, XFS", (16, 29), (3, 0x401C5820), EPERM, ALLOWED),
    ("version of a file", (16, 29), (3, 0x40087602), EPERM, ALLOWED),
    ("encryption of a folder", (16, 29), (3, 0x800C6613), EPERM, ALLOWED),
    ("a clone of a file", (16, 29), (3, 0x40049409), ALLOWED, ALLOWED),
    ("a Unix socket", (41, 198), (1, 1), EPERM, ALLOWED),
    ("a socket of the network", (41, 198), (2, 1), EPERM, EPERM),
    ("a pair of streams", (53, 199), (1, 0x80001), ALLOWED, ALLOWED),
    ("a pair of sequences", (53, 199), (1, 5), ALLOWED, ALLOWED),
    ("a pair of datagrams", (53, 199), (1, 2), EPERM, ALLOWED),
    ("a raw pair", (53, 199), (1, 0x80803), EPERM, ALLOWED),
    ("a pair of TIPC", (53, 199), (30, 5), EPERM, ALLOWED),
    ("bind", (49, 200), (3,), EPERM, ALLOWED),
    ("connect", (42, 203), (3,), EPERM, ALLOWED),
    ("sendmsg", (46, 211), (3,), EPERM, ALLOWED),
    ("sendmmsg", (307, 269), (3,), EPERM, ALLOWED),
    ("sendto", (44, 206), (3,), ALLOWED, ALLOWED),
    ("inotify_add_watch", (254, 27), (3,), EPERM, ALLOWED),
    ("shmat", (30, 196), (0,), EPERM, EPERM),
    ("msgctl", (71, 187), (0,), EPERM, EPERM),
    ("semop", (65, 193), (0,), EPERM, EPERM),
    ("mq_unlink", (241, 181), (0,), EPERM, EPERM),
    ("kill", (62, 129), (77, 9), ALLOWED, ALLOWED),
    ("kill all", (62, 129), (0xFFFFFFFF, 9), EPERM, ALLOWED),
    ("chmod", (90, None), (), NOTHING, ALLOWED),
    ("fchmod", (91, 52), (), NOTHING, ALLOWED),
    ("fchmodat", (268, 53), (), NOTHING, ALLOWED),
    ("fchmodat2", (452, 452), (), NOTHING, ALLOWED),
    ("fchown", (93, 55), (), NOTHING, ALLOWED),
    ("fchownat", (260, 54), (), NOTHING, ALLOWED),
    ("fsetxattr", (190, 7), (), NOTHING, ALLOWED),
    ("fremovexattr", (199, 16), (), NOTHING, ALLOWED),
    ("setxattrat", (463, 463), (), NOTHING, ALLOWED),
    ("removexattrat", (466, 466), (), NOTHING, ALLOWED),
    ("file_setattr", (469, 469), (), NOTHING, ALLOWED),
    ("utimensat", (280, 88), (), NOTHING, ALLOWED),
]


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_answers_as_it_should(machine):
    column = list(MACHINES).index(machine)
    for alone in (False, True):
        code = seccomp.program(machine, alone=alone, truncate=True)
        assert len(code) // 8 < 4096  # more the kernel does not take
        for name, numbers, arguments, *expected in CALLS:
            if numbers[column] is not None:
                got = answer(code, MACHINES[machine], numbers[column], *arguments)
                assert got == expected[alone], (name, alone)
        others = [other for other in (*MACHINES.values(), 0x40000003) if other != MACHINES[machine]]
        assert {answer(code, other, 0) for other in others} == {KILLED}
    x32 = answer(code, MACHINES[machine], 0x40000000)
    assert x32 == (KILLED if machine == "x86_64" else ALLOWED)


@pytest.mark.parametrize("machine", MACHINES)
def test_before_landlock_holds_it_no_file_is_cut_that_is_not_open_for_writing(machine):
    column = list(MACHINES).index(machine)
    opening = ((2, None), 1), ((257, 56), 2)
    for truncate in (False, True):
        code = seccomp.program(machine, alone=False, truncate=truncate)
        refused = ALLOWED if truncate else EPERM
        for numbers, argument in opening:
            if numbers[column] is None:
                continue
            for flags, said in (
                (0o1000, refused), (0o1003, refused), (0o101000, refused),
                (0o1001, ALLOWED), (0o1102, ALLOWED), (0, ALLOWED),
            ):  # fmt: skip
                words = [0] * argument + [flags]
                assert answer(code, MACHINES[machine], numbers[column], *words) == said
        assert answer(code, MACHINES[machine], (76, 45)[column]) == refused
        assert answer(code, MACHINES[machine], 437) == (ALLOWED if truncate else ENOSYS)


@pytest.mark.parametrize("machine", MACHINES)
def test_what_sets_something_for_the_end_of_children_is_told(machine):
    code = unwaited.program(machine)
    number = {"x86_64": 13, "aarch64": 134}[machine]
    for arguments, said in (
        ((17, 0x7FFF0000), TOLD), ((17, FAR), TOLD), ((17 + FAR, 1), TOLD), ((17, 0, 99), ALLOWED),
        ((15, 0x7FFF0000), ALLOWED),
    ):  # fmt: skip
        assert answer(code, MACHINES[machine], number, *arguments) == said
    assert answer(code, MACHINES[machine], number + 1, 17, 99) == ALLOWED
    assert answer(code, 0x40000003, 174, 17, 99) == TOLD  # a call of 32 bits
    assert answer(code, MACHINES[machine], 0x40000000 + 512, 17, 99) == TOLD  # one of x32


def test_a_machine_without_a_table_has_no_filter():
    with pytest.raises(kernel.UnavailableError, match="for riscv64"):
        seccomp.program("riscv64", alone=True, truncate=True)
