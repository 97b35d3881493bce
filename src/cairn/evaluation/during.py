"""Evaluation while training: a small fixed test that changes nothing but the ledger."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cairn.core import measures
from cairn.core.keys import stream
from cairn.engine.compiled import over_seeds
from cairn.envs.protocol import Environment, Suite
from cairn.evaluation.attempts import Attempts, attempt
from cairn.evaluation.evaluate import draw_variants
from cairn.learners.protocol import Actor, Policy

Figures = dict[str, dict[str, Any]]
"""Suite to figure to one value for each seed; `measure` names the figure that it is about."""


def during(
    env: Environment, actor_of: Callable[[Any], Actor]
) -> Callable[[Any], tuple[Figures, np.ndarray]]:
    """The function that tests a run's state: (figures by suite, environment steps by seed).

    `actor_of` picks out of the state who is tested. The environment says on which suites and on how
    much of them (`quick_suites`), and by what it is measured. The levels are drawn once and are not
    those of `cairn evaluate`. The keys depend on the run's key and the cycle alone, so a resumed
    run gets the same figures.
    """
    measures.field_of(env)  # an unknown measure is refused before anything is trained
    tests: dict[str, tuple[Environment, Any]] = {}

    @jax.jit
    def test(state: Any) -> dict[str, Attempts]:
        actor = actor_of(state)
        seeds = state.cycle.shape[0]
        one = lambda args: _test(actor.policy, tests, *args)  # noqa: E731
        return over_seeds(one, seeds)((actor.state, state.key, state.cycle))

    def evaluate(state: Any) -> tuple[Figures, np.ndarray]:
        if not tests:  # not before they are needed: drawing levels compiles a generator
            tests.update(_small_suites(env))
        results = jax.device_get(test(state))
        figures = {name: _describe(env, result) for name, result in results.items()}
        steps = [np.asarray(result.steps, np.int64) for result in results.values()]
        return figures, sum(steps, np.zeros(state.cycle.shape, np.int64))

    return evaluate


def by_itself(
    test: Callable[[Any], tuple[Mapping[str, Mapping[str, Any]], Any]],
) -> Callable[[Any], tuple[Figures, np.ndarray]]:
    """The same by a program's own test of one seed's state (`Program.tested`)."""

    @jax.jit
    def every(state: Any) -> Any:
        return over_seeds(test, state.cycle.shape[0])(state)

    def evaluate(state: Any) -> tuple[Figures, np.ndarray]:
        found, spent = jax.device_get(every(state))
        figures = {
            name: {
                "measure": "solve_rate",
                **{what: np.asarray(v).tolist() for what, v in rows.items()},
            }
            for name, rows in found.items()
        }
        return figures, np.asarray(spent, np.int64)

    return evaluate


def _small_suites(env: Environment) -> dict[str, tuple[Environment, Any]]:
    root = stream(jax.random.key(0), "evaluation during training")
    return {
        name: _small(env.suite(name, root), *quick, root)
        for name, quick in env.quick_suites().items()
    }


def _small(suite: Suite, levels: int, attempts: int, key: Any) -> tuple[Environment, Any]:
    """The levels of all attempts at the suite's first headline levels."""
    chosen = np.flatnonzero(suite.headline)[:levels]
    variant = draw_variants(suite, stream(key, "variants"), attempts)[chosen].reshape(-1)
    return suite.env, jax.tree.map(lambda leaf: leaf[variant], suite.variants)


def _test(
    learner: Policy, tests: dict[str, tuple[Environment, Any]], state: Any, key: Any, cycle: Any
) -> dict[str, Attempts]:
    """One seed's attempts."""
    results = {}
    for name, (env, levels) in tests.items():
        levels = jax.tree.map(jnp.asarray, levels)
        number = jax.tree.leaves(levels)[0].shape[0]
        keys = jax.random.split(stream(stream(key, "evaluation", cycle), name), number)
        # Two rounds: an untrained agent fills both, a trained one need not wait for stragglers.
        columns = -(-number // 2)
        results[name] = attempt(
            env, learner, state, levels, keys, jnp.int32(number), columns=columns
        )
    return results


def _describe(env: Environment, result: Attempts) -> dict[str, Any]:
    values = (result.solved, result.episode_return, result.length)
    means = [np.asarray(value).mean(axis=1, dtype=np.float64).tolist() for value in values]
    names = (measures.rate_of(env), "return", "length")
    return {"measure": env.measure, **dict(zip(names, means, strict=True))}
