"""Good Shepherd: one fixed policy that is best among co-players who learn against it.

Balaguer et al. 2022, arXiv:2202.10135, by evolution as in the code of Shaper. Its policy sees the
last round alone and no episode before: against naive learners of the prisoner's dilemma it becomes
an extortioner as Press and Dyson's.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from cairn.core.keys import stream
from cairn.engine.program import Report
from cairn.games import evolved
from cairn.games.evolved import State, Weights
from cairn.games.method import method
from cairn.games.tasks import Repeated


@dataclass(frozen=True)
class Config(evolved.Config):
    """Good Shepherd."""

    sigma: float = 0.5
    sigma_decay: float = 0.97
    sigma_least: float = 0.05


def init(task: Repeated, config: Config, key: Key[Array, ""]) -> State:
    """Logits at random."""
    states = 1 + 2**task.game.players
    return evolved.begun(config, jax.random.normal(stream(key, "games.init", 0), (states,)), key)


def plays(weights: Weights, seen: Float[Array, "n d"]) -> Float[Array, " d"]:
    """The same, whatever was."""
    del seen
    return jnp.asarray(weights)


def step(task: Repeated, config: Config, state: State) -> tuple[State, Report]:
    """One generation."""
    return evolved.generation(task, config, state, plays)


METHOD = method(
    __doc__, Config, init, step,
    counts=("evaluations",), least=lambda config: config.population, presets=evolved.PRESETS,
)  # fmt: skip
