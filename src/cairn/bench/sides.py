"""The sides of a measurement as processes, and rounds in which each works in turn."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core.errors import CairnError

OURS, PEAK = "cairn", "peak"
OTHERS = {"pyribs"}
"""Files beside the drivers that speak another protocol (`benchmarks/qd.py speed`)."""
_HERE = Path(__file__).parent
_DRIVERS = Path(__file__).parents[3] / "benchmarks" / "peers"

Request = dict[str, Any]
Answer = dict[str, Any]


class Peer(NamedTuple):
    """Where another toolkit lives."""

    name: str
    python: str
    """The interpreter of its environment."""
    checkout: str | None
    driver: Path

    @classmethod
    def parse(cls, text: str, drivers: Path = _DRIVERS) -> "Peer":
        """From `NAME=PYTHON` or `NAME=PYTHON@CHECKOUT`. Raises CairnError if that cannot work."""
        name, equals, rest = text.partition("=")
        python, _, checkout = rest.partition("@")
        if not equals or not python:
            raise CairnError(
                f"Expected a peer as NAME=PYTHON or NAME=PYTHON@CHECKOUT, got {text!r}."
            )
        if shutil.which(python) is None:
            raise CairnError(f"Peer {name}: {python} is not a program. Name its environment's.")
        if checkout and not Path(checkout).is_dir():
            raise CairnError(f"Peer {name}: there is no folder {checkout}.")
        driver = drivers / f"{name}.py"
        if not driver.is_file():
            known = sorted({path.stem for path in drivers.glob("*.py")} - OTHERS)
            raise CairnError(
                f"There is no driver for peer {name!r}. Known are {', '.join(known) or 'none'}; "
                f"they are in benchmarks/peers of a checkout of cairn."
            )
        return cls(name, python, checkout or None, driver)


class Side:
    """One process that answers requests."""

    def __init__(self, name: str, command: Sequence[str], environment: dict[str, str]):
        """Start it; it idles until asked."""
        self.name = name
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, request: Request) -> Answer:
        """One request and its answer. Raises CairnError with the side's own words if it fails."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            stdin.write(json.dumps(request) + "\n")
            stdin.flush()
            line = stdout.readline()
        except BrokenPipeError:
            line = ""
        answer = json.loads(line) if line else {"error": "its process ended"}
        if "error" in answer:
            raise CairnError(f"{self.name} could not do {request}: {answer['error']}.")
        return answer

    def close(self) -> None:
        """End it, and wait until it has gone."""
        assert self._process.stdin is not None and self._process.stdout is not None
        # What could not be sent to a process that ended is still in the buffer, and is tried again.
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def _environment(name: str, cached: bool) -> dict[str, str]:
    dropped = set() if cached else {"JAX_COMPILATION_CACHE_DIR"}
    # What cairn's command line sets for cairn: nobody else asked for several devices.
    dropped |= set() if name == OURS else {"JAX_NUM_CPU_DEVICES"}
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    # Several idle processes share an accelerator: none may reserve most of it.
    environment["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return environment


@contextmanager
def opened(
    peers: Sequence[Peer], *, ours: bool = True, cached: bool = False, peak: bool = False
) -> Iterator[dict[str, Side]]:
    """cairn and the peers by name, idle; with `peak` also a bare process for matrix products.

    cairn runs as its command line would run it, the others as if started by themselves. Without
    `cached` nobody compiles from a disk cache.
    """
    driver = _HERE / "driver.py"
    all_sides = [Peer(OURS, sys.executable, None, driver)] if ours else []
    all_sides += peers
    all_sides += [Peer(PEAK, sys.executable, None, driver)] if peak else []
    sides: dict[str, Side] = {}
    try:
        for side in all_sides:
            command = [side.python, str(_HERE / "serve.py"), str(side.driver)]
            command += ["--checkout", side.checkout] if side.checkout else []
            sides[side.name] = Side(side.name, command, _environment(side.name, cached))
        yield sides
    finally:
        for side in sides.values():
            side.close()


def alternate(
    sides: dict[str, Side], requests: dict[str, list[Request]], repeats: int
) -> dict[str, list[list[Answer]]]:
    """Rounds in which every side does each of its requests once, side by side.

    First everybody prepares (compiles and runs once), one after the other; then come `repeats`
    rounds. Returns, by side, a list for each of its requests with one answer per round.
    """
    for name, wanted in requests.items():
        for request in wanted:
            sides[name].ask(request | {"prepare": True})
    answers: dict[str, list[list[Answer]]] = {
        name: [[] for _ in wanted] for name, wanted in requests.items()
    }
    longest = max(len(wanted) for wanted in requests.values())
    for _ in range(repeats):
        for i in range(longest):
            for name, wanted in requests.items():
                if i < len(wanted):
                    answers[name][i].append(sides[name].ask(wanted[i]))
    return answers
