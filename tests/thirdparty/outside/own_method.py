"""Pick the hardest: play twice as many levels as needed, learn from those that teach most."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from cairn.engine.program import Report, merged
from cairn.score import STUDENT
from cairn.score import catalogue as scores
from cairn.ued import parts
from cairn.ued.config import CycleConfig
from cairn.ued.method import method
from cairn.ued.metrics import rollout_metrics


@dataclass(frozen=True)
class Config(CycleConfig):
    """Pick the hardest."""

    score: str = "positive-value-loss"
    """How much a level teaches: a name, or your own as package.module:Name."""

    def check(self, env):
        scores.find(self.score)  # an unknown name is refused before anything begins

    def least(self, env):
        """A cycle plays twice as many levels as it learns from."""
        return 2 * self.batch * self.steps_per_cycle


def init(problem, config, key):
    return parts.begin(problem, key, archive=None)


def step(problem, config, state):
    keys = jax.random.split(parts.key_for(state, "levels"), 2 * config.batch)
    levels = jax.vmap(problem.env.space.sample)(keys)
    key = parts.key_for(state, "rollout")
    trace = parts.play(problem, state.learner, levels, key, config.steps_per_cycle)
    score = scores.find(config.score)
    unseen = score.unseen(2 * config.batch)
    scored = score({STUDENT: trace}, unseen, problem.gamma, problem.gae_lambda)
    chosen = trace.columns(jnp.lexsort((-scored.score, ~scored.valid))[: config.batch])
    learner, metrics = parts.learn(problem, state, chosen)
    half, updates = chosen.reward.size, problem.learner.gradient_steps
    ledger = state.ledger.add(training=half, scoring=half, updates=updates)
    after = parts.after(state, learner=learner, ledger=ledger)
    picked = Report({"score": jnp.mean(scored.score)})
    return after, merged(Report(metrics), picked, rollout_metrics(trace))


METHOD = method(__doc__, Config, init, step)
