"""M-FOS: a policy over policies, which sees how the others have learned and plays the next episode.

Lu et al. 2022, arXiv:2205.01447, the exact game: the state is everyone's probabilities of
cooperating, the action the own logits. Found by evolution (as in the code of Shaper) in the place
of PPO with 4,096 trials.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from cairn.core import checks
from cairn.core.keys import stream
from cairn.engine.program import Report
from cairn.games import evolved
from cairn.games.evolved import State, Weights
from cairn.games.method import method
from cairn.games.tasks import Repeated


@dataclass(frozen=True)
class Config(evolved.Config):
    """M-FOS."""

    hidden: int = 16
    """Units of the policy's one hidden layer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(self, 1, "hidden")


def sizes(players: int, hidden: int) -> tuple[int, int, int, int]:
    """Numbers in each part of the weights: to the hidden layer, its bias, from it, the bias."""
    states = 1 + 2**players
    return players * states * hidden, hidden, hidden * states, states


def init(task: Repeated, config: Config, key: Key[Array, ""]) -> State:
    """Small weights at random."""
    count = sum(sizes(task.game.players, config.hidden))
    return evolved.begun(
        config, 0.3 * jax.random.normal(stream(key, "games.init", 0), (count,)), key
    )


def plays(weights: Weights, seen: Float[Array, "n d"]) -> Float[Array, " d"]:
    """The logits of the next episode."""
    n, states = seen.shape
    hidden = (len(weights) - states) // (1 + (n + 1) * states)
    first, bias, second, last = jnp.split(weights, _cuts(n, hidden))
    inner = jnp.tanh(jax.nn.sigmoid(seen).reshape(-1) @ first.reshape(-1, hidden) + bias)
    return inner @ second.reshape(hidden, states) + last


def _cuts(players: int, hidden: int) -> tuple[int, int, int]:
    one, two, three, _ = sizes(players, hidden)
    return one, one + two, one + two + three


def step(task: Repeated, config: Config, state: State) -> tuple[State, Report]:
    """One generation."""
    return evolved.generation(task, config, state, plays)


METHOD = method(
    __doc__, Config, init, step,
    counts=("evaluations",), least=lambda config: config.population, presets=evolved.PRESETS,
)  # fmt: skip
