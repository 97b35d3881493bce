"""Attempts at suites of levels, for every trained seed: raw results on the host.

The levels are the same for every seed and every run; attempt a of seed s at level l has the same
key in every run, so two runs can be compared pair by pair.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core import measures
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.envs.protocol import Suite
from cairn.evaluation.attempts import attempt
from cairn.learners.greedy import greedy
from cairn.learners.protocol import Policy

CHUNK = 1024
"""Attempts in one call of the compiled program: what memory and progress are bounded by."""
COLUMNS = 128
"""Attempts played side by side. No result depends on it."""

Actions = Literal["greedy", "sampled"]
Advance = Callable[[str, int, int], None]
"""(suite, attempts behind, attempts in all), after every chunk."""


class Results(NamedTuple):
    """What happened in one suite: S seeds, L levels, A attempts at each."""

    suite: Suite
    solved: Bool[np.ndarray, "S L A"]
    episode_return: Float[np.ndarray, "S L A"]
    length: Int[np.ndarray, "S L A"]
    steps: int
    """Environment steps computed, all seeds together."""

    @property
    def measured(self) -> Float[np.ndarray, "S L A"]:
        """Every attempt by the environment's measure."""
        return getattr(self, measures.field_of(self.suite.env)).astype(np.float64)

    @property
    def scores(self) -> Float[np.ndarray, "S L"]:
        """Every seed on every level by the environment's measure: the mean of its attempts."""
        return self.measured.mean(axis=2)

    @property
    def solve_rates(self) -> Float[np.ndarray, "S L"]:
        """Share of its attempts that every seed solved on every level."""
        return self.solved.mean(axis=2)


_attempt = eqx.filter_jit(attempt)


def evaluate(
    policy: Policy,
    states: PyTree,
    suites: Sequence[Suite],
    *,
    seeds: int = 1,
    attempts: int = 20,
    seed: int = 0,
    actions: Actions = "sampled",
    advance: Advance = lambda suite, behind, total: None,
) -> dict[str, Results]:
    """Play every level of `suites` `attempts` times.

    Actions are sampled from the policy, or always its most likely ones (`greedy`). Every array of
    `states` has a leading axis of `seeds` trained agents. `seed` fixes all draws.

    Raises ConfigError for numbers that cannot be, or a policy that cannot be greedy.
    """
    policy = greedy(policy) if actions == "greedy" else policy
    if attempts < 1:
        raise ConfigError(f"attempts must be at least 1 for each level, got {attempts}.")
    if not 0 <= seed < 2**32:
        raise ConfigError(f"seed must lie in [0, 2^32), got {seed}.")
    root = jax.random.key(seed)
    return {
        suite.name: _suite(policy, states, seeds, suite, attempts, root, advance)
        for suite in suites
    }


def draw_variants(
    suite: Suite, key: Key[Array, ""], attempts: int
) -> Int[np.ndarray, "levels attempts"]:
    """Which variant each attempt plays: uniform among the level's own."""
    first = np.searchsorted(suite.owner, np.arange(len(suite.levels)))
    count = np.bincount(suite.owner, minlength=len(suite.levels))
    uniform = np.asarray(jax.random.uniform(key, (len(suite.levels), attempts), jnp.float32))
    chosen = np.minimum((uniform * count[:, None]).astype(np.int32), count[:, None] - 1)
    return (first[:, None] + chosen).astype(np.int32)


def _suite(
    policy: Policy,
    states: PyTree,
    seeds: int,
    suite: Suite,
    attempts: int,
    root: Key[Array, ""],
    advance: Advance,
) -> Results:
    shape = (len(suite.levels), attempts)
    variant = draw_variants(suite, stream(root, f"variants of {suite.name}"), attempts)
    total = seeds * variant.size
    rows, steps = [], 0
    for seed in range(seeds):
        state = jax.tree.map(lambda leaf, seed=seed: leaf[seed], states)
        key = stream(root, f"attempts at {suite.name}", seed)
        parts = []
        for start in range(0, variant.size, CHUNK):
            part = variant.reshape(-1)[start : start + CHUNK]
            result = _chunk(policy, state, suite, part, key, start)
            steps += int(result.steps)
            parts.append([np.asarray(field)[: len(part)] for field in result[:3]])
            advance(suite.name, seed * variant.size + start + len(part), total)
        rows.append([np.concatenate(fields).reshape(shape) for fields in zip(*parts, strict=True)])
    solved, episode_return, length = (np.stack(fields) for fields in zip(*rows, strict=True))
    return Results(suite, solved, episode_return, length, steps)


def _chunk(
    policy: Policy,
    state: Any,
    suite: Suite,
    variant: Int[np.ndarray, " attempts"],
    key: Key[Array, ""],
    start: int,
) -> Any:
    """Play one chunk, filled up with attempts that are never begun: one shape, one program."""
    filled = np.pad(variant, (0, CHUNK - len(variant)), mode="edge")
    levels = jax.tree.map(lambda leaf: jnp.asarray(leaf[filled]), suite.variants)
    numbers = jnp.arange(start, start + CHUNK, dtype=jnp.uint32)
    keys = jax.vmap(lambda number: jax.random.fold_in(key, number))(numbers)
    count = jnp.int32(len(variant))
    return _attempt(suite.env, policy, state, levels, keys, count, columns=COLUMNS)
