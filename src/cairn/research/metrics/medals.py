"""Medals, as MLE-bench gives them by a leaderboard.

Chan et al. 2024, arXiv:2410.07095; openai/mle-bench (`mlebench/grade_helpers.py`), by which the
positions and comparisons here are checked. Differs: a leaderboard that is not sorted is refused;
there it is believed, and its first row is the best score.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cairn.core.errors import ConfigError


class Positions(NamedTuple):
    """The last place, from 1, that still has a medal."""

    gold: int
    silver: int
    bronze: int


class Leaderboard(NamedTuple):
    """What a score has to reach."""

    gold: float
    silver: float
    bronze: float
    median: float
    larger_is_better: bool
    teams: int


class Rank(NamedTuple):
    """What a score is worth on a leaderboard."""

    medal: str | None
    """"gold", "silver", "bronze" or None."""
    above_median: bool
    """Strictly better than the median."""
    beaten: float
    """Share of the teams that it is strictly better than."""


def positions(teams: int) -> Positions:
    """Medal places among so many teams, by Kaggle's table."""
    if teams < 1:
        raise ConfigError(f"a leaderboard needs at least one team, got {teams}.")
    # In whole numbers, where MLE-bench rounds 0.1 · T down.
    tenth, fifth, two_fifths = teams // 10, teams // 5, 2 * teams // 5
    if teams < 100:
        return Positions(max(1, tenth), max(1, fifth), max(1, two_fifths))
    if teams < 250:
        return Positions(10, fifth, two_fifths)
    if teams < 1000:
        return Positions(10 + teams // 500, 50, 100)
    return Positions(10 + teams // 500, teams // 20, tenth)


def leaderboard(scores: Sequence[float]) -> Leaderboard:
    """Thresholds of a leaderboard, best team first.

    Smaller is better if the first score is smaller than the last, as in MLE-bench. Raises
    ConfigError for scores that are not finite or not in order.
    """
    places = positions(len(scores))
    if not all(map(math.isfinite, scores)):
        raise ConfigError("a leaderboard must hold finite scores only.")
    larger = not scores[0] < scores[-1]
    if list(scores) != sorted(scores, reverse=larger):
        raise ConfigError("a leaderboard must be sorted, the best team first.")
    gold, silver, bronze = (scores[place - 1] for place in places)
    return Leaderboard(gold, silver, bronze, statistics.median(scores), larger, len(scores))


def rank(score: float | None, scores: Sequence[float]) -> Rank:
    """What a score is worth among `scores`; nothing if there is none, or it is not finite."""
    board = leaderboard(scores)
    if score is None or not math.isfinite(score):
        return Rank(None, False, 0.0)
    sign = 1 if board.larger_is_better else -1
    reached = [
        name for name in ("gold", "silver", "bronze") if sign * score >= sign * getattr(board, name)
    ]
    beaten = sum(sign * score > sign * other for other in scores) / len(scores)
    return Rank(reached[0] if reached else None, sign * score > sign * board.median, beaten)


class Headline(NamedTuple):
    """A benchmark's figure over seeds."""

    mean: float
    """In percent."""
    sem: float | None
    """Standard error over seeds, in percent; None for one seed."""
    seeds: int


def any_medal(seeds: Sequence[Mapping[str, str | None]], competitions: Sequence[str]) -> Headline:
    """Share of competitions with a medal, mean ± standard error over seeds.

    Args:
        seeds: for each seed, the medal by competition. A competition that is missing there counts
            as one without a medal.
        competitions: all that should have been played.
    """
    if not seeds or not competitions:
        raise ConfigError("any_medal needs at least one seed and one competition.")
    for medals in seeds:
        if unknown := set(medals) - set(competitions):
            raise ConfigError(f"medals of {sorted(unknown)}, which are not among the competitions.")
    rates = [100 * sum(m.get(c) is not None for c in competitions) / len(competitions)
             for m in seeds]  # fmt: skip
    sem = statistics.stdev(rates) / math.sqrt(len(rates)) if len(rates) > 1 else None
    return Headline(statistics.fmean(rates), sem, len(rates))
