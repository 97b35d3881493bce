"""The process beside the server, as the server sees it: started, asked, ended."""

import os
import signal
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection

from cairn.core.errors import CairnError
from cairn.core.redact import printable
from cairn.report.data import Chart
from cairn.view.jobs import Answer, Job

BEGIN = "from cairn.view.hand import main; main()"
WORDS = 300
"""Characters of what it said last that are told of it."""
SETTINGS = {
    # A run beside it may need the accelerator, all of its memory.
    "JAX_PLATFORMS": "cpu",
    "JAX_NUM_CPU_DEVICES": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "MPLBACKEND": "agg",
}


class LostError(CairnError):
    """The process ended, or was ended; says how."""


class Child:
    """A process that answers jobs (`cairn.view.hand`)."""

    def __init__(self) -> None:
        """Raises LostError if no process can be started."""
        # To be said if it dies; of what libraries log nothing reaches the server's terminal.
        self._said = tempfile.TemporaryFile("a+b")  # noqa: SIM115 (as long as the process)
        path = os.pathsep.join(filter(None, sys.path))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", BEGIN],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env={**os.environ, **SETTINGS, "PYTHONPATH": path},
            )
        except OSError as error:
            raise LostError(
                f"No process can be started to make panels: {error.strerror}. Is there too little "
                f"memory?"
            ) from error
        jobs, answers = self._process.stdin, self._process.stdout
        assert jobs is not None and answers is not None
        with jobs, answers:
            self._jobs = Connection(os.dup(jobs.fileno()), readable=False)
            self._answers = Connection(os.dup(answers.fileno()), writable=False)

    @property
    def pid(self) -> int:
        """Its number among the processes."""
        return self._process.pid

    def ask(self, job: Job | Chart, patience_s: float) -> Answer:
        """Have it do a job. Raises LostError if it ends meanwhile, or is not done in time: then it
        is ended."""
        self._said.truncate(0)
        try:
            self._jobs.send(job)
            if not self._answers.poll(patience_s):
                self.close()
                raise LostError(
                    f"It took longer than {patience_s:g} s and was stopped. The machine may be "
                    f"busy: try again later."
                )
            return self._answers.recv()
        except (EOFError, OSError) as error:
            raise LostError(self._how()) from error

    @property
    def ended(self) -> bool:
        """Whether it is there no more."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End it while somebody waits for its answer, who then gets LostError."""
        self._process.kill()

    def close(self) -> None:
        """End it, asked by nobody any more."""
        self._jobs.close()
        self._answers.close()
        self._process.kill()
        self._process.wait()
        self._said.close()

    def _how(self) -> str:
        self._process.kill()  # if it only closed its pipes
        status = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode("utf-8", "replace").split("\n")
        last = printable(" ".join(next((line for line in said[::-1] if line.strip()), "").split()))
        how = f"status {status}"
        if status < 0:
            how = f"{signal.Signals(-status).name}"
            last = last or "too little memory?"
        return f"The process that makes panels ended ({how}): {last[:WORDS] or 'no word'}"
