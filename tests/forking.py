"""Processes that run a script and can be killed, forked from one that has imported what it imports.

Most of the time of such a process went into importing, and the tests that kill start hundreds.
`Forks(script).start(*arguments)` is what subprocess.Popen([sys.executable, script, *arguments])
would be, as far as tests need it. Not for scripts that start threads, or JAX, when imported.
"""

import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO


class Forks:
    """Runs of one script. Nothing is started before the first."""

    def __init__(self, script: Path):
        self.script = script
        self._process: subprocess.Popen | None = None
        self._channel: socket.socket | None = None

    def start(
        self, *arguments: object, environment: Mapping[str, str | None] | None = None
    ) -> "Forked":
        """One run, with changes to the environment (None: without the variable)."""
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        asked = {"arguments": [*map(str, arguments)], "environment": dict(environment or {})}
        pid = self._ask(asked, [out_end, err_end])
        os.close(out_end)
        os.close(err_end)
        return Forked(self, pid, os.fdopen(out), os.fdopen(err))

    def status(self, pid: int, *, wait: bool) -> int | None:
        """The exit status of a run, negative if a signal ended it; None while it goes on."""
        return self._ask({"status of": pid, "wait": wait}, [])

    def close(self) -> None:
        """End the process that forks, so that its time and its children's counts as ours."""
        if self._process is not None and self._channel is not None:
            self._channel.close()
            self._process.wait()
            self._process = self._channel = None

    def _ask(self, request: dict[str, Any], files: list[int]) -> Any:
        if self._channel is None:
            self._channel, other = socket.socketpair()
            command = [sys.executable, __file__, str(self.script), str(other.fileno())]
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
            self._process = subprocess.Popen(command, pass_fds=[other.fileno()], env=environment)
            other.close()
        socket.send_fds(self._channel, [json.dumps(request).encode() + b"\n"], files)
        return json.loads(_line(self._channel)[0])


class Forked:
    """A run."""

    def __init__(self, forks: Forks, pid: int, stdout: TextIO, stderr: TextIO):
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.returncode: int | None = None
        self._forks = forks

    def poll(self) -> int | None:
        """The exit status, if it has ended."""
        if self.returncode is None:
            self.returncode = self._forks.status(self.pid, wait=False)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """If it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """At once."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = 120.0) -> tuple[str, str]:
        """The rest of what it prints and complains, and its end. Raises TimeoutExpired."""
        parts = {self.stdout.fileno(): b"", self.stderr.fileno(): b""}
        limit = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            for file in parts:
                selector.register(file, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(limit - time.monotonic())
                if not ready:
                    raise subprocess.TimeoutExpired(self._forks.script.name, timeout)
                for key, _ in ready:
                    found = os.read(key.fd, 65_536)
                    parts[key.fd] += found
                    if not found:
                        selector.unregister(key.fd)
        if self.returncode is None:
            self.returncode = self._forks.status(self.pid, wait=True)
        output, errors = (part.decode() for part in parts.values())
        self.stdout.close()
        self.stderr.close()
        return output, errors


def _line(channel: socket.socket) -> tuple[bytes, list[int]]:
    """One message and the files that came with it; nothing if nobody is there any more."""
    text, files = b"", []
    while not text.endswith(b"\n"):
        part, more, *_ = socket.recv_fds(channel, 65_536, 2)
        if not part:
            return b"", files
        text, files = text + part, files + list(more)
    return text, files


def _child(script: str, request: dict[str, Any], files: list[int]) -> None:
    """The run itself, in a process that does not return."""
    status = 1
    try:
        for name, value in request["environment"].items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        for number, file in enumerate(files, 1):
            os.dup2(file, number)
            os.close(file)
        sys.argv = [script, *request["arguments"]]
        runpy.run_path(script, run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _serve(script: str, channel: socket.socket) -> None:
    runpy.run_path(script, run_name="imported")
    # JAX would rather not see a fork, but nothing has started it yet.
    warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
    while True:
        text, files = _line(channel)
        if not text:
            return
        request = json.loads(text)
        if "status of" in request:
            options = 0 if request["wait"] else os.WNOHANG
            pid, status = os.waitpid(request["status of"], options)
            reply = os.waitstatus_to_exitcode(status) if pid else None
        else:
            reply = os.fork()
            if reply == 0:
                channel.close()
                _child(script, request, files)
            for file in files:
                os.close(file)
        channel.sendall(json.dumps(reply).encode() + b"\n")


if __name__ == "__main__":
    _serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
