"""What a student is worth in the lever game, exactly, and among T-mazes (`remidi_levers.py`)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cairn.core import trees
from cairn.envs.levers import Levers
from cairn.envs.maze.solve import solvable
from cairn.nn.protocol import Network, Output
from cairn.ued import parts


class Table(Network):
    """A row of numbers for each observation: what is learned at one is not felt at another."""

    policy: Array
    value: Array

    def __init__(self, spec: Any, outputs: int, config: Any, key: Array) -> None:
        self.policy = jnp.zeros((spec.size, outputs), jnp.float32)
        self.value = jnp.zeros(spec.size, jnp.float32)

    def step(self, observation: Any, memory: Any, reset: Any) -> tuple[Output, Any]:
        """Look the row up."""
        return Output(observation @ self.policy, observation @ self.value), memory


def levels_of(env: Levers) -> Any:
    """All there are: the visible ones, then the invisible."""
    both = env.every(True), env.every(False)
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *both)


def regrets(env: Levers, chances: Float[Array, "sights levers"]) -> Float[Array, " levels"]:
    """The regret of each of `levels_of(env)`, exactly, by trying every lever of every level.

    `chances` has the policy's probabilities, a row for each of what can be seen.
    """
    levels, levers = levels_of(env), jnp.arange(env.levers, dtype=jnp.int32)
    key = jax.random.key(0)
    step = jax.vmap(jax.vmap(env.step, (None, None, 0)), (None, 0, None))
    pays = step(key, levels, levers).reward
    assert not isinstance(pays, tuple)
    seen = jax.vmap(env.observe)(levels)
    return jnp.max(pays, axis=1) - jnp.sum(pays * (seen @ chances), axis=1)


def worth(env: Levers) -> Callable[[Any, Any, Array], dict[str, Array]]:
    """What a student is worth in the lever game, exactly."""

    def of(problem: Any, learner: Any, key: Array) -> dict[str, Array]:
        sights = jnp.eye(env.levers + 1)
        nothing = jnp.zeros(env.levers + 1, bool)
        out, _ = trees.opened(learner.network).step(sights, None, nothing)
        chances = jax.nn.softmax(out.policy)
        right = 1 - regrets(env, chances) / (2 * jax.vmap(env.optimal_return)(levels_of(env)))
        visible, invisible = jnp.split(right, 2)
        return {
            "visible": visible.mean(),
            "invisible": invisible.mean(),
            "worst_regret": regrets(env, chances).max(),
        }

    return of


def fares(env: Any, steps: int) -> Callable[[Any, Any, Array], dict[str, Array]]:
    """How a student fares on fresh mazes that can be solved, and on hidden levels."""
    key = jax.random.key(7)
    suites = {name: env.suite(name, key).variants for name in env.suites()}
    can = np.asarray(jax.jit(jax.vmap(solvable))(jax.tree.map(jnp.asarray, suites["mazes"].maze)))
    suites["mazes"] = jax.tree.map(lambda leaf: leaf[can], suites["mazes"])
    levels = {name: jax.tree.map(jnp.asarray, suite) for name, suite in suites.items()}

    def of(problem: Any, learner: Any, key: Array) -> dict[str, Array]:
        found = {}
        for name, some in levels.items():
            trace = parts.play(problem, learner, some, key, steps)
            ends = trace.done.astype(jnp.int32)
            first = jnp.cumsum(ends, axis=0) - ends == 0
            found[name] = (trace.solved & first).any(axis=0).mean()
        return found

    return of
