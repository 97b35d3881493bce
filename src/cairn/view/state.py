"""Whether a run is being worked on, found out without taking its lock.

On Linux the kernel lists who has which lock, so looking disturbs nobody. Elsewhere, and where the
list cannot tell (a lock file that names a process of another machine, or one that is alive here),
a shared lock is tried for some microseconds, which `cairn.core.locks.lock` waits out.
"""

import fcntl
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from cairn.core.locks import Mark, is_here, marks
from cairn.view.reading import UnreadableError, open_plain, read_start

State: TypeAlias = Literal["running", "stopped", "finished", "killed", "unreadable"]
Hold: TypeAlias = Literal["held", "left", "free"]
"""Of a lock: somebody works under it; somebody did and was killed; neither."""
KERNEL = Path("/proc/locks")


class Holder(NamedTuple):
    """A lock that a process has."""

    device: str
    """Major and minor number, as the kernel writes them."""
    pid: int


Locks: TypeAlias = Mapping[int, list[Holder]]
"""By inode."""


def locks_now(source: Path = KERNEL) -> Locks | None:
    """Every exclusive lock that processes of this machine have; None where none can be listed."""
    try:
        text = source.read_text()
    except OSError:
        return None
    found: dict[int, list[Holder]] = {}
    for line in text.splitlines():
        # "1: FLOCK  ADVISORY  WRITE 30353 fe:00:16039943 0 EOF"; with "->" for one who waits.
        parts = line.split()
        if len(parts) < 6 or parts[1] != "FLOCK" or parts[3] != "WRITE":
            continue
        device, _, inode = parts[5].rpartition(":")
        if inode.isdigit() and parts[4].lstrip("-").isdigit():
            found.setdefault(int(inode), []).append(Holder(device, int(parts[4])))
    return found


def hold(path: Path | str, locks: Locks | None) -> Hold:
    """How it stands with the lock at `path`. A lock that only keeps readers apart is free."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return "free"
    if found.st_size == 0 and locks is not None and found.st_ino not in locks:
        return "free"
    path = Path(path)
    named = _marks(path)
    work = [mark for mark in named if not mark.reads]
    taken = _listed(found, locks, named)
    if taken is None or (not taken and any(_may_live(mark) for mark in named)):
        taken = bool(named) and _refused(path)
    if taken and not (named and named[-1].reads):
        return "held"
    # A mark without its machine is of a release that never emptied the file.
    return "left" if any(mark.host for mark in work) else "free"


def state_of(holds: Iterable[Hold], *, finished: bool) -> State:
    """The state of a run with such locks.

    A run that nobody ever locked is stopped, or finished: nothing says that anybody works on it.
    """
    holds = list(holds)
    if "held" in holds:
        return "running"
    if "left" in holds:
        return "killed"
    return "finished" if finished else "stopped"


def _listed(found: os.stat_result, locks: Locks | None, named: list[Mark]) -> bool | None:
    """Whether the kernel lists the lock; None if it lists none at all.

    Some file systems have another device there than in a file's own record: then the process that
    the file names decides.
    """
    if locks is None:
        return None
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    pids = {mark.pid for mark in named}
    return any(
        holder.device == device or holder.pid in pids for holder in locks.get(found.st_ino, ())
    )


def _may_live(mark: Mark) -> bool:
    """Whether the process of a mark may be alive, for all that can be known here."""
    if not mark.host:
        return False
    if not is_here(mark):
        return True
    try:
        os.kill(mark.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _refused(path: Path) -> bool:
    """Whether a shared lock is refused."""
    try:
        file = open_plain(path)
    except UnreadableError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False


def _marks(path: Path) -> list[Mark]:
    try:
        return marks(read_start(path, 1000).decode("utf-8", "replace"))
    except UnreadableError:
        return []
