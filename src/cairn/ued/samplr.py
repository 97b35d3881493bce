"""SAMPLR: a regret curriculum over levels, while the student learns what holds in truth.

Jiang et al. 2022, arXiv:2207.05219 (from its abstract and a summary; no public code). As
`robust-plr`, but where the curriculum shifts how hidden chance falls, the student is not misled.
At each step, after history τ_t and action a_t, a state s'_t is drawn from the belief of what it may
be, which starts from the true distribution; a_t is played from s'_t too, and gives r'_t and
o'_{t+1}. The real step goes on with the episode; the fictitious one is learned from:

    δ'_t = r'_t + γ V(τ_t, a_t, o'_{t+1}) - V(τ_t),   and GAE over δ'

Levels are scored by these grounded advantages. Every fictitious step, and what the belief plays to
know what to believe, is in the ledger.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Key

from cairn.core.errors import ConfigError
from cairn.engine.program import Report, counted, merged
from cairn.envs.belief import impossible
from cairn.envs.protocol import Environment
from cairn.ued import parts
from cairn.ued.config import CurationConfig
from cairn.ued.grounded import ground, played
from cairn.ued.method import method
from cairn.ued.metrics import archive_metrics, rollout_metrics
from cairn.ued.parts import Problem, State


@dataclass(frozen=True)
class Config(CurationConfig):
    """SAMPLR."""

    score: str = "positive-value-loss"
    """How much there is to learn from a level, by grounded advantages: `positive-value-loss`,
    `l1-value-loss`, `one-step-td`, or your own that reads steps (`Score.reads`)."""

    needs: ClassVar[tuple[str, ...]] = ("belief",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scoring.reads != ("steps",):
            read = " and ".join(self.scoring.reads) or "what it is told"
            raise ConfigError(
                f"samplr scores levels by the grounded advantage of every step, but score "
                f"{self.score!r} reads {read}. Choose positive-value-loss, l1-value-loss or "
                f"one-step-td."
            )

    def least(self, env: Environment) -> int:
        """Each step once more from a believed state, and what the belief plays to know it."""
        return self.batch * self.steps_per_cycle * played(env)


def init(problem: Problem, config: Config, key: Key[Array, ""]) -> State:
    """A new student and an empty archive."""
    return parts.begin(problem, key, config)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """As robust PLR, with a grounded trace to learn from and to score by."""
    replay_now = parts.replay_coin(state, config)
    archive, batch = parts.curate(problem, config, state, replay_now)
    key = parts.key_for(state, "rollout")
    real = parts.play(problem, state.learner, batch.levels, key, config.steps_per_cycle)
    key = parts.key_for(state, "belief")
    trace, excluded = ground(problem, state.learner, real, batch.levels, key)
    learner, metrics = parts.learn(problem, state, trace, when=replay_now)
    scored = parts.score(problem, config, trace, batch)
    archive, entered = parts.record(archive, batch, scored, config)
    ledger = parts.spend(state.ledger, problem, trace, replay_now, each=played(problem.env))
    after = parts.after(state, learner=learner, archive=archive, ledger=ledger)
    told = {
        "replayed": replay_now.astype(jnp.float32),
        "belief_excluded": jnp.sum(excluded.astype(jnp.float32)),
    }
    return after, merged(
        Report(told, (entered,)),
        counted(metrics, replay_now),
        rollout_metrics(real),
        archive_metrics(archive, config),
    )


def _doubt(env: Environment, report: Report) -> str | None:
    return impossible(env, report.metrics["belief_excluded"])


METHOD = method(__doc__, Config, init, step, doubt=_doubt)
