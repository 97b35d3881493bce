"""`cairn bench jail`: what a run in the jail costs beside the same program without one."""

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
    bare: dict[int, list[float]] = {tier: [] for tier in there}
    jailed: dict[int, list[float]] = {tier: [] for tier in there}
    for _ in range(config.repeats):
        for tier in there:
            bare[tier].append(_timed(_bare))
            jailed[tier].append(_timed(lambda tier=tier: _jailed(tier)))
    rows = [
        {
            "tier": tier,
            "bare_s": figures.spread(bare[tier]),
            "jailed_s": figures.spread(jailed[tier]),
            "overhead_s": figures.spread(
                [b - a for a, b in zip(bare[tier], jailed[tier], strict=True)]
            ),
        }
        for tier in there
    ]
    record = figures.record("jail", config.repeats, {"rows": rows, "absent": absent})
    figures.show(
        "Overhead of the jail, ms: median (least to greatest)",
        ("tier", "without", "in the jail", "overhead"),
        [
            (str(row["tier"]), *(figures.between(row[name], _ms) for name in _COLUMNS))
            for row in rows
        ],
    )
    for tier, reason in absent.items():
        print(f"tier {tier} is not here: {reason}")
    figures.write(config.json, record)
    return record


_COLUMNS = ("bare_s", "jailed_s", "overhead_s")


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f}"


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _bare() -> None:
    subprocess.run([sys.executable, "-s", "-u", "-c", "pass"], env={}, check=True)


def _jailed(tier: int) -> None:
    found = jail.run(["python", "-c", "pass"], tier=tier)
    if found.kind != "ok":
        raise CairnError(f"A run in tier {tier} ended as {found.kind}: {found.reason}.")
