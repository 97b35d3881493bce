"""What `cairn search puzzles` prints: a row for each kind and arm, and areas under profiles."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from cairn.cli.testing import between
from cairn.core.console import count
from cairn.research.metrics.profiles import lfs_aup
from cairn.research.puzzles.study import Row

SIMULATED = "SIMULATED judge: exact but for noise; nothing is said of any language model.\n"


def reasons(outcomes: Iterable[Any]) -> list[str]:
    """Why games failed, a line each, the commonest first; five at most."""
    told = Counter(
        f"{outcome.value['message']}" for outcome in outcomes if outcome.kind == "failed"
    )
    return [f"{number} failed: {message}" for message, number in told.most_common(5)]


def show(rows: Sequence[Row], *, simulated: bool, reasons: Sequence[str]) -> None:
    """The table."""
    console = Console(file=sys.stdout)
    if simulated:
        print(SIMULATED)
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0)
    for name in ("puzzles", "arm"):
        table.add_column(name, no_wrap=True)
    for name in ("won", "95%", "games", "failed", "calls", "tokens"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.kind, row.arm,
            "-" if row.won.value is None else f"{row.won.value:.3f}",
            between((row.won.low, row.won.high)) if row.won.value is not None else "-",
            str(row.won.of), str(row.failed), _mean(row.calls), _mean(row.tokens),
        )  # fmt: skip
    console.print(table)
    for line in reasons:
        print(line)
    found = areas(rows)
    if found:
        print("Area under the profile of LLM-First Search's definition, at most 9: win, efficiency")
        for arm, (won, efficiency) in found.items():
            print(f"  {arm:<24} {won:.2f}  {efficiency:.2f}")


def plain(rows: Sequence[Row], asked: argparse.Namespace, *, simulated: bool) -> dict[str, Any]:
    """What --json holds."""
    told = [{**row._asdict(), "won": row.won._asdict()} for row in rows]
    return {
        "simulated": simulated, "puzzles": asked.puzzles, "seed": asked.seed, "split": asked.split,
        "rows": told, "lfs_aup": areas(rows),
    }  # fmt: skip


def areas(rows: Sequence[Row]) -> dict[str, tuple[float, float]]:
    """By arm; empty where there is one arm alone, or an arm without a game."""
    arms = list(dict.fromkeys(row.arm for row in rows))
    if len(arms) < 2 or any(row.won.value is None or not row.tokens for row in rows):
        return {}
    won = {arm: {r.kind: r.won.value or 0.0 for r in rows if r.arm == arm} for arm in arms}
    tokens = {arm: {r.kind: r.tokens or 0.0 for r in rows if r.arm == arm} for arm in arms}
    wins, efficiency = lfs_aup(won), lfs_aup(won, tokens)
    return {arm: (wins[arm], efficiency[arm]) for arm in arms}


def _mean(value: float | None) -> str:
    return "-" if value is None else count(value) if value >= 1000 else f"{value:.1f}"
