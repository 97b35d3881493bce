"""Where the next prompt starts and where it goes: Rainbow Teaming's draw and its baselines.

    x ~ uniform over occupied cells        z ~ softmax((1 - F[z]) / t), z != cell(x), empty F = 0

Samvelyan et al. 2024, arXiv:2402.16822, section 3. The text prefers cells of low fitness; the
printed pseudocode has exp(F / t), which would prefer solved ones.
"""

import random
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from cairn.redteam.config import Search
from cairn.redteam.state import Entry, State


class Plan(NamedTuple):
    """What a trial sets out to do."""

    parent: Entry | None
    """The elite to mutate; None starts afresh."""
    seed: str | None
    """The seed prompt to mutate; with no parent either, the mutator invents a prompt."""
    cell: int
    """Where the child should go."""


def choose(
    state: State, search: Search, seeds: tuple[str, ...], number: int, draw: random.Random
) -> Plan:
    """The plan of a new candidate, `number` of which came before. All randomness is `draw`'s."""
    fitness = np.asarray(state.elites.fitness, np.float64)
    occupied = state.occupied
    cells = len(fitness)
    if search.method == "random":
        return Plan(None, _any_seed(seeds, draw), draw.randrange(cells))
    if search.method == "no-archive":
        parent = state.latest
        seed = None if parent else _any_seed(seeds, draw)
        return Plan(parent, seed, draw.randrange(cells))
    afresh = number < max(search.start, len(seeds)) or not occupied.any()
    if search.method == "same-cell":
        cell = draw_cell(fitness, occupied, search.temperature, None, draw)
        parent = None if afresh else state.elite(cell)
        return Plan(parent, None if parent else _seed(seeds, number, draw), cell)
    if afresh:
        cell = draw_cell(fitness, occupied, search.temperature, None, draw)
        return Plan(None, _seed(seeds, number, draw), cell)
    home = int(draw.choice(np.flatnonzero(occupied).tolist()))
    cell = draw_cell(fitness, occupied, search.temperature, home, draw)
    return Plan(state.elite(home), None, cell)


def draw_cell(
    fitness: Float[np.ndarray, " cells"],
    occupied: Bool[np.ndarray, " cells"],
    temperature: float,
    never: int | None,
    draw: random.Random,
) -> int:
    """A cell with chance ∝ exp((1 - F) / t), empty ones as F = 0; `never` is left out."""
    gain = (1.0 - np.where(occupied, fitness, 0.0)) / temperature
    weights = np.exp(gain - gain.max())
    if never is not None:
        weights[never] = 0.0
        if not weights.any():  # all others underflow: then they are equally unlikely
            weights = np.ones_like(weights)
            weights[never] = 0.0
    return draw.choices(range(len(weights)), weights=weights.tolist())[0]


def _seed(seeds: tuple[str, ...], number: int, draw: random.Random) -> str | None:
    """Each seed once, in order; afterwards any."""
    return seeds[number] if number < len(seeds) else _any_seed(seeds, draw)


def _any_seed(seeds: tuple[str, ...], draw: random.Random) -> str | None:
    return draw.choice(seeds) if seeds else None
