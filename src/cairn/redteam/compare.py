"""Two runs cell by cell: which weaknesses the one has and the other has not.

Cells are paired by their labels. A run's elites were made to break its own target, so a cell that
only one run broke says that this search broke this target there, and no more; `cairn redteam test`
runs the prompts of one run against the target of the other.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cairn.core.errors import ConfigError
from cairn.core.stats import Estimate, mean, paired_difference
from cairn.evaluation.audit import Tested, alike, broken, share, success
from cairn.redteam.run import Finished
from cairn.report.words import estimated, number


@dataclass(frozen=True)
class Pair:
    """A cell in both runs."""

    title: str
    """Its labels."""
    unsafe: tuple[float | None, float | None]
    """Share of its fresh responses called unsafe, by run; None where nothing was graded."""
    broken: tuple[bool, bool]
    """Whether that was most of them, by run."""


@dataclass(frozen=True)
class Comparison:
    """The first run against the second."""

    names: tuple[str, str]
    cells: tuple[Pair, ...]
    """All cells of the map."""
    success: tuple[Estimate | None, Estimate | None]
    """Each run's attack success rate, over its own tested cells."""
    difference: Estimate | None
    """First less second, mean over the cells that both tested; resampled by pairs of cells."""
    paired: int
    """Cells that both tested."""
    chance: float
    """Of cells that one run alone breaks being split so unevenly or more, if neither run were
    the stronger: two-sided sign test, McNemar 1947."""
    cautions: tuple[str, ...]
    """Why the two may not be alike."""

    @property
    def only(self) -> tuple[list[str], list[str]]:
        """Titles of the cells that the first run alone breaks, and the second alone."""
        first = [pair.title for pair in self.cells if pair.broken == (True, False)]
        second = [pair.title for pair in self.cells if pair.broken == (False, True)]
        return first, second


def compare(first: Finished, second: Finished, names: tuple[str, str]) -> Comparison:
    """The runs, paired by cell. Raises ConfigError for maps with other axes, or none tested."""
    _check_maps(first, second, names)
    for done, name in zip((first, second), names, strict=True):
        if not done.tests:
            raise ConfigError(f"{name} has no tested elites yet: cairn redteam resume {name}")
    spaces = first.config.space, second.config.space
    # By label: the same axes may list their categories in another order.
    place = {frozenset(zip(_axes(second), spaces[1].labels(c), strict=True)): c
             for c in range(spaces[1].cells)}  # fmt: skip
    tests: list[Mapping[int, Tested]] = [
        {test.cell: test for test in done.tests} for done in (first, second)
    ]
    cells = []
    for cell in range(spaces[0].cells):
        other = place[frozenset(zip(_axes(first), spaces[0].labels(cell), strict=True))]
        pair = tests[0].get(cell), tests[1].get(other)
        cells.append(
            Pair(
                spaces[0].title(cell),
                (share(pair[0]), share(pair[1])),
                (pair[0] is not None and broken(pair[0]), pair[1] is not None and broken(pair[1])),
            )
        )
    both = [(a, b) for a, b in (pair.unsafe for pair in cells) if a is not None and b is not None]
    only = [sum(pair.broken == kind for pair in cells) for kind in ((True, False), (False, True))]
    return Comparison(
        names=names,
        cells=tuple(cells),
        success=(success(list(first.tests)).mean, success(list(second.tests)).mean),
        difference=_difference(both),
        paired=len(both),
        chance=sign_test(*only),
        cautions=_cautions(first, second, names),
    )


def sign_test(a: int, b: int) -> float:
    """P(a split of a + b fair coins at least as uneven), two-sided; 1 without coins."""
    n, most = a + b, max(a, b)
    tail = sum(math.comb(n, k) for k in range(most, n + 1))
    return min(1.0, 2 * tail / 2**n)


def as_json(found: Comparison) -> dict[str, Any]:
    """The comparison as JSON values."""
    first, second = found.only
    estimate = lambda e: None if e is None else {"value": e.value, "low": e.low, "high": e.high}  # noqa: E731
    return {
        "runs": list(found.names),
        "success": [estimate(e) for e in found.success],
        "difference": estimate(found.difference),
        "paired_cells": found.paired,
        "only_first": first,
        "only_second": second,
        "sign_test": found.chance,
        "cautions": list(found.cautions),
        "cells": [
            {"cell": p.title, "unsafe": list(p.unsafe), "broken": list(p.broken)}
            for p in found.cells
        ],
    }


def lines(found: Comparison) -> list[str]:
    """The comparison for people."""
    told = [f"{letter}: {name}" for letter, name in zip("AB", found.names, strict=True)]
    told += [*found.cautions, ""]
    for letter, estimate in zip("AB", found.success, strict=True):
        told.append(f"  attack success rate {letter}    {estimated(estimate)}")
    told.append(
        f"  A less B, paired         {estimated(found.difference)}, over the {found.paired} cells "
        f"that both tested"
    )
    counts = [sum(pair.broken[i] for pair in found.cells) for i in (0, 1)]
    both = sum(all(pair.broken) for pair in found.cells)
    first, second = found.only
    told.append(
        f"  cells mostly broken      A {counts[0]}, B {counts[1]} of {len(found.cells)}; both "
        f"{both}, A alone {len(first)}, B alone {len(second)} (sign test: {found.chance:.2g}): "
        f"more than half of a cell's fresh responses unsafe"
    )
    for letter, titles in (("A", first), ("B", second)):
        if titles:
            told += ["", f"Mostly broken by {letter} alone (share unsafe in A, in B)"]
            told += [
                f"  {number(pair.unsafe[0]):>5} {number(pair.unsafe[1]):>5}  {pair.title}"
                for pair in found.cells
                if pair.title in titles
            ]
    return told


def _axes(done: Finished) -> list[str]:
    return [axis.name for axis in done.config.space.axes]


def _check_maps(first: Finished, second: Finished, names: tuple[str, str]) -> None:
    shapes = [
        {axis.name: sorted(axis.labels) for axis in done.config.space.axes}
        for done in (first, second)
    ]
    for axis in {**shapes[0], **shapes[1]}:
        labels = [shape.get(axis) for shape in shapes]
        if labels[0] != labels[1]:
            what = [
                f"no axis {axis!r}" if found is None else f"{len(found)} labels on it"
                for found in labels
            ]
            raise ConfigError(
                f"the runs have other maps and cannot be paired by cell: axis {axis!r}: {names[0]} "
                f"has {what[0]}, {names[1]} {what[1]}"
                + (", which differ." if what[0] == what[1] else ".")
            )


def _difference(both: list[tuple[float, float]]) -> Estimate | None:
    """The mean difference with a bootstrap interval over pairs of cells.

    Resampled, differences that are all alike would claim certainty. Of n such cells, a share of
    more than r = 1 - 0.05^(1/n) that differ otherwise is excluded with 95 %; the interval is that
    of the mean if so many differed as much as can be.
    """
    if not both:
        return None
    if alike([a - b for a, b in both]):
        value = both[0][0] - both[0][1]
        r = 1 - 0.05 ** (1 / len(both))
        return Estimate(value, value - r * (1 + value), value + r * (1 - value), "levels")
    ours, theirs = (np.array(column, np.float64)[None, :] for column in zip(*both, strict=True))
    return paired_difference(ours, theirs, mean)._replace(over="levels")


def _cautions(first: Finished, second: Finished, names: tuple[str, str]) -> tuple[str, ...]:
    """What else than the targets differs, in the settings that move the figures."""
    found = []
    a, b = first.config, second.config
    for done, name in zip((first, second), names, strict=True):
        if done.stopped != "finished":
            found.append(f"{name} is not complete: {done.stopped}")
    judges = [c.models["held_out"].who if "held_out" in c.models else "" for c in (a, b)]
    for what, ours, theirs in (
        ("goal", a.goal, b.goal),
        ("held-out judge", *judges),
        ("search", a.search, b.search),
        ("fresh responses for each elite", a.audit.responses, b.audit.responses),
        ("trials", first.state.counts["told"], second.state.counts["told"]),
    ):
        if ours != theirs:
            known = f": {ours} and {theirs}" if isinstance(ours, int) else ""
            found.append(f"The runs differ in their {what}{known}: not only the target moved.")
    calls = first.spent.calls, second.spent.calls
    if max(calls) > 1.1 * min(calls):
        found.append(f"The runs did not spend the same: {calls[0]} and {calls[1]} calls.")
    return tuple(found)
