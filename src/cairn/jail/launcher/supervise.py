"""The supervisor: outside of the candidate's reach, it reads the output and watches the limits.

Its own input is a pipe whose other end the caller holds: when that closes (the caller wants an
end, or has ended), everything is killed.
"""

import marshal
import os
import select
import time

import collect
import helper
import inside
import kernel
import namespaces
import tree

_SIGTERM, _SIGKILL, _SIGXCPU, _SIGXFSZ = 15, 9, 24, 25
_MIB = 2**20
_FLOOD = 16
"""Output of so many times what is kept is ended."""
_FILES = 16384
_SETTING_UP_S, _ENDING_S, _DRAINING_S = 30.0, 3.0, 0.5
_OFTEN_S, _SELDOM_S, _DISK_S = 0.01, 0.03, 0.1
_CALLER = 0
_STARTED = b"S"


class Kept:
    """The beginning and the end of a stream."""

    def __init__(self, most: int) -> None:
        self.most, self.total = most, 0
        self.head, self.tail = bytearray(), bytearray()

    def add(self, block: bytes) -> None:
        """The next bytes of it."""
        self.total += len(block)
        room = self.most // 2 - len(self.head)
        self.head += block[:room]
        self.tail += block[room:]
        del self.tail[: max(0, len(self.tail) - (self.most - self.most // 2))]

    def whole(self) -> tuple[bytes, bytes, int]:
        """Beginning, end, and how many bytes are missing between them."""
        return bytes(self.head), bytes(self.tail), self.total - len(self.head) - len(self.tail)


def main(request: int, report: int) -> None:
    """Read what is asked, run it, leave the report."""
    ask = marshal.loads(os.pread(request, os.fstat(request).st_size, 0))
    try:
        for name in ("", "/root", "/box", "/tmp"):
            os.mkdir(ask["job"] + name, 0o700)
        record = Supervisor(ask).run(request)
    except kernel.UnavailableError as error:
        record = {"error": str(error)}
    except OSError as error:
        record = {"error": f"{error.filename or 'the jail'}: {error.strerror or error}"}
    try:  # noqa: SIM105 (contextlib takes longer to import than everything here)
        collect.remove(ask["job"])  # here, so that nothing is left if the caller was killed
    except OSError:
        pass
    with open(report, "wb") as file:
        file.write(marshal.dumps(record))
    os._exit(0)


class Supervisor:
    """One run."""

    def __init__(self, ask: dict) -> None:
        self.ask, self.limits = ask, ask["limits"]
        self.verdict: tuple[str, str] | None = None
        self.peak, self.cpu, self.lost = 0, 0.0, 0.0
        self.begun = time.monotonic()
        self.started = self.ended = 0.0
        self.message = bytearray()
        self.place = os.path.realpath(ask["job"]) + "/"

    def run(self, request: int) -> dict:
        """Start the warden, watch until it has told what became of the candidate."""
        tier = self.ask["tier"]
        if tier not in range(4):
            raise kernel.UnavailableError(f"there is no tier {tier}: they are 0 to 3")
        kernel.adopt()
        if tier == 2:
            namespaces.leave()
        kernel.hide()
        stdin = self._input()
        status = os.fstat(stdin)
        self.given = status.st_dev, status.st_ino, status.st_blocks * 512
        (told, tell), (out, out_w), (err, err_w) = os.pipe(), os.pipe(), os.pipe()
        streams = stdin, out_w, err_w
        self.warden = helper.start(self.ask, request, streams, tell) if tier == 3 else os.fork()
        if self.warden == 0:
            inside.ward(self.ask, streams, tell)
        for stream in (stdin, out_w, err_w, tell):
            os.close(stream)
        self.told, most = told, self.limits["output_kb"] * 1024
        self.streams = {out: Kept(most), err: Kept(most)}
        try:
            self._watch()
        except OSError:  # who cannot look must end it
            os.close(told)
            os.kill(self.warden, _SIGKILL if tier >= 2 else _SIGTERM)
            raise
        finally:
            os.waitpid(self.warden, 0)
            if tier < 2:  # what the warden left if it was killed itself
                tree.kill(os.getpid())
        return self._record(self.streams[out], self.streams[err])

    def _input(self) -> int:
        if not self.ask["stdin"]:
            return os.open(os.devnull, os.O_RDONLY)
        stdin = os.memfd_create("stdin")
        with open(stdin, "wb", closefd=False) as file:
            file.write(self.ask["stdin"])
        return os.open(f"/proc/self/fd/{stdin}", os.O_RDONLY)

    def _watch(self) -> None:
        poll = select.poll()
        for stream in (self.told, *self.streams):
            poll.register(stream, select.POLLIN)
        poll.register(_CALLER, 0)  # hanging up is always told
        open_, heard, look, disk = {*self.streams}, False, 0.0, 0.0
        while not heard or open_:
            ready = poll.poll(1000 * (_OFTEN_S if self.begun + 1 > time.monotonic() else _SELDOM_S))
            for stream, _ in ready:
                if stream == _CALLER:
                    poll.unregister(_CALLER)
                    self._end("killed", "the caller wanted an end")
                elif not self._read(stream):
                    poll.unregister(stream)
                    heard = heard or stream == self.told
                    open_.discard(stream)
            now = time.monotonic()
            if heard:
                self.ended = self.ended or now
                if now > self.ended + _DRAINING_S:
                    return  # somebody has a stream who is out of our reach
            elif now >= look:
                look = now + _OFTEN_S
                self._hold(now, now >= disk)
                disk = now + _DISK_S if now >= disk else disk

    def _read(self, stream: int) -> bool:
        block = os.read(stream, 2**16)
        if stream == self.told:
            if not self.started and block[:1] == _STARTED:
                self.started = time.monotonic()
            self.message += block
        else:
            kept = self.streams[stream]
            kept.add(block)
            if kept.total > _FLOOD * kept.most:
                self._end("output", f"more than {_FLOOD} times {kept.most // 1024} kB of output")
        return bool(block)

    def _hold(self, now: float, disk: bool) -> None:
        """Look at time and at what all processes use together."""
        if self.verdict:
            if now > self.ended_at + _ENDING_S:
                os.kill(self.warden, _SIGKILL)
            return
        if not self.started:
            if now > self.begun + _SETTING_UP_S:
                self._end("jail_error", f"not set up within {_SETTING_UP_S:.0f} s")
            return
        limits = self.limits
        if now > self.started + limits["seconds"]:
            return self._end("timeout", f"longer than {limits['seconds']:g} s")
        inner = self._inner()
        pids = tree.descendants(inner)
        memory, most = tree.resident(pids), limits["memory_mb"] * _MIB
        if memory > most:
            memory = tree.proportional(pids)
        self.peak = max(self.peak, memory)
        if memory > most:
            return self._end("memory", f"more than {limits['memory_mb']} MB of memory")
        cpu, threads = self._spent(inner, pids)
        if cpu > limits["cpu_seconds"]:
            return self._end("cpu", f"more than {limits['cpu_seconds']:g} s of processor time")
        if threads > limits["processes"] + 2:  # the kernel's own limit comes first
            return self._end("killed", f"more than {limits['processes']} processes")
        found = inner != self.warden or self.ask["tier"] < 3
        if disk and found and self.ask["tier"] != 2:  # where one size holds for all of it
            box = f"/proc/{inner}/root" if self.ask["tier"] == 3 else self.ask["job"]
            size, count = collect.used(*[f"{box}/{name}" for name in ("box", "tmp", "dev/shm")])
            if self.ask["tier"] == 3:  # closed when it ends; and the kernel limits each of them
                size %= collect.CLOSED
            most = limits["disk_mb"] * _MIB
            # Files that we cannot look at: more than four are too many.
            size += tree.unlinked(pids, self.place, most // 4, self.given)
            if size > most or count > _FILES:
                self._end("disk", f"more than {limits['disk_mb']} MB or {_FILES} files on disk")
        return None

    def _spent(self, inner: int, pids: list[int]) -> tuple[float, int]:
        """Processor time until now, of what was seen, and threads.

        A sum that has fallen has lost children that nobody waited for: what they were last seen
        with stays in it. It also falls where one is waited for between two looks: we look again.
        """
        cpu, threads = tree.spent(pids, inner)
        for _ in range(2):
            if cpu + self.lost < self.cpu:
                cpu = max(cpu, tree.spent(tree.descendants(inner), inner)[0])
        self.lost = max(self.lost, self.cpu - cpu)
        self.cpu = cpu + self.lost
        return self.cpu, threads

    def _inner(self) -> int:
        """The warden itself, which bubblewrap's process has for its child."""
        if self.ask["tier"] < 3:
            return self.warden
        return next(iter(tree.descendants(self.warden)), self.warden)

    def _end(self, kind: str, reason: str) -> None:
        """Have everything ended. The first reason counts."""
        if self.verdict is None:
            self.verdict, self.ended_at = (kind, reason), time.monotonic()
            os.kill(self._inner(), _SIGTERM)

    def _record(self, out: Kept, err: Kept) -> dict:
        """What is reported: the warden's record with a kind, the streams, and the peak."""
        streams = {"stdout": out.whole(), "stderr": err.whole()}
        try:
            told = marshal.loads(self.message[1:] if self.started else self.message)
        except (EOFError, ValueError, TypeError):
            told = {}
        if "error" in told:
            return {"error": told["error"]}
        if "absent" in told:
            return streams | {"kind": "failed", "exit": 127, "reason": told["absent"]}
        if not told and not self.verdict:
            said = os.pread(2, 4096, 0).decode(errors="replace").strip().rpartition("\n")[2]
            return {"error": said or "the warden was killed"}
        kind, reason, code = self._kind(told, err)
        cpu = most = told.get("cpu_seconds", self.cpu)
        if not told.get("whole"):  # what was seen at least, and what can have been
            cores = min(os.cpu_count() or 1, int(self.limits["processes"]) + 2)
            cpu, most = max(cpu, self.cpu), max(cpu, cores * (self.ended - self.begun))
        faults = [f"{name} {fault}" for name, fault in told.get("faults", {}).items()]
        return streams | {
            "kind": kind,
            "exit": code,
            "reason": "; ".join([reason, *faults] if reason else faults),
            "seconds": told.get("seconds", self.ended - self.started),
            "cpu_seconds": cpu,
            "cpu_most": most,
            "peak": max(self.peak, told.get("peak", 0)),
            "files": told.get("files", {}),
        }

    def _kind(self, told: dict, err: Kept) -> tuple[str, str, int | None]:
        """Kind, reason and exit code. A verdict of ours goes before what the status says."""
        status = told.get("status", 0)
        if self.verdict:
            return *self.verdict, None
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            cpu = number == _SIGKILL and told["cpu_seconds"] >= self.limits["cpu_seconds"]
            if number == _SIGXCPU or cpu:
                return "cpu", f"more than {self.limits['cpu_seconds']:g} s of processor time", None
            if number == _SIGXFSZ:
                return "disk", f"a file larger than {self.limits['disk_mb']} MB", None
            return "killed", f"signal {number}", None
        code = os.WEXITSTATUS(status)
        if code == 0:
            return "ok", "", 0
        last = bytes(err.head + err.tail)[-2000:].rstrip().rpartition(b"\n")[2]
        if last.startswith((b"MemoryError", b"numpy._core._exceptions._ArrayMemoryError")):
            return "memory", "an allocation was refused", code
        if told["full"] or b"[Errno 28]" in last or b"[Errno 27]" in last:
            return "disk", f"{self.limits['disk_mb']} MB of disk were full", code
        return "failed", f"exit status {code}", code
