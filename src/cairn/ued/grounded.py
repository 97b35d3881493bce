"""A trace grounded in a belief: what the learner is told had happened from a believed state."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key, PyTree

from cairn.core import trees
from cairn.core.axes import COLUMNS
from cairn.core.keys import stream
from cairn.core.returns import one_step_td
from cairn.core.trace import Trace
from cairn.engine.devices import WHOLE, along, over
from cairn.engine.rollout import column_keys
from cairn.engine.tracing import TRACE
from cairn.envs.belief import belief_of
from cairn.envs.protocol import Environment, Level, Step
from cairn.ued.parts import Problem


def played(env: Environment) -> int:
    """Environment steps for each step of a rollout: that, the fictitious one, the belief's own."""
    level = jax.eval_shape(env.space.sample, jax.random.key(0))
    return 2 + belief_of(env).simulated(level)


def ground(
    problem: Problem, learner: Any, trace: Trace, levels: Level, key: Key[Array, ""]
) -> tuple[Trace, Bool[Array, "T B"]]:
    """The trace whose ordinary GAE is that over δ', and where the belief excluded what was seen.

    Only its rewards are others: r''_t = r_t + δ'_t - δ_t, with δ_t the temporal difference of the
    real step. So whoever learns from traces learns from fictitious steps. Columns play one of
    `levels` each, again when it ends, with a memory that starts empty.
    """
    here = partial(_ground, problem)
    inputs = (WHOLE, TRACE, along(COLUMNS), WHOLE, along(COLUMNS))
    columns = jnp.arange(trace.reward.shape[1], dtype=jnp.int32)
    grounded = over(problem.mesh, here, inputs, (TRACE, along(COLUMNS, 1)))
    return grounded(learner, trace, levels, key, columns)


def _ground(
    problem: Problem, learner: Any, trace: Trace, levels: Level, key: Array, columns: Array
) -> tuple[Trace, Array]:
    env, policy, batch = problem.env, problem.learner, columns.shape[0]
    belief, nothing = belief_of(env), jnp.zeros((batch, *policy.noise), jnp.float32)
    keys = lambda name, time: column_keys(stream(key, name, time), columns)  # noqa: E731

    def begun(time: Array, observation: PyTree) -> PyTree:
        return jax.vmap(belief.begin)(keys("begin", time), levels, observation)

    def step(carry: tuple, now: tuple) -> tuple[tuple, tuple]:
        (believed, memory, before), (time, observation, action, reset) = carry, now
        since = jax.vmap(belief.after)(keys("after", time), believed, before, observation)
        believed = trees.where(reset, begun(time, observation), since)
        drawn = jax.vmap(belief.sample)(keys("sample", time), believed)
        imagined: Step = jax.vmap(env.step)(keys("step", time), drawn, action)
        memory = policy.act(learner, observation, memory, reset, nothing).memory
        goes_on = jnp.zeros(batch, bool)
        value = policy.act(learner, imagined.observation, memory, goes_on, nothing).value
        cut = imagined.truncated & (not problem.bootstrap_time_limit)
        value = jnp.where(imagined.terminated | cut, 0.0, value)
        excluded = jax.vmap(belief.excludes)(believed)
        target = jnp.asarray(imagined.reward) + problem.gamma * value
        return (believed, memory, action), (target, excluded)

    first = jax.tree.map(lambda leaf: leaf[0], trace.observation)
    carry = begun(jnp.int32(0), first), policy.initial_memory(learner, batch), trace.action[0]
    reset = jnp.concatenate([jnp.ones((1, batch), bool), trace.done[:-1]])
    times = jnp.arange(trace.reward.shape[0], dtype=jnp.int32)
    rows = times, trace.observation, trace.action, reset
    _, (targets, excluded) = jax.lax.scan(step, carry, rows)
    surprise = (targets - trace.value) - one_step_td(trace, problem.gamma)
    return trace._replace(reward=trace.reward + surprise), excluded
