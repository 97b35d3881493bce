"""Where the levels of a run come from, for who audits its scores."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from cairn.archive.replay import Replay
from cairn.core import trees
from cairn.core.keys import stream
from cairn.engine.design import TEACHER, design
from cairn.engine.program import Sample, Valuation
from cairn.envs.protocol import Environment
from cairn.learners.protocol import Actor
from cairn.score import STUDENT
from cairn.ued.config import CurationConfig, CycleConfig
from cairn.ued.parts import Problem


def valuation(problems: Mapping[str, Problem], config: CycleConfig) -> Valuation:
    """How a method of this wing values levels, and which it has."""
    problem = problems[STUDENT]
    sources: dict[str, Callable[[Any, Key[Array, ""], int], Sample]] = {}
    curates = isinstance(config, CurationConfig)
    if curates:
        sources["archive"] = archived
    if TEACHER in problems:
        sources["designed"] = lambda state, key, number: designed(problems, state, key, number)
    sources["fresh"] = lambda state, key, number: fresh(problem.env, key, number)
    return Valuation(
        env=problem.env,
        students=tuple(role for role in problems if role != TEACHER),
        batch=config.batch,
        steps=config.steps_per_cycle,
        gamma=problem.gamma,
        gae_lambda=problem.gae_lambda,
        bootstrap_time_limit=problem.bootstrap_time_limit,
        sources=sources,
        kept_by=config.score if curates else None,
    )


def fresh(env: Environment, key: Key[Array, ""], number: int) -> Sample:
    """New levels of the generator."""
    keys = jax.random.split(stream(key, "levels"), number)
    return Sample(jax.vmap(env.space.sample)(keys), jnp.ones(number, bool))


def archived(state: Any, key: Key[Array, ""], number: int) -> Sample:
    """Levels of the archive, each at most once, all as likely: fewer where it holds fewer."""
    archive: Replay = state.archive
    occupied = archive.occupied
    lots = jnp.where(occupied, jax.random.uniform(key, occupied.shape), 2.0)
    slots = jnp.argsort(lots)[:number]
    return Sample(trees.take(archive.levels, slots), occupied[slots], archive.scores[slots])


def designed(
    problems: Mapping[str, Problem], state: Any, key: Key[Array, ""], number: int
) -> Sample:
    """Levels by the teacher as it is now."""
    problem = problems[TEACHER]
    teacher = Actor(problem.learner, state.learner[TEACHER])
    levels, trace = design(problem.env, teacher, key, number)  # pyright: ignore[reportArgumentType]
    return Sample(levels, jnp.ones(number, bool), steps=jnp.int32(trace.reward.size))
