"""A filter of system calls, assembled as BPF: what a candidate has no business with is refused.

A deny-list: programs of any kind run. What is refused gives EPERM, which a program can catch;
`clone3`, whose flags a filter cannot read, says ENOSYS, so that libc falls back on `clone`.
"""

import struct

from kernel import UnavailableError

_ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_CALLS = {
    # looking into or steering other processes
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    # mounts and namespaces
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    # the kernel itself, its keys, its clock
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "fanotify_init": (300, 262),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
    # memory that no limit sees
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}
_METADATA = {
    # Landlock lets owners change these of any file. To fail would break every copy of a file.
    "chmod": (90, None),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
_CLONE, _CLONE3, _SOCKET = (56, 220), (435, 435), (41, 198)
_TRUNCATE, _SOCKETPAIR, _KILL, _IOCTL = (76, 45), (53, 199), (62, 129), (16, 29)
_NEW_NAMESPACES = 0x7E02_0000
_UNIX, _DATAGRAM = 1, 2
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI and TIOCLINUX put words into a terminal's mouth

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL_PROCESS, _ERROR = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_NOTHING, _EPERM, _ENOSYS = 0, 1, 38
_NUMBER, _ARCHITECTURE = 0, 4


def program(machine: str, *, alone: bool, truncate: bool) -> bytes:
    """The filter for a machine; UnavailableError for one whose calls are not in the table.

    `alone`: the candidate has a network, processes and files of its own. Otherwise it can make no
    socket but connected pairs that lead nowhere else, and changes of modes, owners and times of
    files are not carried out, though they seem to be. `truncate`: files may be cut by their path,
    which Landlock holds from its third version on.
    """
    if machine not in _ARCHITECTURES:
        raise UnavailableError(f"no seccomp filter is written for {machine}")
    column = list(_ARCHITECTURES).index(machine)
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, _ARCHITECTURES[machine], 1, 0),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":  # x32 numbers the same calls anew
        code += [_step(_AT_LEAST, 0x4000_0000, 0, 1), _step(_RETURN, _KILL_PROCESS)]
    for numbers in _CALLS.values():
        if numbers[column] is not None:
            code += _refuse_all(numbers[column])
    if not truncate:
        code += _refuse_all(_TRUNCATE[column])
    code += _refuse_all(_CLONE3[column], _ENOSYS)
    code += _refuse(_CLONE[column], 0, (_ANY_BIT, _NEW_NAMESPACES))
    if alone:
        code += _refuse(_SOCKET[column], 0, (_EQUAL, _UNIX), unless=True)
    else:
        for numbers in _METADATA.values():
            if numbers[column] is not None:
                code += _refuse_all(numbers[column], _NOTHING)
        code += _refuse_all(_SOCKET[column])
        # A datagram can be sent from a connected pair to any address.
        code += _refuse(_SOCKETPAIR[column], 1, (_EQUAL, _DATAGRAM), mask=0xF)
        code += _refuse(_KILL[column], 0, (_EQUAL, 0xFFFF_FFFF))
    for request in _TERMINAL_INPUT:
        code += _refuse(_IOCTL[column], 1, (_EQUAL, request))
    code.append(_step(_RETURN, _ALLOW))
    return b"".join(code)


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _refuse_all(number: int, error: int = _EPERM) -> list[bytes]:
    return [_step(_EQUAL, number, 0, 1), _step(_RETURN, _ERROR | error)]


def _refuse(
    number: int, argument: int, test: tuple[int, int], mask: int = 0, unless: bool = False
) -> list[bytes]:
    """Refuse a call when (or `unless`) the low half of an argument passes a test."""
    looked = [_step(_LOAD, 16 + 8 * argument)]
    if mask:
        looked.append(_step(_AND, mask))
    yes, no = (1, 0) if unless else (0, 1)
    looked += [_step(*test, yes, no), _step(_RETURN, _ERROR | _EPERM), _step(_LOAD, _NUMBER)]
    return [_step(_EQUAL, number, 0, len(looked)), *looked]
