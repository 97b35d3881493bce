"""Locks that end with their process, and marks that tell how a process left one.

While somebody has a lock its file names the holder, by process and machine; left in order the file
is emptied. A file that names somebody although nobody has the lock was left by a process that was
killed. Releases before this wrote the process alone and never emptied: that tells nothing.
"""

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import IO, NamedTuple

from cairn.core.errors import RunError

PATIENCE_S = 0.1
"""How long a lock may be in the way before it is refused: a look at it takes microseconds."""
READS = "reads"
"""Beside a holder that only keeps others away while it reads."""


class InUseError(RunError):
    """Another process has the lock."""


class Mark(NamedTuple):
    """Who wrote a line into a lock's file."""

    pid: int
    host: str
    """Empty where a release before this wrote it."""
    reads: bool
    """Whether it only reads."""

    @property
    def words(self) -> str:
        """For messages: "1234", or "1234 on that-machine"."""
        return str(self.pid) if self.host in ("", _host()) else f"{self.pid} on {self.host}"


class Lock:
    """A lock that this process has until it is closed."""

    def __init__(self, file: IO[str], left: str):
        self._file, self._left, self._pid = file, left, os.getpid()

    @property
    def closed(self) -> bool:
        """Whether it was given back."""
        return self._file.closed

    def close(self) -> None:
        """Give it back, in order."""
        if self._file.closed:
            return
        # A forked child has the file too, and no say in what its parent does.
        if self._pid == os.getpid():
            with contextlib.suppress(OSError):  # the disk went away: it looks as if killed
                _write(self._file, self._left)
        with contextlib.suppress(OSError):
            self._file.close()

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock(path: Path, *, reads: bool = False) -> Lock:
    """Take the lock at `path` for this process.

    The kernel drops the lock when the process dies, so nothing is left to clean up. With `reads`
    what the file tells of an earlier holder stays in it.

    Raises InUseError naming the process that has it, and RunError where nothing can be locked.
    """
    try:
        file = open(path, "a+")  # noqa: SIM115 (held open for as long as the lock)
    except OSError as error:
        raise RunError(
            f"cannot write in {path.parent}: {error.strerror}. A run needs a folder that it can "
            f"write in; what is there can be read all the same."
        ) from error
    try:
        _take(file)
    except BlockingIOError as error:
        found = marks(_content(file))
        file.close()
        raise InUseError(
            f"{path.parent} is in use by process {found[-1].words if found else 'unknown'}: wait "
            f"for it or stop it, or choose another run directory."
        ) from error
    except OSError as error:
        file.close()
        raise RunError(
            f"{path.parent} is on a disk without file locks ({error.strerror}), so two processes "
            f"could write at once. Put the run on a local disk."
        ) from error
    own, left = f"{os.getpid()} {_host()}", ""
    if reads:
        left = "".join(f"{m.pid} {m.host}\n" for m in marks(_content(file)) if not m.reads)
        own = f"{left}{own} {READS}"
    with contextlib.suppress(OSError):  # a full disk: whoever writes next says so
        _write(file, own)
    return Lock(file, left)


def marks(content: str) -> list[Mark]:
    """Who is named in a lock's file; the newest is last. What nobody here wrote is left out."""
    found = []
    for line in content.split("\n"):
        pid, _, rest = line.strip().partition(" ")
        host, _, purpose = rest.partition(" ")
        if pid.isascii() and pid.isdigit() and len(pid) < 12:
            found.append(Mark(int(pid), host, purpose == READS))
    return found


def is_here(mark: Mark) -> bool:
    """Whether a mark was written on this machine."""
    return mark.host == _host()


def _take(file: IO[str]) -> None:
    """Raise BlockingIOError if another process keeps the lock."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(PATIENCE_S / 10)


def _content(file: IO[str]) -> str:
    file.seek(0)
    try:
        return file.read(1000)
    except UnicodeDecodeError:
        return ""


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate(0)
    file.write(text)
    file.flush()


def _host() -> str:
    return os.uname().nodename
