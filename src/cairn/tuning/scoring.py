"""What a trial is worth: how its student does on levels that a rule draws, never the named ones."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from cairn.core import measures
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.engine.compiled import over_seeds
from cairn.engine.program import Program
from cairn.envs.protocol import Environment, Suite
from cairn.evaluation.attempts import Attempts, attempt
from cairn.evaluation.evaluate import draw_variants
from cairn.runs.experiment import Experiment
from cairn.tuning.pool import Pool

SEALED = "named"
"""Levels that people know by name are for the test at the end of a study: who chooses settings by
them has no test left."""
PREFERRED = "procedural"


class Rated(NamedTuple):
    """Of one row."""

    score: float
    """The measure, negated where lower is better."""
    steps: int
    """Environment steps of the test."""


class Scorer:
    """A test of rows: levels of one suite, drawn once by a `purpose` (tuning, test)."""

    def __init__(self, env: Environment, suite: str, levels: int, attempts: int, purpose: str):
        root = stream(jax.random.key(0), f"levels of {purpose}")
        found: Suite = env.suite(suite, root)
        headline = np.flatnonzero(found.headline)
        # Spread over the suite: families stand in it one after the other.
        places = np.linspace(0, len(headline), min(levels, len(headline)), endpoint=False)
        variants = draw_variants(found, stream(root, "variants"), attempts)
        chosen = variants[headline[places.astype(int)]].reshape(-1)
        self.env = found.env
        self.levels = jax.tree.map(lambda leaf: leaf[chosen], found.variants)
        self.number, self.purpose = len(chosen), purpose
        self.sign = 1.0 if env.higher_is_better else -1.0
        self.field = measures.field_of(env)
        self._compiled: dict[int, Any] = {}

    def rate(self, pool: Pool, state: Any, seeds: list[int], which: list[bool]) -> list[Rated]:
        """Test the rows `which`, of a pool's state; `seeds` fix the draws."""
        rest = pool.rows - len(seeds)
        rows = (
            state,
            jnp.asarray(np.array(seeds + [0] * rest, np.uint32)),
            jnp.asarray(np.array(which + [False] * rest)),
        )
        if id(pool) not in self._compiled:
            one = over_seeds(lambda row: self._test(pool.program, *row), pool.rows,
                             pool.layout.seeds)  # fmt: skip
            self._compiled[id(pool)] = jax.jit(one)
        result: Attempts = jax.device_get(self._compiled[id(pool)](pool.layout.put(rows)))
        values = np.asarray(getattr(result, self.field), np.float64).mean(axis=1) * self.sign
        return [
            Rated(float(value), int(steps))
            for value, steps in zip(values[: len(seeds)], result.steps, strict=False)
        ]

    def _test(self, program: Program, state: Any, seed: Array, wanted: Array) -> Attempts:
        assert program.measured is not None
        actor = program.actors(state)[program.measured.role]
        levels = jax.tree.map(jnp.asarray, self.levels)
        keys = jax.random.split(stream(jax.random.key(seed), self.purpose), self.number)
        count = jnp.where(wanted, jnp.int32(self.number), jnp.int32(0))
        columns = min(self.number, 128)
        return attempt(self.env, actor.policy, actor.state, levels, keys, count, columns=columns)


def choose_suite(experiment: Experiment, asked: str | None) -> str | None:
    """The suite that trials are tested on; None where the method's work is measured by a metric.

    Raises ConfigError for the named levels, and where nothing else is there.
    """
    program = experiment.how.program(experiment.setup(None))
    env = experiment.env
    if program.measured is None or not isinstance(env, Environment):
        if asked is not None:
            raise ConfigError(f"{experiment.method} has nobody to test on {asked!r}: use --metric.")
        return None
    free = [name for name in env.suites() if name != SEALED]
    if asked is None and free:
        return PREFERRED if PREFERRED in free else free[0]
    if asked is None or asked == SEALED:
        raise ConfigError(
            f"Settings are not chosen by {SEALED} levels: these are for the test at the end. "
            f"Expected --suite {' or '.join(free) or '(this environment has no other)'}."
        )
    if asked not in env.suites():
        raise ConfigError(
            f"{type(env).__name__} has no test suite {asked!r}. Expected {' or '.join(free)}."
        )
    return asked


def by_metric(metrics: Mapping[str, float | None], name: str) -> float | None:
    """A trial's metric in its last chunk. Raises ConfigError if there is none of this name."""
    if name not in metrics:
        raise ConfigError(
            f"--metric expects one of {', '.join(sorted(metrics)) or 'no metric'}, got {name!r}."
        )
    return metrics[name]
