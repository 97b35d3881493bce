"""Normalised score, valid rate and Elo, as AIRS-Bench reports them.

Lupidi et al. 2026 (AIRS-Bench, facebookresearch/airs-bench). φ(s) = -log10|s - s_opt|, and the
score is (φ(s) - φ(s_min)) / (φ(s_sota) - φ(s_min)): 0 is the worst score seen, 1 the published
best. Differs: |s - s_opt| is at least CLIP, since a perfect score would be worth infinity; and
s_min is an argument, frozen with the task, since a worst score *seen* moves with every agent that
is added.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cairn.core.errors import ConfigError

CLIP = 1e-6


class Scale(NamedTuple):
    """What a task's scores are measured by, in its own unit."""

    optimum: float
    sota: float
    worst: float
    """Frozen: the worst score seen when the table was made, or an estimate."""


def potential(score: float, optimum: float) -> float:
    """φ: how many decimal places from the optimum."""
    return -math.log10(max(abs(score - optimum), CLIP))


def normalised(score: float | None, scale: Scale) -> float:
    """The normalised score; 0 for a run without a valid one. It may leave [0, 1]: better than
    published, or worse than the frozen worst."""
    worst, sota = potential(scale.worst, scale.optimum), potential(scale.sota, scale.optimum)
    if worst == sota:
        raise ConfigError(f"worst and published score are as far from the optimum: {scale}.")
    if score is None or not math.isfinite(score):
        return 0.0
    return (potential(score, scale.optimum) - worst) / (sota - worst)


def valid_rate(scores: Sequence[float | None]) -> float:
    """Share of runs that left a valid, finite score."""
    if not scores:
        raise ConfigError("valid_rate needs at least one run.")
    return sum(s is not None and math.isfinite(s) for s in scores) / len(scores)


def elo(
    wins: Mapping[tuple[str, str], float], *, centre: float = 1500.0, prior: float = 0.0
) -> dict[str, float]:
    """Elo ratings that fit all games at once (Bradley-Terry, by Hunter's MM iterations).

    Ratings that are updated game by game depend on the order of the games; these do not. With two
    players, one of whom wins a share p, they are 400·log10(p/(1-p)) apart.

    Args:
        wins: how often the first beat the second; a draw is half a win for each.
        centre: the mean rating.
        prior: draws added between every two players. Without any, someone who never lost, or never
            won, has no finite rating: that is refused.
    """
    players = sorted({player for pair in wins for player in pair})
    if len(players) < 2:
        raise ConfigError("Elo needs games between at least two players.")
    won = {
        (a, b): wins.get((a, b), 0.0) + (prior / 2) for a in players for b in players if a != b
    }  # fmt: skip
    _connected(players, won)
    strength = dict.fromkeys(players, 1.0)
    for _ in range(100_000):
        new = {}
        for a in players:
            total = sum(won[a, b] for b in players if b != a)
            games = sum(
                (won[a, b] + won[b, a]) / (strength[a] + strength[b]) for b in players if b != a
            )
            new[a] = total / games
        scale = math.exp(sum(map(math.log, new.values())) / len(new))
        new = {a: value / scale for a, value in new.items()}
        moved = max(abs(math.log(new[a] / strength[a])) for a in players)
        strength = new
        if moved < 1e-13:
            break
    return {a: centre + 400 * math.log10(value) for a, value in strength.items()}


def _connected(players: Sequence[str], won: Mapping[tuple[str, str], float]) -> None:
    """Every player must reach every other by a chain of wins, or no finite ratings fit."""
    for start in players:
        reached, todo = {start}, [start]
        while todo:
            a = todo.pop()
            for b in players:
                if b not in reached and a != b and won[a, b] > 0:
                    reached.add(b)
                    todo.append(b)
        if len(reached) < len(players):
            never = ", ".join(sorted(set(players) - reached))
            raise ConfigError(
                f"no finite Elo: {start} beat {never} neither directly nor by others. Add games, "
                f"or draws by `prior`."
            )
