"""The warden, next to the candidate: starts it, waits, ends what is left, reads what was asked for.

With namespaces it is process 1 of its own, so that its end is the end of all of them.
"""

import marshal
import os
import resource
import select
import time
from _signal import (  # pyright: ignore[reportMissingImports]  (signal imports enum: slow)
    SIG_BLOCK,
    SIG_DFL,
    SIG_SETMASK,
    pthread_sigmask,
    signal,
)

import collect
import kernel
import landlock
import namespaces
import seccomp
import tree
import unwaited

_SIGTERM, _SIGKILL = 15, 9
_DEFAULTS = (1, 2, 13, 15, 25)  # HUP, INT, PIPE, TERM and XFSZ, some of which Python ignores
_WAITED = (17, _SIGTERM)  # CHLD: a child has ended; TERM: the supervisor wants an end
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
_MIB = 2**20


def main(request: int, told: int, *streams: int) -> None:
    """The warden of tier 3, which has been started anew inside of the namespaces."""
    ask = marshal.loads(os.pread(request, os.fstat(request).st_size, 0))
    ward(ask, streams, told)


def ward(ask: dict, streams: tuple[int, ...], told: int) -> None:
    """Do everything for one run and send the result: an "S" when it started, then a record."""
    pthread_sigmask(SIG_BLOCK, _WAITED)  # one that comes early is kept until it is waited for
    kernel.die_with_parent(_SIGKILL if ask["tier"] >= 2 else _SIGTERM)
    try:
        record = _run(ask, streams, told)
    except kernel.UnavailableError as error:
        record = {"error": str(error)}
    except OSError as error:
        record = {"error": f"{error.filename or 'the jail'}: {error.strerror or error}"}
    try:
        with open(told, "wb") as out:
            out.write(marshal.dumps(record))
    finally:
        os._exit(0)


def _run(ask: dict, streams: tuple[int, ...], told: int) -> dict:
    limits, deep = ask["limits"], ask["tier"] >= 2
    box = "/box"
    if ask["tier"] == 2:
        disk = int(limits["disk_mb"] * _MIB)
        namespaces.build(
            ask["job"] + "/root", ask["visible"], ask["readonly"], disk, ask["machine"]
        )
    elif not deep:
        kernel.adopt()
        box = ask["job"] + "/box"
        for name, source in ask["readonly"]:
            os.makedirs(os.path.dirname(f"{box}/{name}"), exist_ok=True)
            os.symlink(source, f"{box}/{name}")
    _volunteer()
    kernel.hide()
    _fill(box, ask["files"], namespaces.USER if ask["tier"] == 2 else -1)
    kernel.no_new_privileges()
    listener = unwaited.listen(ask["machine"])
    trouble, failed = os.pipe()
    begun = time.monotonic()
    candidate = os.fork()
    if candidate == 0:
        _become(ask, box, streams, failed)
    os.close(failed)
    for stream in streams:
        os.close(stream)
    with open(trouble, "rb") as pipe:
        fault = pipe.read()
    if not fault:
        os.write(told, b"S")
    status, whole = _wait(candidate, deep, listener)
    seconds = time.monotonic() - begun
    _end_all(deep)
    if fault:
        stage, _, text = fault.decode(errors="replace").partition(":")
        return {"error" if stage == "jail" else "absent": text}
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    files, faults = collect.collect(box, ask["back"], limits["disk_mb"] * _MIB)
    return {
        "status": status,
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "whole": whole,
        "peak": usage.ru_maxrss * 1024,
        "full": deep and _full(box),
        "files": files,
        "faults": faults,
    }


def _full(box: str) -> bool:
    space = os.statvfs(box)
    return space.f_bavail * space.f_frsize < 2**16 or space.f_favail < 2


def _volunteer() -> None:
    """If the machine runs out of memory, the kernel ends this before anything else."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass  # without /proc


def _fill(box: str, files: list[tuple[str, bytes]], owner: int) -> None:
    """Write the inputs; folders and files belong to the candidate."""
    for name, content in files:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = f"{box}/{'/'.join(parts[:depth])}"
            if not os.path.isdir(folder):
                os.mkdir(folder, 0o700)
                os.chown(folder, owner, owner)
        with open(f"{box}/{name}", "wb") as file:
            file.write(content)
        os.chown(f"{box}/{name}", owner, owner)


def _wait(candidate: int, deep: bool, listener: int) -> tuple[int, bool]:
    """The candidate's status, and whether everybody waits for its children.

    On a word from the supervisor everything is ended first.
    """
    signals, poll, whole = kernel.signals(*_WAITED), select.poll(), listener >= 0
    for place in (signals, listener) if whole else (signals,):
        poll.register(place, select.POLLIN)
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == candidate:
            return status, whole
        if pid:
            continue  # an orphan
        for place, _ in poll.poll(1000):
            if place == listener:
                whole = False
                unwaited.answer(listener)
            elif os.read(signals, 128)[0] == _SIGTERM:
                os.kill(-1 if deep else candidate, _SIGKILL)


def _end_all(deep: bool) -> None:
    if not deep:
        tree.kill(os.getpid())
        return
    try:  # noqa: SIM105 (contextlib takes longer to import than everything here)
        os.kill(-1, _SIGKILL)
    except ProcessLookupError:
        pass
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _become(ask: dict, box: str, streams: tuple[int, ...], failed: int) -> None:
    """The last steps before the candidate's program, in the order in which each still may."""
    stage = "jail"
    try:
        tier, limits = ask["tier"], ask["limits"]
        os.setsid()
        kernel.die_with_parent(_SIGKILL)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        for number in _DEFAULTS:
            signal(number, SIG_DFL)
        pthread_sigmask(SIG_SETMASK, ())
        os.umask(0o077)
        os.chdir(box)
        _limit(limits, tier)
        kernel.forget_bounding_set()
        if tier >= 2 and os.getuid() == 0:
            os.setgroups([])
            os.setresgid(*[namespaces.USER] * 3)
            os.setresuid(*[namespaces.USER] * 3)
        kernel.drop_capabilities()
        held = landlock.version() if tier else 0
        if tier >= 2 and held:
            landlock.restrict(["/"], [box, "/tmp", "/dev/shm", *_DEVICES])
        elif tier == 1:
            inputs = [source for _, source in ask["readonly"]]
            own = [box, ask["job"] + "/tmp", *_DEVICES]
            landlock.restrict([*ask["visible"], *ask["seen"], *inputs], own)
        rules = b""
        if tier >= 1:
            rules = seccomp.program(
                ask["machine"], alone=tier >= 2, truncate=tier >= 2 or held >= 3
            )
        os.closerange(3, failed)
        os.closerange(failed + 1, 2**16)
        if rules:
            kernel.install(rules)
        stage = "program"
        os.execve(ask["argv"][0], ask["argv"], ask["env"])
    except BaseException as error:
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        os.write(failed, f"{stage}:{text}".encode())
    os._exit(127)


def _limit(limits: dict, tier: int) -> None:
    """What the kernel itself holds each process to; the supervisor watches the sums."""
    cpu = int(limits["cpu_seconds"]) + 1
    # Twice, and some: threads' stacks count in full, touched or not, and the sum is watched.
    data = (2 * limits["memory_mb"] + 512) * _MIB
    wanted = (
        (resource.RLIMIT_CPU, cpu, cpu + 1),
        (resource.RLIMIT_DATA, data, data),
        (resource.RLIMIT_FSIZE, limits["disk_mb"] * _MIB, limits["disk_mb"] * _MIB),
        (resource.RLIMIT_NOFILE, limits["open_files"], limits["open_files"]),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MSGQUEUE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 2**16, 2**16),
        (resource.RLIMIT_STACK, 8 * _MIB, 8 * _MIB),
    )
    # Counted apart in each user namespace since Linux 5.14; elsewhere all that a user runs counts.
    if tier >= 2 and tuple(map(int, os.uname().release.split(".")[:2])) >= (5, 14):
        # And the warden, and who watches it, where all of us are one user.
        wanted += ((resource.RLIMIT_NPROC, limits["processes"] + 2, limits["processes"] + 2),)
    for kind, soft, hard in wanted:
        _, most = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)
        resource.setrlimit(kind, (soft, hard))
