"""Running one program in the jail: a launcher of its own for each, and nothing left of it."""

import asyncio
import marshal
import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from cairn.jail import request
from cairn.jail.outcome import NOTHING, Limits, Outcome

LAUNCHER = str(Path(__file__).parent / "launcher")
SLACK_S = 45.0
"""What setting up and ending may take before the launcher itself is taken for hung."""
ENDING_S = 30.0
"""For the launcher to kill and reap everything once its caller wants an end."""


class Job(NamedTuple):
    """A launcher to be started."""

    command: list[str]
    options: dict[str, Any]
    tier: int
    hard_s: float
    report: int
    log: int


def run(
    argv_or_source: Sequence[str] | str,
    *,
    files: Mapping[str, bytes | str | Path] = NOTHING,
    readonly: Mapping[str, Path] = NOTHING,
    back: Sequence[str] = (),
    limits: Limits = Limits(),  # noqa: B008 (a tuple)
    tier: int | None = None,
    stdin: bytes = b"",
    env: Mapping[str, str] = NOTHING,
) -> Outcome:
    """Run a command, or Python source, and say what became of it.

    A list is a command; its first word may be `python`, which is this interpreter. `files` are
    copied into a fresh work folder, where the program begins; `readonly` shows files and folders
    of this machine in it, without copying; `back` names files to read when it has ended. `tier`
    None takes the strongest that this machine has; a number is kept to, or the outcome is
    `jail_error`. `env` comes on top of a few harmless variables: nothing of this process's own
    environment is handed on.

    Raises JailError for names, limits or files that cannot be.
    """
    with _job(argv_or_source, files, readonly, back, limits, tier, stdin, env) as job:
        process = subprocess.Popen(job.command, **job.options)
        assert process.stdin is not None
        try:
            _ended(process, job.hard_s)
        finally:
            process.stdin.close()
            if not _ended(process, ENDING_S):
                process.kill()
            process.wait()
        return _outcome(job)


async def arun(
    argv_or_source: Sequence[str] | str,
    *,
    files: Mapping[str, bytes | str | Path] = NOTHING,
    readonly: Mapping[str, Path] = NOTHING,
    back: Sequence[str] = (),
    limits: Limits = Limits(),  # noqa: B008 (a tuple)
    tier: int | None = None,
    stdin: bytes = b"",
    env: Mapping[str, str] = NOTHING,
) -> Outcome:
    """As `run`, for many at once. Cancelling kills all that the program started."""
    if tier is None:
        tier = await asyncio.to_thread(_strongest)
    with _job(argv_or_source, files, readonly, back, limits, tier, stdin, env) as job:
        process = await asyncio.create_subprocess_exec(*job.command, **job.options)
        assert process.stdin is not None
        try:
            await _waited(process, job.hard_s)
        finally:
            process.stdin.close()
            ended = False
            try:
                ended = await _waited(process, ENDING_S)
            finally:  # also if it is cancelled once more
                if not ended:
                    with suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()  # so that the folder is not removed by two at a time
        return _outcome(job)


async def _waited(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Whether it ends in time."""
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _ended(process: subprocess.Popen, seconds: float) -> bool:
    """Whether it ends in time. `Popen.wait` looks every 50 ms only, which is half of a run."""
    if process.poll() is not None:
        return True
    handle = os.pidfd_open(process.pid)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        return bool(waiting.poll(1000 * seconds))
    finally:
        os.close(handle)


def _strongest() -> int:
    from cairn.jail.probe import tier  # which runs something itself

    return max(0, tier().tier)


@contextmanager
def _job(
    argv_or_source: Sequence[str] | str,
    files: Mapping[str, bytes | str | Path],
    readonly: Mapping[str, Path],
    back: Sequence[str],
    limits: Limits,
    tier: int | None,
    stdin: bytes,
    env: Mapping[str, str],
) -> Iterator[Job]:
    """A folder and three files in memory, gone afterwards."""
    tier = _strongest() if tier is None else tier
    ask = request.ask(argv_or_source, files, readonly, back, limits, tier, stdin, env)
    # Made by the launcher, which removes it: nothing is left if we are killed before it starts.
    folder = f"{tempfile.gettempdir()}/cairn-jail-{secrets.token_hex(8)}"
    opened = []
    try:
        temporary = "/tmp" if tier >= 2 else f"{folder}/tmp"
        ask |= {"job": folder, "env": {"TMPDIR": temporary, **ask["env"]}}
        for name in ("request", "report", "log"):
            opened.append(os.memfd_create(f"jail-{name}"))
        wanted, report, log = opened
        with open(wanted, "wb", closefd=False) as file:
            file.write(marshal.dumps(ask))
        os.lseek(wanted, 0, os.SEEK_SET)
        options = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.DEVNULL,
            "stderr": log,
            "pass_fds": (wanted, report),
            "env": {},
            "cwd": "/",
            "start_new_session": True,
        }
        # -I and -S: neither site-packages nor anything of the caller's folder or environment.
        command = [sys.executable, "-I", "-S", LAUNCHER, str(wanted), str(report)]
        yield Job(command, options, tier, limits.seconds + SLACK_S, report, log)
    finally:
        for file in opened:
            os.close(file)
        shutil.rmtree(folder, ignore_errors=True)  # the launcher has, unless it was killed


def _outcome(job: Job) -> Outcome:
    """Read the report: plain values that our own launcher wrote."""
    record: dict[str, Any]
    try:
        record = marshal.loads(_whole(job.report))
    except (EOFError, ValueError, TypeError):
        last = _whole(job.log).decode(errors="replace").strip().rpartition("\n")[2]
        record = {"error": f"the launcher left no report{': ' if last else ''}{last}"}
    if "error" in record:
        return Outcome("jail_error", None, "", "", 0.0, 0.0, 0.0, job.tier, False, record["error"])
    texts = [_text(*record[name]) for name in ("stdout", "stderr")]
    return Outcome(
        kind=record["kind"],
        exit_code=record["exit"],
        stdout=texts[0],
        stderr=texts[1],
        seconds=record.get("seconds", 0.0),
        cpu_seconds=record.get("cpu_seconds", 0.0),
        peak_mb=record.get("peak", 0) / 2**20,
        tier=job.tier,
        truncated=any(record[name][2] for name in ("stdout", "stderr")),
        reason=record["reason"],
        files=record.get("files", {}),
        cpu_most=record.get("cpu_most", 0.0),
    )


def _whole(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


def _text(head: bytes, tail: bytes, missing: int) -> str:
    between = f"\n[… {missing:,} bytes are missing here …]\n".encode() if missing else b""
    return (head + between + tail).decode(errors="replace")
