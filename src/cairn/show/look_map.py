"""A map of elites whose cells can be opened, and one elite."""

import math
from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import Float, PyTree

from cairn.core.errors import ConfigError
from cairn.report import pages
from cairn.report.parts import Cards, Figures, Link, Section, Table, Text, Words
from cairn.report.words import Row
from cairn.show import heatmap, look
from cairn.show.elite_map import elite_map
from cairn.show.subject import Subject

BEST = 8
"""Elites in the table."""
NUMBERS = 2_000
"""Of a solution that are shown."""


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """The map: each cell leads to its elite. The best stand in a table too, for the keyboard."""
    elites = subject.state.elites
    figures = heatmap.figures(subject)
    cards = [
        pages.Card("cells that hold an elite", f"{int(elites.count):,}", f"of {elites.cells:,}"),
        pages.Card("QD score", f"{figures['qd_score']:,.1f}", "sum over the elites"),
    ]
    if "best" in figures:
        cards.append(pages.Card("best", f"{figures['best']:.4g}", "fitness"))
    href = lambda cell: subject.href("elite", cell=cell)  # noqa: E731
    fitness = np.asarray(elites.fitness)
    best = np.argsort(-fitness, kind="stable")[: min(BEST, int(elites.count))].tolist()
    descriptors = _numbers_of(jax.tree.map(lambda leaf: np.asarray(leaf)[best], elites.descriptors))
    rows = [
        (Link(str(cell), href(cell)), float(fitness[cell]), *values)
        for cell, values in zip(best, descriptors.tolist(), strict=True)
    ]
    names = [f"descriptor {i + 1}" for i in range(descriptors.shape[1])]
    return Section(
        "map",
        "The map of elites",
        (
            Words(subject.caption, "muted"),
            Cards(cards),
            elite_map(elites, subject.task.tessellation, "Fitness of each cell's elite", href),
            Table(("cell", "fitness", *names), rows, "The best elites", name="best elites"),
        ),
    )


def elite(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """The elite of `cell`: fitness, descriptor, solution. Raises ConfigError for no cell."""
    elites = subject.state.elites
    if not arguments.get("cell"):
        raise ConfigError("Which cell? Give its number, or follow one from the map.")
    cell = look.number(arguments, "cell", 0)
    if cell >= elites.cells:
        raise ConfigError(f"cell must lie in [0, {elites.cells}), got {cell}.")
    back = Link("the map", subject.href("map"))
    title = f"The elite of cell {cell}"
    host = jax.tree.map(np.asarray, elites)
    if not host.fitness[cell] > -np.inf:
        return Section("elite", title, (Words("The cell holds nobody.", "muted", back),))
    fitness = host.fitness[np.isfinite(host.fitness)]
    better = int((fitness > host.fitness[cell]).sum())
    numbered = Row("number", f"{host.ids[cell]:,}", "solutions that were evaluated before it")
    rows = [
        Row("fitness", f"{host.fitness[cell]:.6g}", f"{better:,} of {len(fitness):,} are better"),
        *_named("descriptor", _numbers_of(_one(host.descriptors, cell))[0]),
        numbered,
    ]
    solution = _numbers_of(_one(host.solutions, cell))[0]
    parts = [
        Words(f"{subject.caption}. Its method keeps no lineage.", "muted", back),
        Figures(rows),
        Text(_numbers(solution), f"Solution: {len(solution):,} numbers"),
    ]
    return Section("elite", title, parts)


def _one(rows: PyTree, cell: int) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[cell : cell + 1], rows)


def _named(name: str, values: np.ndarray) -> list[Row]:
    return [Row(f"{name} {i + 1}", f"{value:.6g}", "") for i, value in enumerate(values.tolist())]


def _numbers_of(rows: PyTree) -> Float[np.ndarray, "rows numbers"]:
    """Trees of N rows as N rows of numbers."""
    leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(rows)]
    return np.concatenate(
        [leaf.reshape(len(leaf), math.prod(leaf.shape[1:])) for leaf in leaves], axis=1
    )


def _numbers(solution: np.ndarray) -> str:
    shown = " ".join(f"{value:.6g}" for value in solution[:NUMBERS].tolist())
    left = len(solution) - NUMBERS
    return shown if left <= 0 else f"{shown}\n… {left:,} more numbers, not shown here"
