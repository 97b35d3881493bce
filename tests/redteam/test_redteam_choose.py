"""Where prompts come from and where they go."""

import math
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redteam_harness import config, drive

from cairn.archive.text_axes import Categories, Length, Space
from cairn.core.errors import ConfigError
from cairn.redteam import state as states
from cairn.redteam import templates
from cairn.redteam.choose import choose, draw_cell
from cairn.redteam.config import Search
from cairn.redteam.search import Rainbow
from cairn.redteam.simulation import World
from cairn.redteam.state import Entry

SPACE = Space((Categories("risk", ("a", "b")), Length("length", 10, 30, 2)))


def filled(fitness: dict[int, float]):
    state = states.start(SPACE)
    for cell, value in fitness.items():
        entry = Entry(100 + cell, cell, f"prompt {cell}", "response", value)
        state, entered = states.offer(state, SPACE, entry, None)
        assert entered
    return state


def test_cells_are_drawn_by_the_softmax_of_what_is_missing_to_one():
    fitness = np.array([0.9, 0.5, 0.7, 0.0])
    occupied = np.array([True, True, True, False])
    draw = random.Random(0)
    counts = Counter(draw_cell(fitness, occupied, 0.5, 1, draw) for _ in range(6000))
    weights = [math.exp((1 - f) / 0.5) for f in (0.9, 0.5, 0.7, 0.0)]
    weights[1] = 0.0  # the parent's own cell
    for cell, weight in enumerate(weights):
        assert counts[cell] / 6000 == pytest.approx(weight / sum(weights), abs=0.02)


def test_the_draw_survives_a_tiny_temperature():
    draw = random.Random(0)
    fitness, occupied = np.array([1.0, 1.0, 0.0]), np.array([True, True, True])
    assert {draw_cell(fitness, occupied, 1e-4, 2, draw) for _ in range(50)} == {0, 1}
    assert {draw_cell(fitness, occupied, 1e-4, None, draw) for _ in range(50)} == {2}


def test_rainbow_draws_parents_uniformly_and_never_aims_at_their_own_cell():
    state = filled({0: 1.0, 1: 0.2, 3: 0.6})
    plans = [choose(state, Search(), (), 7, random.Random(i)) for i in range(400)]
    parents = Counter(plan.parent.cell for plan in plans if plan.parent)
    assert set(parents) == {0, 1, 3} and min(parents.values()) > 95
    assert all(plan.parent and plan.cell != plan.parent.cell for plan in plans)


def test_seeds_come_first_in_order_and_from_nothing_means_no_seed():
    state = filled({0: 1.0})
    seeds = ("one", "two")
    plans = [choose(state, Search(), seeds, k, random.Random(k)) for k in range(3)]
    assert [plan.seed for plan in plans] == ["one", "two", None]
    assert plans[2].parent is not None
    nothing = choose(states.start(SPACE), Search(), (), 0, random.Random(0))
    assert nothing.parent is nothing.seed is None


def test_each_seed_is_used_once_although_winners_are_judged_again():
    """A rematch takes a trial's number and no seed."""
    settings = config(2, 2, lag=8)
    seeds = tuple(f"seed number {i}" for i in range(60))
    settings = replace(settings, seeds=seeds)
    given, rematches = [], []

    class Noting(Rainbow):
        def ask(self, state, trial_id, key, pending):
            trial = super().ask(state, trial_id, key, pending)
            (rematches if "again" in trial else given).append(trial.get("seed"))
            return trial

    assert settings.simulation is not None
    models = World(settings.space, settings.simulation).models()
    drive(Noting(settings), models, seed=0, lag=8, trials=100, through_json=True)
    assert tuple(given[: len(seeds)]) == seeds
    assert len(rematches) > 3, "else nothing was tested"


def test_the_baselines_differ_by_their_idea_only():
    state = filled({0: 1.0, 2: 0.3})
    latest = Entry(9, 1, "the last one", "response", 0.1)
    state = replace(state, latest=latest)
    draws = [random.Random(i) for i in range(200)]
    same = [choose(state, Search(method="same-cell"), (), 5, draw) for draw in draws]
    assert all(p.parent is None or p.parent.cell == p.cell for p in same)
    assert {p.cell for p in same if p.parent is None} <= {1, 3}
    fresh = [choose(state, Search(method="random"), ("s",), 5, draw) for draw in draws]
    assert {(p.parent, p.seed) for p in fresh} == {(None, "s")}
    chain = [choose(state, Search(method="no-archive"), (), 5, draw) for draw in draws]
    assert {p.parent for p in chain} == {latest} and {p.cell for p in chain} == {0, 1, 2, 3}


def test_cells_are_numbered_as_the_archive_numbers_them():
    space = config(3, 4).space
    for cell in range(space.cells):
        at = space.indices(cell)
        assert space.cell(at) == cell
        descriptor = tuple(np.array([i], np.int32) for i in at)
        import jax.numpy as jnp

        assert int(space.tessellation.cell(tuple(map(jnp.asarray, descriptor)))[0]) == cell


def test_lengths_are_measured_and_categories_prescribed():
    assert SPACE.labels(3) == ("b", "20-30 characters")
    assert SPACE.landed(2, "x" * 25) == 3 and SPACE.landed(3, "x" * 19) == 2
    axis = Length("length", 24, 96, 10)
    lows = [int(label.split("-")[0]) for label in axis.labels]
    assert [axis.bin_of("x" * n) for n in lows] == list(range(10))
    assert axis.bin_of("") == 0 and axis.bin_of("x" * 500) == 9


@given(st.integers(0, 200), st.integers(1, 400), st.integers(1, 20))
def test_a_bins_label_says_exactly_which_lengths_it_takes(low, span, bins):
    if bins > span:
        with pytest.raises(ConfigError, match=f"has {bins} bins for {span} characters"):
            Length("length", low, low + span, bins)
        return
    axis = Length("length", low, low + span, bins)
    ends = [tuple(map(int, label.split(" ")[0].split("-"))) for label in axis.labels]
    for number in {low, low + span, *(n for pair in ends for n in pair)}:
        first, last = ends[axis.bin_of("x" * number)]
        assert first <= number <= last
    assert all(here[1] + 1 == after[0] for here, after in pairwise(ends))


def test_the_mutator_is_told_which_way_the_length_is_to_go():
    axis = Length("length", 100, 1000, 10)
    ask = lambda n: templates.mutate(axis, axis.labels[4], "x" * n).splitlines()[0]  # noqa: E731
    assert ask(459).startswith("Lengthen") and ask(550).startswith("Shorten")
    said = "Rewrite the test prompt so that it has 460-549 characters. Now it has 500 characters."
    assert ask(500).startswith(said)
