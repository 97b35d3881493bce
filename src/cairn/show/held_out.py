"""Attempts at an environment's most telling test, to be drawn."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int

from cairn.core.keys import stream
from cairn.envs.protocol import Environment, Level, Suite
from cairn.evaluation.evaluate import draw_variants
from cairn.show.film import Recording, film
from cairn.show.subject import Subject

ATTEMPTS = 10
"""Attempts at each level."""
LEVELS = 10
"""Levels shown of a test that has more."""


class Shown(NamedTuple):
    """How the agent fares on one level."""

    env: Environment
    name: str
    level: Level
    solve_rate: float
    """Share of all attempts."""
    success: bool
    """Whether the typical attempt solved it."""
    states: Any
    """NumPy states of the typical attempt, from the start to the end of the episode."""

    @property
    def length(self) -> int:
        """Steps of the typical attempt."""
        return jax.tree.leaves(self.states)[0].shape[0] - 1


def tested(subject: Subject) -> Suite:
    """The environment's most telling test."""
    env = subject.experiment.env
    return env.suite(env.suites()[0], jax.random.key(0))


def play_held_out(subject: Subject) -> list[Shown]:
    """Its first levels, headline levels first."""
    root = jax.random.key(0)
    suite = subject.once(tested)
    chosen = np.argsort(~suite.headline, kind="stable")[:LEVELS]
    variants = draw_variants(suite, stream(root, "show variants"), 1)[chosen, 0]
    levels = jax.tree.map(lambda leaf: leaf[variants], suite.variants)
    keys = jax.random.split(stream(root, "show attempts"), len(chosen) * ATTEMPTS)
    played = _play(subject, suite, levels, keys)
    return [_shown(suite, suite.levels[chosen[i]], levels, played, i) for i in range(len(chosen))]


def typical(solved: Bool[np.ndarray, " A"], length: Int[np.ndarray, " A"]) -> int:
    """Which attempt is the median one, quick successes first and failures last.

    It is a success exactly if at least half of them are.
    """
    order = np.lexsort((length, ~solved))
    return int(order[(len(order) - 1) // 2])


def _play(subject: Subject, suite: Suite, levels: Level, keys: jax.Array) -> Recording:
    """Every level `ATTEMPTS` times, attempts of one level side by side."""
    many = jax.tree.map(lambda leaf: jnp.asarray(np.repeat(leaf, ATTEMPTS, axis=0)), levels)
    actor = subject.actor
    assert actor is not None, "Only who acts can be watched."
    play = partial(film, suite.env, actor.policy, limit=suite.env.max_steps)
    return jax.tree.map(np.asarray, jax.jit(play)(actor.state, many, keys))


def _shown(suite: Suite, name: str, levels: Level, played: Recording, index: int) -> Shown:
    rows = slice(index * ATTEMPTS, (index + 1) * ATTEMPTS)
    solved, length = np.asarray(played.solved[rows]), np.asarray(played.length[rows])
    best = typical(solved, length)
    row = rows.start + best
    return Shown(
        suite.env,
        name,
        jax.tree.map(lambda leaf: leaf[index], levels),
        float(solved.mean()),
        bool(solved[best]),
        jax.tree.map(lambda leaf: leaf[row, : length[best] + 1], played.states),
    )
