"""The four searches on games by hand; each fault of the reference (method sheet 5.7) has a test."""

import asyncio
import math
from random import Random

import pytest
from puzzle_graphs import Graph, Told

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.research.puzzles import best_first, kinds, lfs, mcts, tot_bfs
from cairn.research.puzzles.judge import Noise, NoisyJudge
from cairn.research.puzzles.play import NAMES, method_of, play
from cairn.research.puzzles.tree import Tree


def played(game, judge, method, budget=10**6):
    return asyncio.run(play(game, judge, method, budget=budget))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["countdown-3", "countdown-5", "sudoku-4"])
def test_without_noise_every_method_wins_and_its_solution_is_one(name, kind):
    for puzzle in kinds.puzzles(kind, 3):
        game = kinds.game_of(puzzle)
        judge = NoisyJudge(game, Noise(0.0), DrawKey.root(0))
        found = played(game, judge, method_of(name))
        assert found.won and found.stopped == "won"
        state = game.start
        for text in found.solution:
            state = {move.text: move.state for move in game.moves(state)}[text]
        assert game.won(state) and sum(found.calls.values()) > 0


# LFS


def test_lfs_moves_to_the_best_child_at_once_after_a_jump():
    game = Graph({"root": "ab", "a": "cd", "b": "ef", "e": "g"}, wins=["g"])
    judge = Told({"a": 0.9, "b": 0.8, "c": 0.1, "d": 0.2, "e": 0.7, "f": 0.6}, explore="a")
    assert played(game, judge, lfs.search).won
    assert judge.log == [
        ("value", "root"), ("child_values", ("root", ("a", "b"))),
        ("explore", ("root", 0.9)), ("child_values", ("a", ("c", "d"))),
        ("explore", ("a", 0.8)), ("child_values", ("b", ("e", "f"))),  # the jump to b ...
        ("child_values", ("e", ("g",))),  # ... and at once to its best child
        ("explore", ("e", 0.6)),
    ]  # fmt: skip


def test_lfs_does_not_ask_at_the_end_of_a_path_and_ends_when_nothing_is_left():
    game = Graph({"root": "ab"})
    judge = Told()
    found = played(game, judge, lfs.search)
    assert (found.won, found.stopped, found.expanded) == (False, "exhausted", 3)
    assert [role for role, _ in judge.log].count("explore") == 1  # at the root alone


# ways that meet


@pytest.mark.parametrize("search", [lfs.search, best_first.search, tot_bfs.search])
def test_a_state_that_two_ways_lead_to_is_judged_and_expanded_once(search):
    game = Graph({"root": "ab", "a": "c", "b": "c", "c": "d"})
    judge = Told({"a": 0.9, "b": 0.8})
    found = played(game, judge, search)
    asked = [state for role, what in judge.log if role == "child_values" for state in what[1]]
    assert sorted(asked) == ["a", "b", "c", "d"] and found.expanded <= 5


def test_the_best_of_the_frontier_is_what_a_walk_over_all_states_would_find():
    rng = Random(0)
    tree = Tree(Graph({str(n): [str(2 * n + 1), str(2 * n + 2)] for n in range(60)}))
    tree.root = "0"
    tree.valued("0", 0.5)
    for _ in range(40):
        best = tree.best()
        walked = {s: v for s, v in tree.values.items() if not tree.is_expanded(s)}
        assert best is not None and walked[best] == max(walked.values())
        # The best one, or any other, as a search that does not jump does.
        state = best if rng.random() < 0.5 else rng.choice(sorted(walked))
        tree.expand(state)
        for move in tree.moves(state):
            tree.valued(move.state, rng.choice([0.1, 0.5, rng.random()]))


# best first, Tree of Thoughts


def test_best_first_leaves_a_lost_end_of_high_value():
    game = Graph({"root": "ab", "b": "c"}, wins=["c"])
    found = played(game, Told({"a": 1.0, "b": 0.1, "root": 0.2}), best_first.search)
    assert found.won and found.solution == ("to b", "to c")


def test_tree_of_thoughts_keeps_three_and_ends_with_the_best_of_a_level():
    wide = Graph({"root": "abcd", "d": "w"}, wins=["w"])
    judge = Told({"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6})
    assert not played(wide, judge, tot_bfs.search).won  # d was fourth
    # A lost end above a win: the level's best decides, and there is no way back.
    found = played(Graph({"root": "lw"}, wins="w"), Told({"l": 0.9, "w": 0.8}), tot_bfs.search)
    assert (found.won, found.stopped) == (False, "lost")
    assert played(Graph({"root": "lw"}, wins="w"), Told({"w": 0.8}), tot_bfs.search).won


# MCTS


def choice(config, visits, sums, priors, depth=0, parent=100):
    tree = Tree(Graph({"root": "ab"}))
    counts = {"root": parent, **visits}
    return mcts.chosen(tree, "root", depth, counts, sums, priors, config)


def test_puct_by_hand_and_exploration_at_the_root_grows_unless_the_bug_is_kept():
    # a: mean 0.6, 99 visits; b unvisited, prior 0.5. b's score is C · 0.5 · sqrt(100) = 2.5 + ...
    visits, sums = {"a": 99}, {"a": 59.4}
    assert choice(mcts.Config(0.5), visits, sums, [0.5, 0.5]) == "b"
    # With the bug it is C · 0.5 · sqrt(1) = 0.25 + ..., however often the root was visited.
    kept = mcts.Config(0.5, root_bug=True)
    assert choice(kept, visits, sums, [0.5, 0.5]) == "a"
    assert choice(kept, {"a": 10**4}, {"a": 6e3}, [0.5, 0.5], parent=10**4 + 1) == "a"
    assert choice(kept, visits, sums, [0.5, 0.5], depth=1) == "b"  # deeper it does grow


def test_the_constant_of_puct_grows_with_the_visits_of_the_children():
    scale = 0.2 + math.log((99 + 19_652 + 1) / 19_652)
    priors = [1 - 0.6 / scale / 10 + 1e-9, 0.6 / scale / 10 - 1e-9]
    just_less = choice(mcts.Config(0.2), {"a": 99}, {"a": 59.4}, [0.0, priors[1]])
    just_more = choice(mcts.Config(0.2), {"a": 99}, {"a": 59.4}, [0.0, priors[1] + 2e-9])
    assert (just_less, just_more) == ("a", "b")


def test_a_mean_is_not_shrunk_towards_0_unless_the_reference_is_kept():
    # One visit of value 0.6 against an unvisited child of score 0.5: 0.6 stays, 0.6 / 2 does not.
    priors = [0.0, 0.5 / 0.5 / math.sqrt(1)]
    for shrunk, child in ((False, "a"), (True, "b")):
        config = mcts.Config(0.5, shrunk=shrunk)
        assert choice(config, {"a": 1}, {"a": 0.6}, priors, parent=1) == child


@pytest.mark.parametrize("mixed", [False, True])
def test_a_loss_is_0_beside_values_from_0_to_1_and_minus_1_in_the_reference(mixed):
    # a is a lost end, b has value 0: only with a loss of -1 is b better than a second visit of a.
    game = Graph({"root": "ab", "b": "c", "c": "d"}, wins=["d"])
    judge = Told({"b": 0.0, "c": 0.0}, priors={"a": 1e6, "b": 1e-6})
    config = mcts.Config(1e-3, mixed=mixed, simulations=30)
    found = asyncio.run(
        play(game, judge, lambda t, j: mcts.search(t, j, config=config), budget=999)
    )
    assert found.won == mixed and found.stopped == ("won" if mixed else "simulations")


def test_mcts_asks_a_prior_once_a_state_and_a_value_once_a_simulation():
    game = Graph({"root": "ab", "a": "cd", "b": "ef"})
    judge = Told()
    config = mcts.Config(1.0, simulations=20)
    asyncio.run(play(game, judge, lambda t, j: mcts.search(t, j, config=config), budget=10**6))
    values = [what for role, what in judge.log if role == "value"]
    priors = [what for role, what in judge.log if role == "prior"]
    assert sorted(values) == ["a", "b", "root"] and sorted(priors) == ["a", "b", "root"]
    with pytest.raises(ConfigError, match="c of at least 0"):
        mcts.Config(-1.0)


# budget, the simulated judge


@pytest.mark.parametrize("name", NAMES)
def test_a_budget_ends_a_game_before_the_call_that_finds_it_spent(name):
    game = Graph({"root": "abcd", **{s: [s * 2] for s in "abcd"}, "aa": ["w"]}, wins="w")
    judge = Told()
    found = played(game, judge, method_of(name), budget=20)
    assert (found.won, found.stopped, found.tokens) == (False, "budget", 20)


def test_the_noisy_judge_errs_by_its_sigma_and_says_the_same_each_time():
    game = kinds.game_of(kinds.puzzles("countdown-5", 1)[0])
    tree = Tree(game)
    at = tree.at(tree.root)
    exact = [0.8 * game.solvable(move.state) + 0.1 for move in at.moves]

    def values(sigma, seed=0):
        judge = NoisyJudge(game, Noise(sigma), DrawKey.root(seed))
        return asyncio.run(judge.child_values(at, at.moves))

    assert values(0.0) == pytest.approx(exact)
    assert values(0.05) == values(0.05) != values(0.05, seed=1)
    errors = [[(v - e) / s for v, e in zip(values(s), exact, strict=True)] for s in (0.01, 0.02)]
    assert errors[0] == pytest.approx(errors[1])  # the same errors, by more
    many = [e for seed in range(40) for e in (v - x for v, x in
            zip(values(0.02, seed), exact, strict=True))]  # fmt: skip
    deviation = math.sqrt(sum(e * e for e in many) / len(many))
    assert deviation == pytest.approx(0.02, rel=0.1) and abs(sum(many)) / len(many) < 0.003
    with pytest.raises(ConfigError, match="flip in"):
        Noise(0.1, flip=2.0)


def test_the_noisy_judge_leaves_a_path_for_a_better_one_by_more_than_the_margin():
    game = Graph({"root": "ab", "b": "c"}, wins=["c"])
    judge = NoisyJudge(game, Noise(0.0, flip=0.0, margin=0.2), DrawKey.root(0))
    tree = Tree(game)
    lost, won = tree.at("a"), tree.at("b")
    leaves = [asyncio.run(judge.explore(at, best)) for at, best in
              ((lost, 0.35), (lost, 0.25), (won, 1.0))]  # fmt: skip
    assert leaves == [True, False, False]
    turned = NoisyJudge(game, Noise(0.0, flip=1.0), DrawKey.root(0))
    assert not asyncio.run(turned.explore(lost, 0.9))
    longer = NoisyJudge(game, Noise(0.0, instructions=0), DrawKey.root(0))
    asyncio.run(longer.value(lost))
    short = longer.spent.tokens
    asyncio.run(longer.value(tree.at("root")))
    assert longer.spent.tokens - short > short  # with two moves to read
