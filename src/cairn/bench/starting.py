"""`cairn bench compile`: from the command to the first finished cycle, cold and cached."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cairn.bench import figures
from cairn.core.errors import CairnError

Stage = Literal["cold", "cached"]

POLL_S = 0.01
LIMIT_S = 900.0
COMMAND = "from cairn.cli.main import main; main()"


@dataclass(frozen=True)
class Config:
    """Fresh processes of `cairn train`, watched until their first line of metrics is on disk."""

    methods: tuple[str, ...] = ("dr", "accel")
    """Methods to start, with the reference preset."""
    flags: tuple[str, ...] = ()
    """More flags for `cairn train`, without their two dashes: `batch=64 hidden=128`."""
    repeats: int = 5
    """Pairs of starts: one with an empty compilation cache, one with what that one left."""
    json: Path | None = None
    """File for the figures."""
    tiny: bool = False
    """Everything once, as small as possible: shows that it works, says nothing about speed."""


def run(config: Config) -> dict[str, Any]:
    """Measure, print, write."""
    if config.tiny:
        small = ("batch=2",)
        config = replace(config, methods=("dr",), flags=small, repeats=1)
    rows = [_measure(config, method) for method in config.methods]
    result = figures.record("compile", config.repeats, {"rows": rows})
    figures.write(config.json, result)
    lines = [
        [
            row["method"],
            *(figures.between(row[s]["seconds"], lambda x: f"{x:.1f} s") for s in STAGES),
            *(figures.between(row[s]["peak_rss_mb"], lambda x: f"{x:.0f} MB") for s in STAGES),
        ]
        for row in rows
    ]
    columns = ["method", "cold", "cached", "memory, cold", "memory, cached"]
    figures.show("From the command to the first finished cycle", columns, lines)
    return result


STAGES: tuple[Stage, ...] = ("cold", "cached")


def _measure(config: Config, method: str) -> dict[str, Any]:
    taken: dict[str, list[tuple[float, float]]] = {stage: [] for stage in STAGES}
    flags = [f"--{flag}" for flag in config.flags]
    for _ in range(config.repeats):
        with tempfile.TemporaryDirectory() as folder:
            for stage in STAGES:
                cache = None if config.tiny else Path(folder) / "cache"
                taken[stage].append(_start(Path(folder) / stage, cache, method, flags))
    row: dict[str, Any] = {"method": method, "flags": list(config.flags)}
    for stage, pairs in taken.items():
        seconds, memory = zip(*pairs, strict=True)
        row[stage] = {"seconds": figures.spread(seconds), "peak_rss_mb": figures.spread(memory)}
    return row


def _start(
    directory: Path, cache: Path | None, method: str, flags: Sequence[str]
) -> tuple[float, float]:
    """One process: seconds to its first metrics, and its peak memory until then (MB)."""
    environment = dict(os.environ)
    if cache is not None:
        environment["JAX_COMPILATION_CACHE_DIR"] = str(cache)
    # One cycle in a chunk: the first line is the first cycle. The program that it waited for holds
    # all kinds of cycle, so it is ready to learn, though ACCEL's first cycle only scores levels.
    command = [sys.executable, "-c", COMMAND, "train", "maze", "--method", method]
    command += ["--preset", "reference", "--log-every", "1", "--run", str(directory), *flags]
    log = directory.with_suffix(".log")
    with log.open("w") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            seconds = _wait(process, directory / "metrics.jsonl", begin, log)
            return seconds, _peak_mb(process.pid)
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen, lines: Path, begin: float, log: Path) -> float:
    while True:
        seconds = time.perf_counter() - begin
        if lines.exists() and b"\n" in lines.read_bytes():
            return seconds
        if process.poll() is not None or seconds > LIMIT_S:
            last = (log.read_text().strip().splitlines() or ["nothing was printed"])[-1]
            raise CairnError(f"cairn train came to no cycle in {seconds:.0f} s: {last}")
        time.sleep(POLL_S)


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float("nan")
    return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
