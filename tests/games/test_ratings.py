"""Ratings against closed forms and the invariants of the field."""

import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.games.ratings import elo, nash, swiss
from cairn.games.ratings.alpha_rank import alpha_rank, alpha_rank_profiles, suggested_alpha
from cairn.games.ratings.bradley_terry import SCALE, bradley_terry, win_probability
from cairn.games.ratings.cycles import split
from cairn.games.ratings.matches import Match, Matches

RPS = np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
CHAIN = Matches.of([Match("a", "b", 8, 10), Match("b", "c", 8, 10), Match("a", "c", 9, 10)])
CYCLE = Matches.of([Match("a", "b", 8, 10), Match("b", "c", 8, 10), Match("c", "a", 8, 10)])


def played(logits, matches, rng):
    """A round robin of players of known strength."""
    chance = win_probability(np.asarray(logits, float))
    names = [f"p{i}" for i in range(len(logits))]
    return Matches.of(
        Match(names[i], names[j], float(rng.binomial(matches, chance[i, j])), matches)
        for i in range(len(names)) for j in range(i)
    )  # fmt: skip


def test_two_players_are_apart_by_the_log_odds_of_their_matches():
    rated = bradley_terry(Matches.of([Match("a", "b", 3, 4)]), prior=0.0)
    assert np.allclose(rated.ratings, [np.log(3) / 2 * SCALE, -np.log(3) / 2 * SCALE])
    assert rated.order == ("a", "b")


def test_known_strengths_come_back_and_intervals_cover_them():
    truth = np.array([1.5, 0.4, 0.0, -0.6, -1.3])
    truth -= truth.mean()
    rng, inside, errors = np.random.default_rng(0), [], {50: [], 5000: []}
    for matches in errors:
        for _ in range(40):
            table = played(truth, matches, rng)
            rated = bradley_terry(table, prior=0.0)
            order = [table.players.index(f"p{i}") for i in range(5)]
            errors[matches].append(rated.ratings[order] / SCALE - truth)
            inside.append(
                (rated.low[order] <= truth * SCALE) & (truth * SCALE <= rated.high[order])
            )
    assert 0.92 < np.mean(inside) < 0.98
    few, many = (np.std(errors[n]) for n in (50, 5000))
    assert few / many == pytest.approx(10, rel=0.2)  # the square root of a hundred


def test_who_never_lost_has_a_finite_rating_and_who_never_met_is_an_error():
    rated = bradley_terry(Matches.of([Match("a", "b", 5, 5)]))
    assert np.isfinite(rated.ratings).all() and rated.ratings[0] > rated.ratings[1]
    apart = Matches.of([Match("a", "b", 1), Match("c", "d", 1)])
    with pytest.raises(ConfigError, match="c and a are joined by no chain"):
        bradley_terry(apart)


def test_elo_fit_meets_bradley_terry_where_the_model_holds_and_runs_towards_it():
    exact = Matches.of([Match("a", "b", 1e6 / (1 + 10**-0.5), 10**6)])
    assert elo.fit(exact) == pytest.approx([100, -100], abs=0.1)
    stream = [Match("a", "b", float(i % 4 > 0)) for i in range(4000)]
    ratings = elo.running(stream, step=4)
    assert ratings["a"] - ratings["b"] == pytest.approx(np.log(3) * SCALE, abs=25)


def test_rock_paper_scissors_is_even_and_all_cyclic():
    assert np.allclose(nash.averaged(RPS).mass, 1 / 3, atol=1e-6)
    assert np.allclose(nash.averaged(RPS).ratings, 0, atol=1e-6)
    assert np.allclose(alpha_rank(RPS), 1 / 3)
    assert split(CYCLE).share == pytest.approx(1)
    assert split(CYCLE).ratings == pytest.approx([0, 0, 0])
    assert split(CHAIN).share < 0.02
    assert np.allclose(bradley_terry(CYCLE).ratings, 0, atol=1e-6)


def test_in_a_chain_the_top_has_all_mass_and_elo_has_the_same_order():
    shares = CHAIN.shares()
    assert alpha_rank(shares)[0] > 0.999
    assert nash.of_matches(CHAIN).mass == pytest.approx([1, 0, 0], abs=1e-6)
    assert np.argmax(nash.of_matches(CHAIN).ratings) == 0
    assert bradley_terry(CHAIN).order == ("a", "b", "c")


def test_a_copy_changes_no_nash_average_but_changes_bradley_terry():
    def with_copy(table, name):
        rows = [
            Match(a, b, float(table.points[i, j]), int(table.counts[i, j]))
            for i, a in enumerate(table.players) for j, b in enumerate(table.players) if i < j
        ]  # fmt: skip
        copied = [m._replace(first="copy") for m in rows if m.first == name]
        copied += [m._replace(second="copy") for m in rows if m.second == name]
        return Matches.of([*rows, *copied, Match(name, "copy", 5, 10)])

    uneven = Matches.of([Match("a", "b", 9, 10), Match("b", "c", 7, 10), Match("c", "a", 6, 10)])
    twice = with_copy(uneven, "c")
    before, after = nash.of_matches(uneven), nash.of_matches(twice)
    assert np.allclose(before.ratings, after.ratings[:3], atol=1e-5)
    assert after.mass[2] == pytest.approx(after.mass[3], abs=1e-4)  # of maximal entropy
    plain, copied = bradley_terry(uneven).ratings, bradley_terry(twice).ratings[:3]
    assert np.abs((plain - plain[0]) - (copied - copied[0])).max() > 10


def test_agents_and_tasks_a_copied_task_counts_once():
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.1]])
    agents, tasks = nash.against_tasks(scores)
    again, _ = nash.against_tasks(scores[:, [0, 1, 1]])
    assert np.allclose(agents.ratings, again.ratings, atol=1e-5)
    assert agents.ratings[2] < -0.1 and tasks.mass.min() > 0.2


def test_zero_sum_values_by_hand():
    # Matching pennies with a stake of two on one side: p = 1/3, q = 1/3, value 0 shifted by 1.
    rows, columns = nash.zero_sum(np.array([[3.0, 0.0], [0.0, 1.5]]))
    assert rows == pytest.approx([1 / 3, 2 / 3], abs=1e-6)
    assert columns == pytest.approx([1 / 3, 2 / 3], abs=1e-6)


def test_alpha_rank_of_two_strategies_is_the_closed_form():
    table, alpha, m = np.array([[0.0, 0.3], [0.1, 0.0]]), 0.7, 5
    u = alpha * (table[0, 1] - table[1, 0])
    enter = (1 - np.exp(-u)) / (1 - np.exp(-m * u))
    leave = (1 - np.exp(u)) / (1 - np.exp(m * u))
    assert alpha_rank(table, alpha=alpha, m=m)[0] == pytest.approx(enter / (enter + leave))


def test_alpha_rank_is_blind_to_a_constant_and_does_not_fall_apart_at_large_alpha():
    rng = np.random.default_rng(1)
    table = rng.normal(size=(7, 7))
    for alpha in (1.0, 100.0, 1e5):
        mass = alpha_rank(table, alpha=alpha)
        assert mass.sum() == pytest.approx(1) and (mass >= 0).all()
        assert np.allclose(mass, alpha_rank(table + 3.0, alpha=alpha), atol=1e-9)
    assert suggested_alpha(CHAIN.shares()) == pytest.approx(-np.log(0.1) / 0.6)


def test_alpha_rank_of_two_populations_finds_the_strict_equilibria():
    # A stag hunt: both equilibria are absorbing, the mass goes by how easily each is left.
    hunt = np.array([[4.0, 0.0], [3.0, 2.0]])
    mass = alpha_rank_profiles([hunt, hunt.T], alpha=10)
    assert mass[0, 1] + mass[1, 0] < 1e-3
    assert mass[1, 1] > mass[0, 0]  # leaving (hare, hare) costs 2, leaving (stag, stag) 1
    # With the defaults the chances to leave are e^-9800 and e^-4900: the better one has all.
    better = alpha_rank_profiles([np.diag([2.0, 1.0])] * 2)
    assert better[0, 0] == pytest.approx(1) and better[1, 1] < 1e-12
    # Matching pennies: a cycle of four, all even.
    pennies = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert np.allclose(alpha_rank_profiles([pennies, -pennies], alpha=10), 0.25)


def test_swiss_pairs_the_like_and_nobody_twice():
    points, met, byes = dict.fromkeys("abcdefg", 0.0), set(), []
    assert swiss.rounds(7) == 3
    for _ in range(3):
        pairs, bye = swiss.pairing(points, met, byes)
        assert len(pairs) == 3 and bye not in byes
        for pair in pairs:
            assert frozenset(pair) not in met
            met.add(frozenset(pair))
            points[min(pair)] += 1  # the earlier letter wins
        byes.append(bye)
        points[bye] += 1
    assert max(points, key=lambda name: points[name]) == "a" and points["a"] == 3


def test_a_swiss_round_in_which_nobody_is_left_for_the_last_ends():
    names = [f"p{i:02}" for i in range(20)]
    met = {frozenset((names[-1], name)) for name in names[:-1]}
    pairs, bye = swiss.pairing(dict.fromkeys(names, 0.0), met)
    assert bye is None and sorted(name for pair in pairs for name in pair) == names
    assert sum(frozenset(pair) in met for pair in pairs) == 1


def test_what_is_no_match_is_one_clear_line():
    for row, what in (
        (Match("a", "a", 1), "cannot play itself"),
        (Match("a", "b", 2), r"must lie in \[0, 1\]"),
    ):
        with pytest.raises(ConfigError, match=what):
            Matches.of([row])
    with pytest.raises(ConfigError, match="a and c never met"):
        nash.of_matches(Matches.of([Match("a", "b", 1), Match("b", "c", 1)]))
    with pytest.raises(ConfigError, match="finite"):
        alpha_rank(np.array([[0, np.nan], [0, 0]]))
