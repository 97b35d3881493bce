"""What a measurement is written down as: medians with their spread, machine, versions, tables."""

import datetime
import hashlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

PACKAGE = Path(__file__).parents[1]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, least, greatest, and all values in the order they came."""
    return {
        "median": median(values),
        "low": min(values),
        "high": max(values),
        "values": list(values),
    }


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    """Spread of the ratio, round by round: both worked under the same load."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def machine() -> dict[str, Any]:
    """The machine in words, and how busy it is."""
    busy = os.getloadavg() if hasattr(os, "getloadavg") else (None,)
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "load": busy[0],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def record(benchmark: str, repeats: int, figures: dict[str, Any]) -> dict[str, Any]:
    """Everything about one measurement, for a file. Paths in the command are cut to their ends."""
    words = [_without_paths(word) for word in sys.argv[1:]]
    return {
        "benchmark": benchmark,
        "command": shlex.join(["cairn", *words]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "sources": sources(),
        "repeats": repeats,
        **figures,
        "versions": versions() | figures.get("versions", {}),
    }


def sources() -> str:
    """A hash over the package and the peers' drivers: a result names the code that made it."""
    total = hashlib.sha256()
    for folder in (PACKAGE, PACKAGE.parents[1] / "benchmarks" / "peers"):
        for path in sorted(folder.rglob("*.py")):
            total.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def versions() -> dict[str, str]:
    """Of Python and what computes, in this process; sides with an environment add their own."""
    found = {name: metadata.version(name) for name in ("cairn", "jax", "jaxlib", "numpy")}
    return found | {"python": platform.python_version()}


def _without_paths(word: str) -> str:
    """`jaxued=/some/where/python@/else/where` as `jaxued=PYTHON@CHECKOUT`; `/a/b` as `b`."""
    name, equals, rest = word.partition("=")
    if word.startswith(("/", "~")):
        return Path(word).name
    if word.startswith("--") and equals:
        return f"{name}={_without_paths(rest)}"
    if not equals or "/" not in rest:
        return word
    return f"{name}=PYTHON@CHECKOUT" if "@" in rest else f"{name}=PYTHON"


def write(path: Path | None, figures: dict[str, Any]) -> None:
    """As JSON, whole or not at all."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(figures, indent=1) + "\n")
    part.replace(path)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on the console."""
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def between(values: dict[str, Any], form: Callable[[float], str]) -> str:
    """`median (low to high)`."""
    return f"{form(values['median'])} ({form(values['low'])} to {form(values['high'])})"
