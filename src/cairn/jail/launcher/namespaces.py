"""A world of its own for a candidate: its users, processes, network, names and files."""

import os

import kernel
from kernel import BIND, NO_DEV, NO_EXEC, NO_SUID, PRIVATE, RECURSIVE

USER = 1000
"""Who the candidate is inside, whoever started us."""
_OUTSIDE = 65534
_DEVICES = ("null", "zero", "full", "random", "urandom")
COVERED = ("sys", "sysrq-trigger", "irq", "bus")
"""Parts of /proc that steer the machine. Root may write there, whatever it has given up."""
_INODES = 16384


def leave() -> None:
    """New namespaces for this process, but for files, and for processes that it will start.

    Started by root, the candidate becomes another user outside as well, so that it owns none of
    root's files and the kernel counts its processes. Only who has stayed outside can map two users.
    """
    user, group = os.geteuid(), os.getegid()
    flags = kernel.NEW_USERS | kernel.NEW_PIDS | kernel.NEW_NET | kernel.NEW_IPC | kernel.NEW_NAMES
    if user != 0:
        kernel.unshare(flags, "user, pid, net, ipc, uts")
        _write("self", "setgroups", "deny")
        _write("self", "uid_map", f"{USER} {user} 1")
        _write("self", "gid_map", f"{USER} {group} 1")
        return
    me = os.getpid()
    gone, left = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(left)
        os.read(gone, 1)
        os._exit(_mapped(str(me)))
    try:
        kernel.unshare(flags, "user, pid, net, ipc, uts")
    finally:
        os.close(left)
        os.close(gone)
        _, status = os.waitpid(helper, 0)
    if status:
        raise kernel.UnavailableError("the maps of users could not be written")


def _mapped(pid: str) -> int:
    """Root and nobody, or root alone where that is all there is here. 0 if it was done."""
    for inside in (f"0 0 1\n{USER} {_OUTSIDE} 1", f"{USER} 0 1"):
        try:
            _write(pid, "uid_map", inside)
            _write(pid, "gid_map", inside)
            return 0
        except OSError:
            pass
    return 1


def _write(pid: str, name: str, text: str) -> None:
    try:
        with open(f"/proc/{pid}/{name}", "w") as file:
            file.write(text)
    except OSError as error:
        if pid == "self":
            raise kernel.UnavailableError(f"writing {name}: {error.strerror}") from None
        raise


def build(
    root: str, visible: list[str], readonly: list[tuple[str, str]], disk: int, machine: str
) -> None:
    """Only what is named, for reading; `/box`, `/tmp` and `/dev/shm` share `disk` bytes.

    Called as process 1. Becomes the whole of what this process and its children see.
    """
    kernel.unshare(kernel.NEW_MOUNTS, "mount")
    kernel.mount("none", "/", "", RECURSIVE | PRIVATE)
    kernel.mount("tmpfs", root, "tmpfs", NO_SUID | NO_DEV, "size=1m,nr_inodes=4096,mode=755")
    for name in ("box", "tmp", "proc", "dev/shm", "etc"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    for name in _DEVICES:
        if os.path.exists(f"/dev/{name}"):
            _bind(f"/dev/{name}", f"{root}/dev/{name}", only_read=False)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0")):
        os.symlink(target, f"{root}/dev/{name}")
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{root}/dev/{name}")
    with open(f"{root}/etc/passwd", "w") as file:
        file.write(f"box:x:{USER}:{USER}::/box:/bin/false\n")
    options = f"size={disk},nr_inodes={_INODES},mode=755,uid={USER},gid={USER}"
    kernel.mount("tmpfs", f"{root}/box", "tmpfs", NO_SUID | NO_DEV, options)
    for name in ("box", "tmp", "shm"):  # one file system, so that one size holds for all three
        os.mkdir(f"{root}/box/{name}", 0o700)
        os.chown(f"{root}/box/{name}", USER, USER)
    for name, place in (("tmp", "tmp"), ("shm", "dev/shm"), ("box", "box")):
        kernel.mount(f"{root}/box/{name}", f"{root}/{place}", "", BIND)
    for path in visible:  # after /tmp, below which an interpreter may lie
        _bind(path, root + path)
    for name, source in readonly:
        _bind(source, f"{root}/box/{name}")
    try:
        kernel.mount("proc", f"{root}/proc", "proc", NO_SUID | NO_DEV | NO_EXEC)
        for name in COVERED:
            _bind(f"{root}/proc/{name}", f"{root}/proc/{name}")
    except kernel.UnavailableError:
        pass  # where a container hides parts of its own: most programs do without
    kernel.mount("none", root, "", kernel.REMOUNT | BIND | kernel.READ_ONLY | NO_SUID | NO_DEV)
    kernel.pivot(root, machine)


def _bind(source: str, target: str, only_read: bool = True) -> None:
    """Show a file or folder at another place; a symbolic link is made again as it is."""
    if not os.path.exists(source):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(source) and os.path.dirname(source) == "/":  # /lib -> usr/lib
        os.symlink(os.readlink(source), target)
        return
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        with open(target, "ab"):
            pass
    kernel.mount(os.path.realpath(source), target, "", BIND | RECURSIVE)
    if only_read:
        kernel.make_read_only(target)
