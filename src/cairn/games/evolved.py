"""What shapers found by evolution share: candidates against co-players who learn, exact values.

A trial: co-players begin at random; each of T episodes the shaper plays some logits, everyone gets
the exact value of the repeated game, and the co-players climb their own gradient. What a shaper
sees between episodes is all that its methods differ in. The candidates of a generation meet the
same beginnings (common random numbers, as in the code of Shaper), the next ones others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from cairn.core import checks
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.engine.program import Report
from cairn.games import differentiable, evolution, exact
from cairn.games.evolution import Evolution, Spread
from cairn.games.tasks import Repeated
from cairn.runs.method import Preset

PRESETS = MappingProxyType(
    {
        "small": Preset(
            "100 generations of 48 candidates: seconds.", sections={"run": {"steps": 4_800}}
        )
    }
)
LAST = 10
"""Episodes at the end of a trial that are reported apart."""
Weights = Float[Array, " w"]
Plays = Callable[[Weights, Float[Array, "n d"]], Float[Array, " d"]]
"""Weights of a shaper and the logits of all players as it saw them last, its own first -> the
logits it plays in the next episode."""


@dataclass(frozen=True)
class Config(Evolution):
    """A shaper found by evolution."""

    opponents: int = 16
    """Trials of each candidate."""
    episodes: int = 100
    """Of a trial."""
    co_rate: float = 1.0
    """Step size of the co-players, on values that are not normalised: a part of who is shaped. At
    1 they overshoot, and much of what is won from them is that."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(self, 1, "opponents", "episodes")
        checks.positive(self, "co_rate")


class State(eqx.Module):
    """All that a search needs to go on."""

    key: Key[Array, ""]
    cycle: Int[Array, ""]
    ledger: Ledger
    spread: Spread


class Trial(NamedTuple):
    """Payoffs a round, episode by episode."""

    rewards: Float[Array, "episodes n"]
    """The shaper's first."""


def trial(
    task: Repeated, plays: Callable[[Float[Array, "n d"]], Float[Array, " d"]],
    start: Float[Array, "n d"], episodes: int, co_rate: float,
) -> Trial:  # fmt: skip
    """One shaper (the first player) among naive learners that begin at `start`.

    What it sees of the others is from before their last update, as in the code of M-FOS.
    """
    payoffs = jnp.asarray(task.game.table, jnp.float32)
    values = partial(exact.values, payoffs, gamma=task.gamma)

    def episode(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Array]:
        seen, theta = carry
        theta = theta.at[0].set(plays(seen))
        earned = (1 - task.gamma) * values(theta)
        learned = theta + co_rate * differentiable.naive(values, theta)
        return (theta, learned.at[0].set(theta[0])), earned

    return Trial(jax.lax.scan(episode, (start, start), None, episodes)[1])


def beginnings(task: Repeated, trials: int, key: Key[Array, ""]) -> Float[Array, "trials n d"]:
    """Logits of everyone, standard normal."""
    n = task.game.players
    return jax.random.normal(key, (trials, n, 1 + 2**n))


def begun(config: Config, mean: Weights, key: Key[Array, ""]) -> State:
    """A search around some weights."""
    return State(
        key, jnp.zeros((), jnp.int32), Ledger.zero(("evaluations",)), evolution.begun(config, mean)
    )


def generation(task: Repeated, config: Config, state: State, plays: Plays) -> tuple[State, Report]:
    """One generation; reports how the centre of the candidates fares against the same players."""
    ask, meet = (stream(state.key, f"games.{what}", state.cycle) for what in ("ask", "meet"))
    candidates = evolution.ask(config, state.spread, ask)
    start = beginnings(task, config.opponents, meet)

    def all_trials(weights: Weights) -> Float[Array, "opponents episodes n"]:
        return jax.vmap(
            lambda s: trial(task, partial(plays, weights), s, config.episodes, config.co_rate)
        )(start).rewards

    fitness = jax.vmap(lambda w: all_trials(w)[..., 0].mean())(candidates)
    spread = evolution.tell(config, state.spread, candidates, fitness)
    after = State(
        state.key, state.cycle + 1, state.ledger.add(evaluations=config.population), spread
    )
    return after, report(all_trials(state.spread.mean), fitness)


def report(rewards: Float[Array, "opponents episodes n"], fitness: Float[Array, " P"]) -> Report:
    """Payoffs a round: of the shaper and the others, over trials and at their end."""
    last = rewards[:, -LAST:]
    return Report(
        {
            "reward": rewards[..., 0].mean(),
            "reward_others": rewards[..., 1:].mean(),
            "reward_last": last[..., 0].mean(),
            "reward_others_last": last[..., 1:].mean(),
            "fitness": fitness.mean(),
        }
    )
