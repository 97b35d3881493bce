"""What a run in the jail may use, and what became of it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from cairn.core.errors import CairnError

Kind = Literal["ok", "failed", "timeout", "cpu", "memory", "output", "disk", "killed", "jail_error"]
NOTHING: Mapping = MappingProxyType({})


class JailError(CairnError):
    """Something was asked of the jail that cannot be: a name, a limit, a file."""


class Limits(NamedTuple):
    """What all processes of a run may use together, where nothing else is said."""

    seconds: float = 10.0
    """Time from the candidate's start, by the supervisor's clock. Then everything is killed."""
    cpu_seconds: float | None = None
    """Processor time; None: twice `seconds`."""
    memory_mb: int = 1024
    """Memory in use, MiB. One allocation of more than twice that and 512 MiB is refused at once."""
    processes: int = 64
    """Processes and threads."""
    disk_mb: int = 64
    """What lies in the work folder, and what is read back, MiB."""
    output_kb: int = 64
    """What is kept of each of stdout and stderr: its beginning and its end, KiB. Sixteen times as
    much ends the run."""
    open_files: int = 64
    """Open files of one process."""


class Outcome(NamedTuple):
    """What became of a run.

    `jail_error` is a fault of ours or of the machine: no model may be shown it as its own.
    """

    kind: Kind
    exit_code: int | None
    """None if it was killed, or never ran."""
    stdout: str
    stderr: str
    seconds: float
    cpu_seconds: float
    """Processor time of all its processes: at least. It is exact but where `cpu_most` is more."""
    peak_mb: float
    """Most memory seen, MiB: of all processes together each 10 ms, of the largest exactly."""
    tier: int
    """What it ran in: 0 process, 1 self-restriction, 2 namespaces, 3 helper."""
    truncated: bool
    """Whether the middle of an output is missing."""
    reason: str
    """Why it is not "ok", and which files that were asked for are missing, and why."""
    files: Mapping[str, bytes] = NOTHING
    """What was asked back and was a plain file, by name."""
    cpu_most: float = 0.0
    """Processor time at most: `cpu_seconds`, unless a program has set anything for SIGCHLD, as
    shells do. Then children can end in no sum, and it is the time by the clock on every processor.
    A score by processor time is taken from this one."""


class Probe(NamedTuple):
    """What this machine has, by trying."""

    tier: int
    """The strongest that works."""
    why_not: Mapping[int, str]
    """Why the higher ones do not."""
    landlock: int
    """Version of the kernel's Landlock; 0 without."""
    lacking: tuple[str, ...] = ()
    """What even the strongest does without."""
