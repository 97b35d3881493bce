"""A map of elites whose cells can be opened, and one elite."""

from collections.abc import Mapping

import jax
import numpy as np

from cairn.core.errors import ConfigError
from cairn.report import pages
from cairn.report.parts import Cards, Figures, Link, Section, Table, Text, Words
from cairn.report.words import Row
from cairn.show import heatmap, look
from cairn.show.elite_map import elite_map
from cairn.show.look_archive import seed_of
from cairn.show.subject import Subject

BEST = 20
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
    start = f"?panel=elite&seed={seed_of(subject)}&cell="
    href = lambda cell: f"{start}{cell}"  # noqa: E731
    fitness = np.asarray(elites.fitness)
    best = np.argsort(-fitness, kind="stable")[: min(BEST, int(elites.count))].tolist()
    rows = [(Link(str(cell), href(cell)), float(fitness[cell])) for cell in best]
    return Section(
        "map",
        "The map of elites",
        (
            Words(subject.caption, "muted"),
            Cards(cards),
            elite_map(elites, subject.task.tessellation, "Fitness of each cell's elite", href),
            Table(("cell", "fitness"), rows, "The best elites", name="best elites"),
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
    back = Link("the map", f"?panel=map&seed={seed_of(subject)}")
    title = f"The elite of cell {cell}"
    host = jax.tree.map(np.asarray, elites)
    if not host.fitness[cell] > -np.inf:
        return Section("elite", title, (Words("The cell holds nobody.", "muted", back),))
    fitness = host.fitness[np.isfinite(host.fitness)]
    better = int((fitness > host.fitness[cell]).sum())
    numbered = Row("number", f"{host.ids[cell]:,}", "solutions that were evaluated before it")
    rows = [
        Row("fitness", f"{host.fitness[cell]:.6g}", f"{better:,} of {len(fitness):,} are better"),
        *_named("descriptor", jax.tree.map(lambda leaf: leaf[cell], host.descriptors)),
        numbered,
    ]
    leaves = jax.tree.leaves(jax.tree.map(lambda leaf: leaf[cell], host.solutions))
    solution = np.concatenate([np.ravel(leaf) for leaf in leaves])
    parts = [
        Words(f"{subject.caption}. Its method keeps no lineage.", "muted", back),
        Figures(rows),
        Text(_numbers(solution), f"Solution: {len(solution):,} numbers"),
    ]
    return Section("elite", title, parts)


def _named(name: str, values: object) -> list[Row]:
    leaves = [np.ravel(leaf) for leaf in jax.tree.leaves(values)]
    numbers = np.concatenate(leaves) if leaves else np.zeros(0)
    return [Row(f"{name} {i + 1}", f"{value:.6g}", "") for i, value in enumerate(numbers.tolist())]


def _numbers(solution: np.ndarray) -> str:
    shown = " ".join(f"{value:.6g}" for value in solution[:NUMBERS].tolist())
    left = len(solution) - NUMBERS
    return shown if left <= 0 else f"{shown}\n… {left:,} more numbers, not shown here"
