"""`cairn bench jail`: what a run in the jail costs beside the same program without one."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cairn import jail
from cairn.bench import figures
from cairn.core.errors import CairnError


@dataclass(frozen=True)
class Config:
    """An empty Python program, without the jail and in each tier that is here, in turn."""

    tiers: tuple[int, ...] = (0, 1, 2, 3)
    """Those that this machine lacks are left out, and said."""
    repeats: int = 30
    """Rounds; in each, every tier once, right after a run without the jail."""
    json: Path | None = None
    """File for the figures."""
    tiny: bool = False
    """Everything once: shows that it works, says nothing about speed."""


def run(config: Config) -> dict[str, Any]:
    """Measure, print, write."""
    if config.tiny:
        config = replace(config, repeats=1)
    there, absent = [], {}
    for tier in config.tiers:
        found = jail.run(["python", "-c", "pass"], tier=tier)
        if found.kind == "ok":
            there.append(tier)
        else:
            absent[str(tier)] = found.reason
    if not there:
        raise CairnError(f"No tier works here: {absent}.")
    bare: dict[int, list[tuple[float, float]]] = {tier: [] for tier in there}
    jailed: dict[int, list[tuple[float, float]]] = {tier: [] for tier in there}
    for _ in range(config.repeats):
        for tier in there:
            bare[tier].append(_timed(_bare))
            jailed[tier].append(_timed(lambda tier=tier: _jailed(tier)))
    rows = [_row(tier, bare[tier], jailed[tier]) for tier in there]
    record = figures.record("jail", config.repeats, {"rows": rows, "absent": absent})
    figures.show(
        "Overhead of the jail, ms: median (least to greatest)",
        ("tier", "without", "in the jail", "overhead", "of it processor time"),
        [
            (str(row["tier"]), *(figures.between(row[name], _ms) for name in _COLUMNS))
            for row in rows
        ],
    )
    for tier, reason in absent.items():
        print(f"tier {tier} is not here: {reason}")
    figures.write(config.json, record)
    return record


_COLUMNS = ("bare_s", "jailed_s", "overhead_s", "overhead_cpu_s")


def _row(
    tier: int, bare: list[tuple[float, float]], jailed: list[tuple[float, float]]
) -> dict[str, Any]:
    """Spreads in seconds; overheads are differences round by round."""
    more = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(bare, jailed, strict=True)]
    return {
        "tier": tier,
        "bare_s": figures.spread([wall for wall, _ in bare]),
        "jailed_s": figures.spread([wall for wall, _ in jailed]),
        "overhead_s": figures.spread([wall for wall, _ in more]),
        "overhead_cpu_s": figures.spread([cpu for _, cpu in more]),
    }


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}"


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and of processor time, ours and that of what we waited for."""
    begun, before = time.perf_counter(), _processor()
    work()
    return time.perf_counter() - begun, _processor() - before


def _processor() -> float:
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _bare() -> None:
    subprocess.run([sys.executable, "-s", "-u", "-c", "pass"], env={}, check=True)


def _jailed(tier: int) -> None:
    found = jail.run(["python", "-c", "pass"], tier=tier)
    if found.kind != "ok":
        raise CairnError(f"A run in tier {tier} ended as {found.kind}: {found.reason}.")
