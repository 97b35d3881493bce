"""Tuners against objectives whose optimum is known, and against the public code's four bugs."""

import math

import numpy as np
import pytest

from cairn.tuning import pbt
from cairn.tuning.dehb import Member, best, bracket_sizes, child, dehb, ladder
from cairn.tuning.search import random_search
from cairn.tuning.space import Choice, Range, Space
from cairn.tuning.work import by_member

SPACE = Space(
    {f"x{i}": Range(0.0, 1.0) for i in range(4)} | {"kind": Choice(("good", "bad", "worse"))}
)
OPTIMUM = np.array([0.2, 0.7, 0.5, 0.9])


def quadratic(values, steps, full=900):
    """Best at 0; a short training sees it through a tilt, as short trainings do."""
    place = np.array([values[f"x{i}"] for i in range(4)])
    tilt = 0.1 * (1 - steps / full) * place.sum()
    cost = {"good": 0.0, "bad": 0.2, "worse": 0.4}[values["kind"]]
    return -float(((place - OPTIMUM) ** 2).sum()) - cost - tilt


def best_at(tuner, budget, full=900):
    """The best score of a full training that the budget buys."""
    proposals, found = next(tuner), -math.inf
    while True:
        scores = []
        for proposal in proposals:
            budget -= proposal.steps
            if budget < 0:
                return found
            scores.append(quadratic(proposal.values, proposal.steps))
            if proposal.steps == full:
                found = max(found, scores[-1])
        proposals = tuner.send(scores)


def test_dehb_finds_at_least_what_random_search_finds_at_equal_cost():
    def at(make):
        seeds, costs = range(25), (10, 30, 60)
        found = [[best_at(make(np.random.default_rng(s)), 900 * n) for n in costs] for s in seeds]
        return np.mean(found, axis=0)

    evolved = at(lambda rng: dehb(SPACE, rng, steps=900, rungs=3))
    drawn = at(lambda rng: random_search(SPACE, rng, steps=900, batch=2))
    assert (evolved >= drawn).all()
    # In the end evolution is not only as good: half the distance at most.
    assert evolved[-1] > 0.5 * drawn[-1]


def test_brackets_are_those_of_hyperband_and_no_budget_is_one_too_many():
    """DEHB's public code adds one to every whole budget."""
    assert ladder(900, 3) == [100, 300, 900] and ladder(243, 5) == [3, 9, 27, 81, 243]
    assert bracket_sizes(3, 0) == [(0, 9), (1, 3), (2, 1)]
    assert bracket_sizes(3, 1) == [(1, 5), (2, 1)]
    assert bracket_sizes(3, 2) == [(2, 3)]
    tuner = dehb(SPACE, np.random.default_rng(0), steps=900, rungs=3)
    batches, seen = next(tuner), []
    for _ in range(12):
        seen.append((len(batches), batches[0].steps))
        batches = tuner.send([quadratic(p.values, p.steps) for p in batches])
    assert seen == [(9, 100), (3, 300), (1, 900), (5, 300), (1, 900), (3, 900)] * 2


def test_the_first_bracket_promotes_its_best_and_failures_never():
    tuner = dehb(SPACE, np.random.default_rng(1), steps=900, rungs=3)
    first = next(tuner)
    scores = [None, 3.0, None, 1.0, 2.0, None, 0.0, None, None]
    second = tuner.send(scores)
    assert [p.values for p in second] == [first[i].values for i in (1, 4, 3)]
    assert tuner.send([None, 0.5, None])[0].values == first[4].values


def test_a_child_takes_part_of_a_mutant_of_three_parents_and_stays_in_the_cube():
    rng = np.random.default_rng(0)
    parents = [np.full(50, value) for value in (0.9, 0.8, 0.3)]
    target = np.full(50, 0.111)
    children = np.array([child(rng, target, parents) for _ in range(200)])
    taken = children != 0.111
    assert 0.45 < taken.mean() < 0.56 and taken.any(axis=1).all()
    assert ((children >= 0) & (children <= 1)).all()
    # x1 + (x2 - x3) / 2 for every order of the three, but for those that leave the cube.
    mutants = {0.9 + 0.25, 0.9 - 0.25, 0.8 + 0.3, 0.8 - 0.3, 0.3 + 0.05, 0.3 - 0.05}
    inside = [m for m in mutants if m <= 1]
    near = np.abs(children[taken][:, None] - np.array(inside)).min(axis=1) < 1e-9
    assert 0.5 < near.mean() < 0.8
    assert [m.score for m in best([Member(target, s) for s in (None, 1.0, 2.0)], 2)] == [2.0, 1.0]


# The four bugs of how-to-autorl's PBT.


def test_a_members_score_is_the_mean_of_its_own_seeds():
    """(a) There row j * k + k of another member was read."""
    assert by_member([1.0, 3.0, 10.0, 30.0, None, 5.0], 2) == [2.0, 20.0, None]


def test_choices_change_and_each_parameter_moves_by_itself():
    """(b) There a stale loop variable left choices as they were."""
    rng, values = np.random.default_rng(0), {"x": 0.5, "kind": "a", "n": 2}
    chosen = Space({"x": Range(0, 1), "kind": Choice(("a", "b")), "n": Range(1, 9, whole=True)})
    after = [pbt.explored(chosen, rng, values) for _ in range(2000)]
    changed = np.mean([a["kind"] == "b" for a in after])
    assert 0.10 < changed < 0.15  # a quarter drawn anew, half of these the same again
    x = np.array([a["x"] for a in after])
    kept = np.isclose(x, 0.6) | np.isclose(x, 0.4)
    assert 0.72 < kept.mean() < 0.78
    # A whole number near 2 would be 2 again after rounding.
    assert {a["n"] for a in after} == set(range(1, 10)) and all(type(a["n"]) is int for a in after)


def test_with_few_members_the_worst_copies_the_best():
    """(c) There, where a quarter is nobody, the worst was copied."""
    values = [{"x": 0.1}, {"x": 0.5}, {"x": 0.9}]
    for scores in ([1.0, 3.0, 2.0], [None, 3.0, 2.0]):
        after = pbt.next_round(Space({"x": Range(0, 1)}), np.random.default_rng(0), scores, values)
        assert after.sources == [1, 1, 2]


def test_losers_take_settings_with_the_weights_and_winners_stay():
    """(d) There losers kept their own settings, and winners were changed too."""
    narrow = Space({"x": Range(0.0, 1000.0)})
    values = [{"x": float(i + 1)} for i in range(8)]
    scores = [float(i) for i in range(8)]
    for seed in range(20):
        after = pbt.next_round(narrow, np.random.default_rng(seed), scores, values)
        assert after.sources[2:] == list(range(2, 8)) and after.values[2:] == values[2:]
        for loser in (0, 1):
            source = after.sources[loser]
            assert source in (6, 7)
            x, of = after.values[loser]["x"], values[source]["x"]
            anew = x > 12  # a draw from the whole range, nearly always
            assert anew or x == pytest.approx(1.2 * of) or x == pytest.approx(0.8 * of)


def test_a_population_follows_an_optimum_that_moves():
    def run(exploits):
        rng, chosen = np.random.default_rng(3), Space({"x": Range(1e-4, 1.0, log=True)})
        now, distance = pbt.first_round(chosen, rng, 12), []
        for time in np.linspace(-3, -1, 40):
            away = [abs(math.log10(values["x"]) - time) for values in now.values]
            distance.append(np.median(away))
            if exploits:
                now = pbt.next_round(chosen, rng, [-a for a in away], now.values)
        return np.mean(distance[20:])

    assert run(exploits=True) < 0.35 < 0.6 < run(exploits=False)
