"""What a trial is worth: how its student does on levels that a rule draws, never the named ones."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key

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
Purpose = Literal["tuning", "test"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


class Rated(NamedTuple):
    """Of one row."""

    score: float
    """The measure, negated where lower is better."""
    steps: int
    """Environment steps of the test."""


class Scorer:
    """A test of rows: some levels of a suite that was drawn for a `purpose`, by their places."""

    def __init__(
        self,
        env: Environment,
        found: Suite,
        headline: Int[np.ndarray, " places"],
        levels: int,
        attempts: int,
        purpose: Purpose,
    ):
        # Spread over the suite: families stand in it one after the other.
        places = np.linspace(0, len(headline), min(levels, len(headline)), endpoint=False)
        variants = draw_variants(found, stream(_root(purpose), "variants"), attempts)
        chosen = variants[headline[places.astype(int)]].reshape(-1)
        self.env = found.env
        self.levels = jax.tree.map(lambda leaf: leaf[chosen], found.variants)
        self.chosen, self.number, self.purpose = len(places), len(chosen), purpose
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


def scorers(env: Environment, suite: str, levels: int, attempts: int) -> dict[Purpose, Scorer]:
    """The tests of one suite, each on levels of its own.

    A suite that is the same whatever draws it is shared out by lot: kinds of levels may follow one
    another in it. Raises ConfigError where it has a single level.
    """
    drawn: dict[Purpose, Suite] = {
        purpose: env.suite(suite, _root(purpose)) for purpose in PURPOSES
    }
    places = {purpose: np.flatnonzero(found.headline) for purpose, found in drawn.items()}
    one, other = (jax.tree.leaves(found.variants) for found in drawn.values())
    if all(np.array_equal(*pair) for pair in zip(one, other, strict=True)):
        lots = np.random.default_rng(0).permutation(places["tuning"])
        half = (len(lots) + 1) // 2
        places = {"tuning": np.sort(lots[:half]), "test": np.sort(lots[half:])}
    if not len(places["test"]):
        raise ConfigError(
            f"The suite {suite!r} has one level, so settings would be tested on what they were "
            f"chosen by. Choose a --suite of two or more."
        )
    return {
        purpose: Scorer(env, found, places[purpose], levels, attempts, purpose)
        for purpose, found in drawn.items()
    }


def _root(purpose: Purpose) -> Key[Array, ""]:
    return stream(jax.random.key(0), f"levels of {purpose}")


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


def check_metric(experiment: Experiment, name: str) -> None:
    """Raise ConfigError if the method reports no metric of this name. Nothing is computed."""
    program = experiment.how.program(experiment.setup(None))
    arrays = () if program.data is None else (jax.eval_shape(program.data.load),)
    step = lambda key, *arrays: program.step(program.init(key), *arrays)[1].metrics  # noqa: E731
    found: Mapping[str, Any] = jax.eval_shape(step, jax.random.key(0), *arrays)
    if name not in found:
        raise ConfigError(
            f"--metric expects one of {', '.join(sorted(found)) or 'no metric'}, got {name!r}."
        )
