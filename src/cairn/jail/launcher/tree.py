"""All descendants of a process, from /proc: what they use, and an end to them.

A process that has gone is left out. That we may not look (no file can be opened, say) is another
thing, and an OSError: who took it for gone would leave processes behind.
"""

import os
import time

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SIGSTOP, _SIGKILL = 19, 9
_GONE, _CLOSED = (2, 3), (1, 13)  # ENOENT and ESRCH, EPERM and EACCES
_LISTED = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def descendants(root: int) -> list[int]:
    """Processes below `root`, each after its parent."""
    found, new = [], [root]
    while new:
        new = [child for pid in new for child in _children(pid)]
        found += new
    return found


def _children(pid: int) -> list[int]:
    if not _LISTED:  # a kernel without that file
        return [child for child in _numbers("/proc") if _stat(child)[1:2] == [b"%d" % pid]]
    found = []
    for task in _numbers(f"/proc/{pid}/task"):
        found += map(int, _read(f"/proc/{pid}/task/{task}/children").split())
    return found


def _numbers(folder: str) -> list[int]:
    """Processes, threads or open files, whose names are numbers."""
    try:
        return [int(name) for name in os.listdir(folder) if name.isdigit()]
    except OSError as error:
        if error.errno in _GONE:
            return []
        raise


def _read(path: str) -> bytes:
    """Of a file of /proc; empty if the process has gone."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        if error.errno in _GONE:
            return b""
        raise


def _stat(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the state on; empty if it has gone."""
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _alive(pid: int) -> bool:
    """A process whose first thread has ended looks like one that has ended itself."""
    fields = _stat(pid)
    return bool(fields) and (fields[0] != b"Z" or int(fields[17]) > 1)


def _faces(pid: int) -> list[str]:
    """Folders of /proc that show a process's memory and open files: of threads that have them."""
    whole = f"/proc/{pid}"
    if _pages(whole):
        return [whole]
    return [face for n in _numbers(f"{whole}/task") if _pages(face := f"{whole}/task/{n}")]


def _pages(face: str) -> int:
    fields = _read(f"{face}/statm").split()
    return int(fields[1]) if fields else 0


def spent(pids: list[int], waiter: int) -> tuple[float, int]:
    """Processor time of these processes and of all that have been waited for; how many threads.

    Of `waiter`, who adopts orphans, only what it has waited for counts.
    """
    fields = list(filter(None, map(_stat, pids)))
    ticks = sum(sum(map(int, stat[11:15])) for stat in fields)
    ticks += sum(map(int, _stat(waiter)[13:15]))
    return ticks / _TICKS, sum(int(stat[17]) for stat in fields)


def resident(pids: list[int]) -> int:
    """Bytes in memory, what several share counted in each: never too few."""
    return _PAGE * sum(max(map(_pages, _faces(pid)), default=0) for pid in pids)


def proportional(pids: list[int]) -> int:
    """Bytes in memory, what several share counted once. Slower."""
    total = 0
    for pid in pids:
        try:
            lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
        except PermissionError:
            lines = []
        shares = [int(line.split()[1]) * 1024 for line in lines if line[:4] == b"Pss:"]
        total += sum(shares) or resident([pid])
    return total


def unlinked(pids: list[int], folder: str, unseen: int, given: tuple[int, int, int]) -> int:
    """Bytes on disk of files that have no name any more and are held: open, or in memory.

    Mapped files count if they were below `folder`. One that is mapped and not open can be looked
    at by root alone (CAP_CHECKPOINT_RESTORE): otherwise it counts `unseen` bytes, and so does a
    process that hides its files. Of the input that it was `given` (device, inode, bytes) only what
    was added counts.
    """
    held, mapped, closed = {}, set(), 0
    for face in [face for pid in pids for face in _faces(pid)]:
        try:
            for number in _numbers(f"{face}/fd"):
                _weigh(f"{face}/fd/{number}", held)
            for span, inode in _without_name(_read(f"{face}/maps"), os.fsencode(folder)):
                if not _weigh(f"{face}/map_files/{span}", held):
                    mapped.add(inode)
        except PermissionError:
            closed += 1
    mapped -= {inode for _, inode in held}
    if given[:2] in held:
        held[given[:2]] = max(0, held[given[:2]] - given[2])
    return sum(held.values()) + unseen * (len(mapped) + closed)


def _without_name(maps: bytes, folder: bytes) -> list[tuple[str, int]]:
    """Where in memory deleted files are, as `map_files` calls it, and their inodes."""
    found = []
    for line in maps.splitlines():
        if line.endswith(b" (deleted)"):
            span, _, _, _, inode, path = line.split(maxsplit=5)
            if path.startswith(folder):
                first, _, last = span.partition(b"-")
                found.append((f"{int(first, 16):x}-{int(last, 16):x}", int(inode)))
    return found


def _weigh(link: str, held: dict[tuple[int, int], int]) -> bool:
    """Note the size of the file behind a link of /proc if it has no name; whether it was seen."""
    try:
        found = os.stat(link)
    except OSError as error:
        if error.errno in (*_GONE, *_CLOSED):
            return False
        raise
    if found.st_nlink == 0 and (found.st_mode & 0o170000) == 0o100000:
        held[found.st_dev, found.st_ino] = found.st_blocks * 512
    return True


def kill(root: int, seconds: float = 2.0) -> bool:
    """End everything below `root`, which adopts orphans; whether all of it is gone.

    All are stopped before any is killed: who sees its child die would start another. Raises
    OSError where we may not look who they are.
    """
    until = time.monotonic() + seconds
    while True:
        below = descendants(root)
        for number in (_SIGSTOP, _SIGKILL):
            for pid in below:
                try:  # noqa: SIM105 (contextlib takes longer to import than everything here)
                    os.kill(pid, number)
                except OSError:
                    pass
        while _reaped():
            pass
        if not any(map(_alive, descendants(root))):
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.002)


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] > 0
    except ChildProcessError:
        return False
