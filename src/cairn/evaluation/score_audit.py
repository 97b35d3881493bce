"""How good is a score? What it says of levels after one rollout, against what is true of them.

The truth is what costs too much while training: the mean of many first attempts. From it come
**regret**, the best return of a level less the student's mean, where the environment knows the
best, and **learnability** p (1 - p), unbiased. First attempts, because a rollout of fixed length
sees short episodes more often than long ones.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.keys import stream
from cairn.engine.program import Valuation
from cairn.engine.rollout import rollout
from cairn.envs.oracle import knows, optimal_returns
from cairn.envs.protocol import Level
from cairn.evaluation.attempts import attempt
from cairn.learners.protocol import Actor
from cairn.score import STUDENT, Score
from cairn.score.catalogue import SCORES, find

COLUMNS = 128
"""Attempts played side by side. No result depends on it."""


class Looked(NamedTuple):
    """What is found of N levels."""

    scores: dict[str, tuple[Float[Array, " N"], Bool[Array, " N"]]]
    """Each score after one rollout, and where it is valid."""
    mean_return: Float[Array, " N"]
    success_rate: Float[Array, " N"]
    optimal: Float[Array, " N"] | None
    """The best return, where the environment knows it."""
    steps: Int[Array, ""]
    """Environment steps computed."""


def audited(valuation: Valuation) -> dict[str, Score]:
    """The scores that can be asked there: of players who play, of an oracle who knows."""
    oracle = knows(valuation.env)
    found = {name: find(name) for name in SCORES}
    return {
        name: score
        for name, score in found.items()
        if set(score.roles) <= set(valuation.students) and (oracle or not score.oracle)
    }


def look(
    valuation: Valuation,
    actors: Mapping[str, Actor],
    levels: Level,
    key: Key[Array, ""],
    *,
    episodes: int,
) -> Looked:
    """Score N levels by one rollout of a cycle's steps; then play `episodes` of each.

    Nothing is remembered of the levels: MaxMC and learnability get their first visit. Pure.
    """
    env = valuation.env
    number = jax.tree.leaves(levels)[0].shape[0]
    scores = audited(valuation)
    turns = jax.tree.map(lambda leaf: leaf[None], levels)
    traces = {}
    for role in dict.fromkeys(role for score in scores.values() for role in score.roles):
        _, played = rollout(
            env,
            {STUDENT: actors[role]},
            turns,
            stream(key, f"rollout of {role}"),
            steps=valuation.steps,
            bootstrap_time_limit=valuation.bootstrap_time_limit,
        )
        traces[role] = played[STUDENT]
    optimal = optimal_returns(env, levels) if knows(env) else None
    found = {}
    for name, score in scores.items():
        told = score if optimal is None else score.told(optimal)
        scored = told(traces, score.unseen(number), valuation.gamma, valuation.gae_lambda)
        found[name] = (scored.score, scored.valid)
    student = actors[STUDENT]
    total = number * episodes
    many = jax.tree.map(lambda leaf: jnp.repeat(leaf, episodes, axis=0), levels)
    keys = jax.random.split(stream(key, "episodes"), total)
    played = attempt(
        env,
        student.policy,
        student.state,
        many,
        keys,
        jnp.int32(total),
        columns=min(COLUMNS, total),
    )
    by_level = lambda values: values.reshape(number, episodes).mean(axis=1)  # noqa: E731
    return Looked(
        scores=found,
        mean_return=by_level(played.episode_return),
        success_rate=by_level(played.solved.astype(jnp.float32)),
        optimal=optimal,
        steps=played.steps + jnp.int32(len(traces) * number * valuation.steps),
    )
