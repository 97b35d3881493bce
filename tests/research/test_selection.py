"""The final choice: rules on numbers worked out by hand, and how much luck each takes out."""

import math
import random

import pytest

from cairn.core.errors import ConfigError
from cairn.research.node import Node, Tree
from cairn.research.selection import (
    LOST,
    Candidate,
    Selection,
    Want,
    candidates,
    complaint,
    records,
    shrunk,
)

POOL = [
    Candidate(0, 1.0, 0.1),
    Candidate(1, 3.0, 2.0),
    Candidate(2, 2.5, 0.1),
    Candidate(3, 0, 0.1),
]
SPLITS = ("search", "selection", "test")


def played(rule, pool, truth):
    """The choice, and the evaluations in rounds; `truth(want)` is what each gives."""
    found, rounds = {}, []
    while wanted := rule.wanted(pool, found, rule.split(SPLITS)):
        rounds.append(wanted)
        found |= {want: truth(want) for want in wanted}
    return rule.choose(pool, found), rounds


def test_rules_without_new_evaluations():
    assert played(Selection("argmax"), POOL, None) == (1, [])
    # 3 - 2 z < 2.5 - .1 z from z = .27 on.
    assert played(Selection("lower-bound", z=1), POOL, None) == (2, [])
    assert played(Selection("lower-bound", z=0), POOL, None) == (1, [])
    assert played(Selection("argmax"), [], None) == (None, [])


def test_shrinking_is_the_formula():
    # Mean 1.625; variance 1.896 (n - 1); mean squared error (3 x .01 + 4) / 4 = 1.0075.
    between = (0.625**2 + 1.375**2 + 0.875**2 + 1.625**2) / 3 - 1.0075
    expected = [1.625 + between / (between + e * e) * (m - 1.625) for _, m, e in POOL]
    assert shrunk(POOL) == pytest.approx(expected)
    assert played(Selection("shrink"), POOL, None) == (2, [])
    equal = [one._replace(error=0.5) for one in POOL]  # equal errors: the order stays
    assert sorted(range(4), key=shrunk(equal).__getitem__) == [3, 0, 2, 1]


def test_the_best_are_evaluated_anew_and_a_failure_is_never_chosen():
    rule = Selection("reevaluate", top=2, repeats=2)
    values = {1: (2.0, None), 2: (1.0, 1.2)}
    chosen, rounds = played(rule, POOL, lambda want: values[want.id][want.number])
    assert chosen == 2
    assert rounds == [[Want(id, "selection", k) for id in (1, 2) for k in (0, 1)]]
    hidden = Selection("hidden", top=3, repeats=9)
    chosen, rounds = played(hidden, POOL, lambda want: {0: 5.0, 1: 1.0, 2: 2.0}[want.id])
    assert (chosen, len(rounds[0])) == (0, 3)


def test_halving_keeps_the_better_half_and_doubles_the_evaluations():
    pool = [Candidate(i, float(8 - i), None) for i in range(9)]
    chosen, rounds = played(Selection("halving", top=8, repeats=1), pool, lambda want: want.id)
    assert chosen == 7
    # One that is left alone is the choice: it is not measured once more.
    assert [len({want.id for want in round}) for round in rounds] == [8, 4, 2]
    assert [max(want.number for want in round) for round in rounds] == [0, 1, 3]
    assert sum(map(len, rounds)) == 8 + 4 + 4  # old evaluations are kept


def test_who_survives_a_round_of_halving_is_not_changed_by_later_rounds():
    """Node 0 wins round one, and does badly after it: node 2, which lost, does not come back."""
    values = {0: [9.0, -9.0, -9.0, -9.0], 1: [8.0, 0.0], 2: [7.0], 3: [6.0]}
    pool = [Candidate(i, float(-i), None) for i in range(4)]
    rule = Selection("halving", top=4)
    chosen, rounds = played(rule, pool, lambda want: values[want.id][want.number])
    assert [sorted({want.id for want in round}) for round in rounds] == [[0, 1, 2, 3], [0, 1]]
    assert chosen == 1


def test_a_fresh_evaluation_that_is_our_fault_moves_nobody():
    rule = Selection("reevaluate", top=3)
    pool = [Candidate(0, 1.0, 0.1), Candidate(1, 3.0, 0.1), Candidate(2, 2.5, 0.1)]
    # All lost: the order of the search, and no longer the lowest id.
    for nothing, said in ((LOST, "faults of ours"), (None, "no fresh evaluation gave a score")):
        assert played(rule, pool, lambda want, nothing=nothing: nothing)[0] == 1
        assert said in complaint({Want(1, "selection", 0): nothing})
    # One lost: it keeps what the search said, less what the others lost since: 3 - (1 + 0) / 2.
    fresh = {0: 1.0, 1: LOST, 2: 1.5}
    assert played(rule, pool, lambda want: fresh[want.id])[0] == 1
    assert played(rule, pool, lambda want: {**fresh, 2: 2.6}[want.id])[0] == 1
    assert played(rule, pool, lambda want: {**fresh, 0: 3.1}[want.id])[0] == 1
    far = {0: 1.0 - 2.0, 1: LOST, 2: 2.4}  # the others lost 2.0 and 0.1: 3 - 1.05 < 2.4
    assert played(rule, pool, lambda want: far[want.id])[0] == 2
    found = {Want(id, "selection", 0): value for id, value in fresh.items()}
    assert complaint(found) == "1 of 3 fresh evaluations were lost by faults of ours"
    # A failure of its own is worse than ours.
    assert played(rule, pool[1:], lambda want: {1: None, 2: LOST}[want.id])[0] == 2
    # Of several evaluations of one node, those that are there count.
    twice = Selection("reevaluate", top=2, repeats=2)
    values = {1: (LOST, 2.0), 2: (2.2, 2.0)}
    assert played(twice, pool[1:], lambda want: values[want.id][want.number])[0] == 2


def test_reevaluation_closes_part_of_the_gap_that_argmax_leaves():
    """60 nodes, tau = sigma = 1: argmax reaches 1 / sqrt 2 of the oracle (sheet 2.1)."""
    draws, n, runs = random.Random(0), 60, 400
    reached = {"argmax": 0.0, "reevaluate": 0.0, "oracle": 0.0}
    for _ in range(runs):
        q = [draws.gauss(0, 1) for _ in range(n)]
        pool = [Candidate(i, one + draws.gauss(0, 1), 1.0) for i, one in enumerate(q)]
        reached["oracle"] += max(q) / runs
        for name in ("argmax", "reevaluate"):
            rule = Selection(name, top=5, repeats=4)
            noisy = lambda want, q=q: q[want.id] + draws.gauss(0, 1)  # noqa: E731
            reached[name] += q[played(rule, pool, noisy)[0]] / runs
    ratio = reached["argmax"] / reached["oracle"]
    assert ratio == pytest.approx(1 / math.sqrt(2), abs=0.05)
    gap = reached["oracle"] - reached["argmax"]
    assert reached["reevaluate"] - reached["argmax"] > 0.3 * gap


def test_candidates_have_scores_and_records_were_the_best_when_they_came():
    utilities = [None, 1.0, 0.5, 1.0, 2.0]
    tree = Tree(Node(i, (), "draft", "x", utility=u, spread=0.2) for i, u in enumerate(utilities))
    assert [one.id for one in candidates(tree)] == [1, 2, 3, 4]
    assert records(tree) == [1, 4]


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match=r"selection\.top must be at least 1, got 0"):
        Selection(top=0)
    with pytest.raises(ConfigError, match="needs a task with a selection split"):
        Selection("hidden").split(("search",))
