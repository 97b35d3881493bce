"""All descendants of a process, from /proc: what they use, and an end to them."""

import os
import time

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_SIGSTOP, _SIGKILL = 19, 9


def descendants(root: int) -> list[int]:
    """Processes below `root`, each after its parent."""
    found, new = [], [root]
    while new:
        new = [child for pid in new for child in _children(pid)]
        found += new
    return found


def _children(pid: int) -> list[int]:
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += [int(word) for word in file.read().split()]
    except FileNotFoundError:
        if os.path.exists(f"/proc/{pid}/task/{pid}/stat"):  # a kernel without that file
            return [child for child in _all() if _stat(child)[1:2] == [b"%d" % pid]]
    except OSError:
        pass  # ended meanwhile
    return found


def _all() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _stat(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the state on; empty if it has gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def spent(pids: list[int]) -> tuple[float, int]:
    """Processor time of these processes and of children they waited for; how many threads."""
    fields = list(filter(None, map(_stat, pids)))
    return (
        sum(sum(map(int, stat[11:15])) for stat in fields) / _TICKS,
        sum(int(stat[17]) for stat in fields),
    )


def resident(pids: list[int]) -> int:
    """Bytes in memory, what several share counted in each: never too few."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                total += int(file.read().split()[1]) * _PAGE
        except (OSError, IndexError):
            pass
    return total


def proportional(pids: list[int]) -> int:
    """Bytes in memory, what several share counted once. Slower."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                lines = file.read().splitlines()
            total += next(int(line.split()[1]) for line in lines if line[:4] == b"Pss:") * 1024
        except (OSError, StopIteration):
            total += resident([pid])
    return total


def unlinked(pids: list[int]) -> int:
    """Bytes on disk of files that have no name any more and are held open."""
    seen = {}
    for pid in pids:
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                found = os.stat(f"/proc/{pid}/fd/{name}")
                if found.st_nlink == 0 and (found.st_mode & 0o170000) == 0o100000:
                    seen[found.st_dev, found.st_ino] = found.st_blocks * 512
        except OSError:
            pass
    return sum(seen.values())


def kill(root: int, seconds: float = 2.0) -> bool:
    """End everything below `root`, which adopts orphans; whether all of it is gone.

    All are stopped before any is killed: who sees its child die would start another.
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
        if not [pid for pid in descendants(root) if _stat(pid)[:1] != [b"Z"]]:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.002)


def _reaped() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] > 0
    except ChildProcessError:
        return False
