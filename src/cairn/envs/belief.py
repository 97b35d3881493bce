"""What may be believed of a state from what was seen, under the ground truth's distribution.

A level can have *aleatoric* parameters: chance that is settled when the level is made and that the
agent cannot see, with a known distribution where it will be deployed. A curriculum over levels
shifts that distribution; who trains on states drawn from a belief that starts from the true one is
not misled (SAMPLR: Jiang et al. 2022, arXiv:2207.05219).
"""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, PyTree

from cairn.core.errors import ConfigError

Variants = Callable[[PyTree], tuple[PyTree, Float[Array, " V"]]]
"""A level -> the V levels that differ from it in nothing but aleatoric parameters, with all the
values these may have, and the probability of each in the ground truth."""


class Belief(eqx.Module):
    """A sampler of states of one environment, given what happened in an episode so far.

    It is pure: what it believes is a pytree of arrays that goes in and comes out. Of the level it
    is told, it may use what is not aleatoric: that is the curriculum's to choose.
    """

    @abc.abstractmethod
    def begin(self, key: Key[Array, ""], level: PyTree, observation: PyTree) -> PyTree:
        """What to believe at the start of an episode, where this is seen."""

    @abc.abstractmethod
    def after(
        self, key: Key[Array, ""], belief: PyTree, action: Any, observation: PyTree
    ) -> PyTree:
        """What to believe once `action` was taken and this was seen."""

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""], belief: PyTree) -> PyTree:
        """A state of the environment, drawn from the belief."""

    def excludes(self, belief: PyTree) -> Bool[Array, ""]:
        """Whether what was seen cannot be, by this belief: a fault, which stops a run."""
        return jnp.zeros((), bool)

    def simulated(self, level: PyTree) -> int:
        """Environment steps that one `after` takes, for the ledger."""
        return 0


class Weighted(NamedTuple):
    """The states that there may be, one for each variant of the level."""

    states: PyTree[Array]
    """Every leaf (V, ...)."""
    weight: Float[Array, " V"]
    """The prior probability of a variant that what was seen is consistent with, else 0."""


class Exact(Belief):
    """The exact belief of a deterministic environment with finitely many aleatoric values.

    All variants of a level are played beside it, with the same actions. One that would have shown
    anything else is ruled out: by Bayes' rule the rest keep their prior's proportions.
    """

    env: Any
    """The environment. Neither its `reset` nor its `step` may use the key."""
    variants: Variants = eqx.field(static=True)
    """What the level may be in truth."""
    tolerance: float = eqx.field(static=True, default=1e-5)
    """Numbers seen that differ by no more count as the same: compilers round differently."""

    def begin(self, key: Key[Array, ""], level: PyTree, observation: PyTree) -> Weighted:
        """The prior, less what does not look so from the start."""
        levels, prior = self.variants(level)
        states, seen = jax.vmap(lambda each: self.env.reset(key, each))(levels)
        return Weighted(states, prior * self._same(seen, observation))

    def after(
        self, key: Key[Array, ""], belief: Weighted, action: Any, observation: PyTree
    ) -> Weighted:
        """What is left of the belief."""
        played = jax.vmap(lambda state: self.env.step(key, state, action))(belief.states)
        return Weighted(played.state, belief.weight * self._same(played.observation, observation))

    def posterior(self, belief: Weighted) -> Float[Array, " V"]:
        """The probability of each variant; zeros if all are excluded."""
        total = jnp.sum(belief.weight)
        return belief.weight / jnp.where(total > 0, total, 1.0)

    def sample(self, key: Key[Array, ""], belief: Weighted) -> PyTree:
        """The state of one variant."""
        chosen = jax.random.categorical(key, jnp.log(belief.weight))
        return jax.tree.map(lambda leaf: leaf[chosen], belief.states)

    def excludes(self, belief: Weighted) -> Bool[Array, ""]:
        """Whether no variant is left."""
        return ~jnp.any(belief.weight > 0)

    def simulated(self, level: PyTree) -> int:
        """One for each variant."""
        return jax.eval_shape(self.variants, level)[1].shape[0]

    def _same(self, seen: PyTree, observation: PyTree) -> Float[Array, " V"]:
        """1 for each variant of `seen` that looks like `observation`, else 0."""

        def alike(one: Array, other: Array) -> Array:
            if jnp.issubdtype(other.dtype, jnp.inexact):
                near = jnp.abs(one - other[None]) <= self.tolerance
            else:
                near = one == other[None]
            return jnp.all(near.reshape(near.shape[0], -1), axis=1)

        leaves = jax.tree.leaves(jax.tree.map(alike, seen, observation))
        return jnp.all(jnp.stack(leaves), axis=0).astype(jnp.float32)


def certain(level: PyTree) -> tuple[PyTree, Float[Array, "1"]]:
    """The variants of a level that has no aleatoric parameters: itself."""
    return jax.tree.map(lambda leaf: leaf[None], level), jnp.ones(1, jnp.float32)


def belief_of(env: Any) -> Belief:
    """What may be believed of the states of `env`. Raises ConfigError where nobody says it."""
    if env.belief is None:
        raise no_belief(env)
    return env.belief


def no_belief(env: Any) -> ConfigError:
    """The error that says what else there is."""
    return ConfigError(
        f"This method trains on what may be believed of hidden states, but {type(env).__name__} "
        f"has no belief. Give it one (`Environment.belief`), or choose another method."
    )


def impossible(env: Any, excluded: Array | np.ndarray) -> str | None:
    """Why a run cannot go on whose belief excluded what was seen, by how many steps it did."""
    steps = int(np.asarray(excluded).sum())
    if not steps:
        return None
    return (
        f"The belief of {type(env).__name__} excludes what was seen in {steps} steps: no aleatoric "
        f"value that it knows shows that. Its values must include every level's own, with a prior "
        f"above 0, and an exact belief wants an environment that uses no key. See "
        f"docs/methods/samplr.md."
    )
