"""What came of many searches: by landscape and policy, with intervals, and whether operators or
policies matter more."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.core.stats import bootstrap, mean, paired_difference
from cairn.research.gym.landscape import Landscape
from cairn.research.gym.play import Curves, play
from cairn.research.gym.policies import POLICIES

MARKS = 8
"""Points of a curve that are kept."""


class Cell(NamedTuple):
    """One policy on one landscape."""

    landscape: str
    policy: str
    curves: Curves


def measure(
    landscapes: dict[str, Landscape],
    policies: Sequence[str],
    *,
    evaluations: int,
    count: int,
    seed: int = 0,
    tell: Callable[[str], None] = lambda words: None,
) -> list[Cell]:
    """Every policy on every landscape: searches with the same keys, so that they are paired."""
    cells = []
    for policy in policies:  # one program serves all landscapes
        for name, landscape in landscapes.items():
            tell(f"{policy} on {name}")
            found = play(
                POLICIES[policy](), landscape, evaluations=evaluations, count=count, seed=seed
            )
            cells.append(Cell(name, policy, found))
    return sorted(cells, key=lambda cell: list(landscapes).index(cell.landscape))


def ended(curve: Float[np.ndarray, "S N"]) -> Float[np.ndarray, "S 1"]:
    """At the end; a search in which nothing ever ran is worth the worst of the others, since it
    has nothing to hand in."""
    last = curve[:, -1:]
    worst = np.nanmin(last) if np.isfinite(last).any() else 0.0
    return np.where(np.isfinite(last), last, worst)


def row(cell: Cell, base: Cell | None) -> dict[str, Any]:
    """A line of the table, for JSON; `base` is compared with by pairs of searches."""
    chosen, oracle = ended(cell.curves.chosen), ended(cell.curves.oracle)
    count = cell.curves.chosen.shape[1]
    at = np.unique(np.linspace(0, count - 1, MARKS).astype(int))
    with np.errstate(invalid="ignore"):
        curve = [float(np.nanmean(cell.curves.chosen[:, one])) for one in at[1:]]
    made: dict[str, Any] = {
        "landscape": cell.landscape,
        "policy": cell.policy,
        "quality": _plain(bootstrap(chosen, mean)),
        "oracle_gap": _plain(bootstrap(oracle - chosen, mean)),
        "curve": dict(zip((int(one) + 1 for one in at[1:]), curve, strict=True)),
        "over": None,
    }
    if base is not None and base.policy != cell.policy:
        found = paired_difference(chosen, ended(base.curves.chosen), mean)
        made["over"] = _plain(found)
    return made


def rows(cells: Sequence[Cell], base: str) -> list[dict[str, Any]]:
    """All lines, each against the base on its landscape."""
    bases = {cell.landscape: cell for cell in cells if cell.policy == base}
    return [row(cell, bases.get(cell.landscape)) for cell in cells]


def shares(quality: Float[np.ndarray, "operators policies"]) -> dict[str, float]:
    """Of the variance between the cells of a table, which share its rows explain, which its
    columns, and which only both together."""
    total = quality - quality.mean()
    by_row = total.mean(1, keepdims=True)
    by_column = total.mean(0, keepdims=True)
    every = float((total**2).sum())
    parts = {
        "operators": by_row**2 * total.shape[1],
        "policies": by_column**2 * total.shape[0],
        "together": (total - by_row - by_column) ** 2,
    }
    return {name: float(part.sum()) / every if every > 0 else 0.0 for name, part in parts.items()}


def _plain(estimate: Any) -> list[float]:
    return [float(estimate.value), float(estimate.low), float(estimate.high)]
