"""Prompts that are not posed, since their answers would all be as good: nothing is sampled of them.

A group without variance teaches nothing, and what it took is lost (dynamic sampling, `refill`,
replaces such groups after they were sampled). Of a finite set of problems most have been seen:
whether a group is going to be all right or all wrong can be told from what they were like.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from cairn.archive import replay
from cairn.archive.replay import Replay
from cairn.core import checks, trees
from cairn.improve import histories, parts
from cairn.improve.histories import Belief, Node
from cairn.improve.parts import Problem, Problems, State


@dataclass(frozen=True)
class Skip(histories.Curriculum):
    """Which problems are not posed."""

    skip: float = 1.0
    """Predicted chance of a group without variance from which on another problem is drawn in its
    place; 1: all are posed. Only problems that come back can be predicted (`problems`)."""
    candidates: int = 4
    """Problems drawn for a place at most; the last is posed whatever is predicted."""
    again: float = 0.1
    """Chance that one is posed all the same: the model has changed since."""

    def __post_init__(self) -> None:
        histories.Curriculum.__post_init__(self)
        checks.share(self, "skip", "again")
        checks.at_least(self, 1, "candidates")

    @property
    def drawn(self) -> int:
        """Problems drawn for the places of one cycle."""
        return self.prompts * (self.candidates if self.skip < 1 else 1)


def idle(belief: Belief, group: int) -> Float[Array, "*n"]:
    """E p^G + E (1 - p)^G under Beta(a, b): that all answers of a group are right, or all wrong.

    E p^G is the product of (a + i) / (a + b + i) over i < G. Of what nobody has seen, with a and b
    1, it is 2 / (G + 1).
    """
    a, b = belief.successes[..., None] + 1.0, belief.failures[..., None] + 1.0
    step = jax.lax.broadcasted_iota(jnp.float32, (*a.shape[:-1], group), a.ndim - 1)
    chance = lambda a, b: jnp.prod((a + step) / (a + b + step), axis=-1)  # noqa: E731
    return chance(a, b) + chance(b, a)


def pose(
    problem: Problem, config: Skip, state: State, archive: Replay
) -> tuple[Problems, Int[Array, " P"]]:
    """P problems, each the first of its candidates that promises variance, or the last of them;
    also how many were passed over for each."""
    drawn = parts.draw(problem, config, state, config.drawn, "problems")
    return promising(config, archive, drawn, parts.key_for(state, "second looks"))


def promising(
    config: Skip, archive: Replay, drawn: Problems, key: Key[Array, ""]
) -> tuple[Problems, Int[Array, " P"]]:
    """The same of `config.drawn` problems, P first candidates, then P second ones …"""
    P, most = config.prompts, config.drawn // config.prompts
    if config.skip >= 1:
        return drawn, jnp.zeros(P, jnp.int32)
    K = archive.scores.shape[0]
    slots = replay.find(archive, Node(drawn, jnp.zeros(P * most, jnp.int32)))
    belief = trees.take(archive.memory, jnp.minimum(slots, K - 1))
    hopeless = (slots < K) & (idle(belief, config.group) >= config.skip)
    coin = jax.random.uniform(key, (P * most,))
    passed = (hopeless & (coin >= config.again)).reshape(most, P)
    tries = jnp.arange(most, dtype=jnp.int32)[:, None]
    first = jnp.min(jnp.where(passed, most - 1, tries), axis=0)
    return trees.take(drawn, first * P + jnp.arange(P, dtype=jnp.int32)), first
