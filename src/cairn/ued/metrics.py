"""What the methods of this wing tell of a cycle."""

import jax.numpy as jnp

from cairn.archive import replay
from cairn.archive.replay import Replay, ReplayConfig
from cairn.core.trace import Trace
from cairn.engine.program import Report, counted, merged
from cairn.score import episode_statistics


def rollout_metrics(trace: Trace) -> Report:
    """How the episodes of a rollout went, each complete episode counting the same."""
    facts = episode_statistics(trace)
    finished = facts.finished.astype(jnp.float32)
    episodes = jnp.sum(finished)
    mean = lambda values: jnp.sum(values * finished) / jnp.maximum(episodes, 1.0)  # noqa: E731
    means = {
        "solve_rate": mean(facts.success_rate),
        "return": mean(facts.mean_return),
        "episode_length": mean(facts.mean_length),
    }
    return merged(Report({"episodes": episodes}), counted(means, episodes > 0))


def archive_metrics(archive: Replay, config: ReplayConfig) -> Report:
    """What the archive holds, and what it would replay (weighted by its probabilities)."""
    chance = replay.probabilities(archive, config)
    held = jnp.maximum(archive.count.astype(jnp.float32), 1.0)
    occupied = archive.occupied
    generation = archive.generation.astype(jnp.float32)
    means = {
        "archive_score": jnp.sum(jnp.where(occupied, archive.scores, 0.0)) / held,
        "replayed_score": jnp.sum(chance * archive.scores),
        "archive_generation": jnp.sum(jnp.where(occupied, generation, 0.0)) / held,
        "replayed_generation": jnp.sum(chance * generation),
    }
    filled = Report({"archive_fill": replay.fill(archive)})
    return merged(filled, counted(means, archive.count > 0))
