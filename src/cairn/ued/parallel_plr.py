"""Parallel PLR: score new levels beside the replayed ones, in one rollout of 2B columns.

Jiang et al. 2023 (minimax), arXiv:2311.12716. Robust PLR without the coin: every cycle replays
and every cycle searches. Until the archive is warm the replay half is new levels too, and nothing
is learned.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Key

from cairn.engine.program import Report, counted, merged
from cairn.sampler import segments
from cairn.ued import parts
from cairn.ued.config import CurationConfig
from cairn.ued.method import method
from cairn.ued.metrics import archive_metrics, rollout_metrics
from cairn.ued.parts import Problem, State


@dataclass(frozen=True)
class Config(CurationConfig):
    """Parallel prioritised level replay (always robust). minimax: staleness 0.5."""

    replay_probability: float = 1.0
    """Chance of a warm cycle to replay; 1 is the method."""
    staleness: float = 0.5
    """ρ in [0, 1], the share of staleness in the replay distribution."""


def init(problem: Problem, config: Config, key: Key[Array, ""]) -> State:
    """A new student and an empty archive."""
    return parts.begin(problem, key, config)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Play B new levels beside B replayed ones; learn from the replayed half; write all scores."""
    B = config.batch
    replay_now = parts.replay_coin(state, config)
    archive, old = parts.curate(problem, config, state, replay_now)
    archive, new = segments.new(
        archive, problem.env.space, config.scoring, parts.key_for(state, "search"), B
    )
    batch = segments.join(new, old)
    key = parts.key_for(state, "rollout")
    trace = parts.play(problem, state.learner, batch.levels, key, config.steps_per_cycle)
    half = parts.slice_columns(trace, B, 2 * B)
    learner, metrics = parts.learn(problem, state, half, when=replay_now)
    scored = parts.score(problem, config, trace, batch)
    archive, entered = parts.record(archive, batch, scored, config)
    ledger = parts.spend(state.ledger, problem, half, gradient=replay_now)
    ledger = ledger.add(scoring=B * config.steps_per_cycle)
    after = parts.after(state, learner=learner, archive=archive, ledger=ledger)
    return after, merged(
        Report({"replayed": replay_now.astype(jnp.float32)}, (entered,)),
        counted(metrics, replay_now),
        rollout_metrics(half),
        archive_metrics(archive, config),
    )


METHOD = method(__doc__, Config, init, step, constant_cost=False)
