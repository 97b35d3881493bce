"""Parallel ACCEL: new, replayed and edited levels in one rollout of 3B columns.

Jiang et al. 2023 (minimax), arXiv:2311.12716. Differs from `accel` in when the children are made:
before their parents' update, and all thirds are scored by the same student. The edited third are
the children of this cycle's replayed third.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Key

from cairn.engine.program import Report, counted, merged
from cairn.sampler import segments
from cairn.ued import parts
from cairn.ued.config import CurationConfig
from cairn.ued.method import empty_rooms, method
from cairn.ued.metrics import archive_metrics, rollout_metrics
from cairn.ued.parts import Problem, State


@dataclass(frozen=True)
class Config(CurationConfig):
    """Parallel ACCEL. minimax: staleness 0.5, learning rate 1e-4, entropy 0.001."""

    replay_probability: float = 1.0
    """Chance of a warm cycle to replay; 1 is the method."""
    staleness: float = 0.5
    """ρ in [0, 1], the share of staleness in the replay distribution."""

    generators: ClassVar[tuple[str, ...]] = ("space", "edits")


def init(problem: Problem, config: Config, key: Key[Array, ""]) -> State:
    """A new student and an empty archive."""
    return parts.begin(problem, key, config)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Play new, replayed and edited levels together; learn from the replayed third."""
    B, steps = config.batch, config.steps_per_cycle
    space = problem.env.space
    replay_now = parts.replay_coin(state, config)
    archive, old = parts.curate(problem, config, state, replay_now)
    archive, new = segments.new(archive, space, config.scoring, parts.key_for(state, "search"), B)
    archive, children = segments.mutated(
        archive, space, config.scoring, old, parts.key_for(state, "mutate")
    )
    # Before replay starts there is nothing to edit: that third searches as well.
    archive, more = segments.new(
        archive, space, config.scoring, parts.key_for(state, "search more"), B
    )
    batch = segments.join(new, old, segments.either(replay_now, children, more))
    key = parts.key_for(state, "rollout")
    trace = parts.play(problem, state.learner, batch.levels, key, steps)
    third = parts.slice_columns(trace, B, 2 * B)
    learner, metrics = parts.learn(problem, state, third, when=replay_now)
    scored = parts.score(problem, config, trace, batch)
    archive, entered = parts.record(archive, batch, scored, config)
    ledger = parts.spend(state.ledger, problem, third, gradient=replay_now).add(
        scoring=jnp.where(replay_now, B * steps, 2 * B * steps),
        mutation=jnp.where(replay_now, B * steps, 0),
    )
    metrics["children_kept"] = jnp.mean(entered.entered[2 * B :].astype(jnp.float32))
    after = parts.after(state, learner=learner, archive=archive, ledger=ledger)
    return after, merged(
        Report({"replayed": replay_now.astype(jnp.float32)}, (entered,)),
        counted(metrics, replay_now),
        rollout_metrics(third),
        archive_metrics(archive, config),
    )


METHOD = method(__doc__, Config, init, step, constant_cost=False, adapts=empty_rooms)
