"""LLM-First Search and its rivals under a SIMULATED judge of known error. No model is asked.

    uv run python benchmarks/verify/search_puzzles.py [--puzzles 200] [--run DIR] [--page]

Every arm plays the same puzzles under the same errors (`cairn.research.puzzles.judge`), multiplied
by sigma. Through a map: stopped or killed, the same command goes on. `--page` puts the results on
file into docs/search-puzzles.md. The statements were committed before the first run, after a pilot
of 10 puzzles (seed 0; the study's seed is 1) had been looked at for speed.
"""

import argparse
import json
import math
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from provenance import command, keep, source_hash, versions

from cairn.core.stats import wilson
from cairn.research.metrics.profiles import lfs_aup
from cairn.research.puzzles.judge import Noise
from cairn.research.puzzles.kinds import KINDS, budget_of
from cairn.research.puzzles.mcts import Config
from cairn.research.puzzles.study import Arm, items, run

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "search_puzzles.json"
PAGE = ROOT / "docs" / "search-puzzles.md"
MARK = re.compile(r"(?<=<!-- puzzles: )(?P<name>[a-z]+) -->\n.*?(?=<!-- end -->)", re.S)
SIGMAS = (0.0, 0.1, 0.3, 0.5)
CS = (0.5, 1.0, 2.5)
SEED = 1
RIVALS = {"lfs": "LFS", "tot-bfs": "ToT-BFS", "best-first": "BestFS", "mcts-0.5": "MCTS, c = 0.5"}
VARIANTS: Mapping[str, Callable[[float], Config]] = {
    "mcts": Config,
    "mcts-bug": lambda c: Config(c, root_bug=True),
    "mcts-reference": Config.reference,
}
STATEMENTS = {
    "won": "At σ = 0 every method except possibly ToT-BFS wins all puzzles.",
    "first": "Rising σ hurts ToT-BFS first: it is the first whose win rate falls below that at "
    "σ = 0 by more than the intervals.",
    "calls": "At an equal budget LFS asks fewer calls a game than MCTS (c = 0.5).",
    "depends": "MCTS's win rate depends on c: those of two values have intervals that do not meet. "
    "LFS has no such constant.",
    "survives": "Where MCTS with all of the reference's rules depends on c, mended MCTS does too.",
}


def arms(sigma: float) -> list[Arm]:
    """All ways of playing under one noise."""
    noise = Noise(sigma)
    plain = [Arm(f"{name}@{sigma}", name, noise) for name in ("lfs", "tot-bfs", "best-first")]
    return plain + [
        Arm(f"{name}-{c}@{sigma}", "mcts", noise, make(c))
        for name, make in VARIANTS.items()
        for c in CS
    ]


def played(puzzles: int, path: Path) -> dict[str, Any]:
    """The counts of all games, by kind and arm."""
    every = [arm for sigma in SIGMAS for arm in arms(sigma)]
    games = items(KINDS, every, puzzles, seed=SEED, split="val", budget=None)
    mapped = run(games, path, show=False)
    if mapped.done != len(games):
        raise SystemExit(f"{path}: {mapped.done} of {len(games)} games; {mapped.stopped}.")
    cells: dict[str, dict[str, dict[str, list[Any]]]] = {}
    for outcome in mapped.outcomes():
        value = outcome.value
        cell = cells.setdefault(value["kind"], {}).setdefault(
            value["arm"], {"won": [], "calls": [], "tokens": [], "stopped": []}
        )
        cell["won"].append(value["won"])
        cell["calls"].append(sum(value["calls"].values()))
        cell["tokens"].append(value["tokens"])
        cell["stopped"].append(value["stopped"])
    return {kind: {arm: counted(own) for arm, own in by.items()} | {
        f"lfs-mcts@{sigma}": difference(by[f"lfs@{sigma}"]["calls"],
                                        by[f"mcts-0.5@{sigma}"]["calls"])
        for sigma in SIGMAS} for kind, by in cells.items()}  # fmt: skip


def counted(cell: dict[str, list[Any]]) -> dict[str, Any]:
    """One arm on one kind."""
    games = len(cell["won"])
    won = sum(cell["won"])
    return {
        "games": games, "won": won, "interval": [round(x, 4) for x in wilson(won, games)],
        "calls": round(sum(cell["calls"]) / games, 2),
        "tokens": round(sum(cell["tokens"]) / games),
        "stopped": {name: cell["stopped"].count(name) for name in sorted({*cell["stopped"]})},
    }  # fmt: skip


def difference(ours: list[int], theirs: list[int]) -> dict[str, float]:
    """Mean paired difference with a normal 95 % interval over puzzles."""
    each = [a - b for a, b in zip(ours, theirs, strict=True)]
    mean = sum(each) / len(each)
    spread = math.sqrt(sum((x - mean) ** 2 for x in each) / max(len(each) - 1, 1))
    half = 1.96 * spread / math.sqrt(len(each))
    return {"mean": round(mean, 2), "low": round(mean - half, 2), "high": round(mean + half, 2)}


def judged(cells: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What became of each statement, kind by kind: true, false, or None where it says nothing."""
    found: dict[str, dict[str, Any]] = {name: {} for name in STATEMENTS}
    for kind, cell in cells.items():
        found["won"][kind] = all(
            cell[f"{m}@0.0"]["won"] == cell[f"{m}@0.0"]["games"] for m in RIVALS if m != "tot-bfs"
        )
        falls = {method: first_fall(cell, method) for method in RIVALS}
        others = min(falls[method] for method in RIVALS if method != "tot-bfs")
        earliest = falls["tot-bfs"]
        found["first"][kind] = None if min(earliest, others) == math.inf else earliest < others
        found["calls"][kind] = {
            str(sigma): cell[f"lfs-mcts@{sigma}"]["high"] < 0 for sigma in SIGMAS
        }
        depends = {
            name: {str(sigma): apart(cell, name, sigma) for sigma in SIGMAS} for name in VARIANTS
        }
        found["depends"][kind] = depends["mcts"]
        found["survives"][kind] = {
            sigma: depends["mcts"][sigma] if there else None
            for sigma, there in depends["mcts-reference"].items()
        }
    return found


def first_fall(cell: dict[str, Any], method: str) -> float:
    """The first sigma at which a method wins less than at 0, intervals apart; infinite for none."""
    low = cell[f"{method}@0.0"]["interval"][0]
    return next((s for s in SIGMAS if cell[f"{method}@{s}"]["interval"][1] < low), math.inf)


def apart(cell: dict[str, Any], name: str, sigma: float) -> bool:
    """Whether two values of c have win rates whose intervals do not meet."""
    bounds = [cell[f"{name}-{c}@{sigma}"]["interval"] for c in CS]
    return max(low for low, _ in bounds) > min(high for _, high in bounds)


def shown(page: str, found: dict[str, Any]) -> str:
    """The page with its blocks made anew."""
    blocks = {"rivals": rivals, "constant": constant, "statements": statements, "aup": areas}
    return MARK.sub(lambda m: f"{m['name']} -->\n{blocks[m['name']](found)}", page)


def _percent(cell: dict[str, Any]) -> str:
    return f"{100 * cell['won'] / cell['games']:.1f}"


def _share(cell: dict[str, Any]) -> str:
    low, high = (100 * x for x in cell["interval"])
    return f"{_percent(cell)} [{low:.1f}, {high:.1f}]"


def rivals(found: dict[str, Any]) -> str:
    """Won and calls of the four methods."""
    lines = [
        "| puzzles | σ | " + " | ".join(RIVALS.values()) + " | calls a game |",
        "|---" * 7 + "|",
    ]
    for kind, cell in found["cells"].items():
        for sigma in SIGMAS:
            own = [cell[f"{method}@{sigma}"] for method in RIVALS]
            calls = " / ".join(f"{c['calls']:.0f}" for c in own)
            lines.append(f"| {kind} | {sigma} | {' | '.join(map(_share, own))} | {calls} |")
    return "\n".join(lines) + "\n"


def constant(found: dict[str, Any]) -> str:
    """Won by MCTS at three values of c, three ways."""
    head = ["mended", "root bug kept", "all of the reference"]
    lines = [
        "| puzzles | σ | LFS | "
        + " | ".join(f"{h}: c = {', '.join(map(str, CS))}" for h in head)
        + " |",
        "|---" * 6 + "|",
    ]
    for kind, cell in found["cells"].items():
        for sigma in SIGMAS:
            each = [" / ".join(_percent(cell[f"{v}-{c}@{sigma}"]) for c in CS) for v in VARIANTS]
            lfs = _percent(cell[f"lfs@{sigma}"])
            lines.append(f"| {kind} | {sigma} | {lfs} | {' | '.join(each)} |")
    return "\n".join(lines) + "\n"


def _told(value: Any) -> str:
    if isinstance(value, dict):
        groups: dict[str, list[str]] = {}
        for sigma, held in value.items():
            groups.setdefault(_told(held), []).append(sigma)
        if len(groups) == 1:
            return next(iter(groups))
        return "; ".join(f"{word} at σ = {', '.join(at)}" for word, at in groups.items())
    return {True: "yes", False: "no", None: "says nothing"}[value]


def statements(found: dict[str, Any]) -> str:
    """What became of the statements."""
    lines = ["| statement | " + " | ".join(found["cells"]) + " |"]
    lines.append("|---" * (len(found["cells"]) + 1) + "|")
    for name, text in STATEMENTS.items():
        told = (_told(found["statements"][name][kind]) for kind in found["cells"])
        lines.append(f"| {text} | {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


def profiles(cells: dict[str, Any], sigma: float) -> dict[str, dict[str, float]]:
    """Both areas of LLM-First Search's definition, over the five kinds."""
    won = {m: {k: c[f"{m}@{sigma}"]["won"] / c[f"{m}@{sigma}"]["games"] for k, c in cells.items()}
           for m in RIVALS}  # fmt: skip
    tokens = {m: {k: c[f"{m}@{sigma}"]["tokens"] for k, c in cells.items()} for m in RIVALS}
    return {"win": lfs_aup(won), "efficiency": lfs_aup(won, tokens)}


def areas(found: dict[str, Any]) -> str:
    """Areas under the profiles by noise."""
    lines = ["| AUP (of 9), win / efficiency | " + " | ".join(RIVALS.values()) + " |"]
    lines.append("|---" * (len(RIVALS) + 1) + "|")
    for sigma in SIGMAS:
        own = profiles(found["cells"], sigma)
        each = (f"{own['win'][m]:.2f} / {own['efficiency'][m]:.2f}" for m in RIVALS)
        lines.append(f"| σ = {sigma} | {' | '.join(each)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Play, judge the statements, keep the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--puzzles", type=int, default=200)
    parser.add_argument("--run", type=Path, help="directory to go on from; a new one in /tmp")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="1 puzzle of each kind; keeps nothing")
    parser.add_argument("--page", action="store_true", help="make the page anew; play nothing")
    asked = parser.parse_args()
    if asked.page:
        PAGE.write_text(shown(PAGE.read_text(), json.loads(asked.results.read_text())))
        return 0
    count = 1 if asked.tiny else asked.puzzles
    with tempfile.TemporaryDirectory() as folder:
        path = asked.run or Path(folder) / "run"
        began = time.process_time()
        source = source_hash(Path(__file__), ["research/puzzles"])
        cells = played(count, path)
        result = {
            "simulated": True, "command": command(), "puzzles": count, "seed": SEED,
            "budgets": {kind: budget_of(kind) for kind in KINDS}, "sigmas": SIGMAS,
            "statements": judged(cells), "cells": cells,
            "cpu_s": round(time.process_time() - began, 1), "versions": versions(),
            "source": source,
        }  # fmt: skip
    if not asked.tiny:
        keep(asked.results, result)
    print(statements(result), constant(result), areas(result), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
