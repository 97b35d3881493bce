"""Whether an environment is deterministic, read off its compiled form and not off what it says."""

from collections.abc import Iterator
from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxprs_in_params
from jax.interpreters import partial_eval

from cairn.envs.check import check
from cairn.envs.protocol import Continuous, Environment


def chance_in(env: Environment) -> str | None:
    """What makes `env` other than deterministic, in words; None if it is deterministic.

    Its `reset` and `step` are traced, and what nothing depends on is struck out: if the key stays,
    something depends on it. Work on the host, of which nobody can say on what it depends, counts as
    chance. Nothing is compiled or computed.

    Raises ConfigError where `env` does not keep the promises of environments.
    """
    holds_arrays = any(eqx.is_array(leaf) for leaf in jax.tree.leaves(env))
    return _found(env) if holds_arrays else _remembered(env)  # arrays have no hash


def _found(env: Environment) -> str | None:
    """See `chance_in`."""
    check(env)
    key = jax.eval_shape(lambda: jax.random.key(0))
    level = jax.eval_shape(env.space.sample, key)
    spec = env.action_spec
    real = isinstance(spec, Continuous)
    action = jax.ShapeDtypeStruct((spec.size,) if real else (), jnp.float32 if real else jnp.int32)
    state, _ = jax.eval_shape(env.reset, key, level)
    for name, call, inputs in (
        ("reset", env.reset, (key, level)),
        ("step", env.step, (key, state, action)),
    ):
        traced = jax.make_jaxpr(call)(*inputs).jaxpr
        # The key is the first of the inputs.
        _, used = partial_eval.dce_jaxpr(traced, [True] * len(traced.outvars))
        if used[0]:
            return f"{name} uses its key"
        if any("callback" in each and "debug" not in each for each in _primitives(traced)):
            return f"{name} calls the host"
    return None


_remembered = lru_cache(maxsize=32)(_found)


def _primitives(jaxpr: Jaxpr | ClosedJaxpr) -> Iterator[str]:
    """The names of all operations, inner programs' among them."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in jaxprs_in_params(equation.params):
            yield from _primitives(inner)
