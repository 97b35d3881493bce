"""What the methods share whose teacher makes every level: settings, and a cycle."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from cairn.core.trace import Trace
from cairn.engine.design import TEACHER
from cairn.engine.program import Report, merged
from cairn.envs.protocol import Environment
from cairn.score import STUDENT, Score
from cairn.ued import parts, roles
from cairn.ued.config import CycleConfig, check_episodes_end
from cairn.ued.parts import State
from cairn.ued.roles import Problems


@dataclass(frozen=True)
class TaughtConfig(CycleConfig):
    """A teacher, and students who play what it designs."""

    generators: ClassVar[tuple[str, ...]] = ("teacher",)
    counts: ClassVar[tuple[str, ...]] = ("training", "designing", "evaluation", "updates")

    @property
    def players(self) -> tuple[str, ...]:
        """The roles of the students."""
        return (STUDENT,)

    def check(self, env: Environment) -> None:
        """Episodes must end within a cycle."""
        check_episodes_end(self, env)

    def least(self, env: Environment) -> int:
        """The students' steps and the teacher's."""
        designing = roles.editor_of(env).max_steps
        return self.batch * (len(self.players) * self.steps_per_cycle + designing)


def acting(config: TaughtConfig) -> tuple[str, ...]:
    """The roles of all who learn."""
    return (*config.players, TEACHER)


def worth(problems: Problems, score: Score, traces: Mapping[str, Trace]) -> Float[Array, " B"]:
    """What each level is worth to the teacher, by how the students played it."""
    student = problems[STUDENT]
    return score(traces, score.unseen(), student.gamma, student.gae_lambda).score


def begin(problems: Problems, config: TaughtConfig, key: Key[Array, ""]) -> State:
    """New students, all different, and a new teacher."""
    return roles.begin(problems, key, config.counts)


def cycle(
    problems: Problems, config: TaughtConfig, state: State, score: Score, told: str = "regret"
) -> tuple[State, Report]:
    """The teacher designs levels, all students play them, the teacher is paid their `score`, and
    everybody learns from a trace of its own. What it was paid is reported as `told`."""
    levels, design = roles.design(problems, state, config.batch)
    traces = roles.play(problems, state, config.players, levels, config.steps_per_cycle)
    pay = worth(problems, score, traces)
    traces[TEACHER] = roles.paid_last(design, pay)
    learner, learned = roles.learn(problems, state, traces)
    steps = {role: trace.reward.size for role, trace in traces.items()}
    designing = steps.pop(TEACHER)
    ledger = state.ledger.add(
        training=sum(steps.values()), designing=designing, updates=roles.updates(problems)
    )
    after = parts.after(state, learner=learner, ledger=ledger)
    return after, merged(Report({told: jnp.mean(pay)}), *roles.reports(traces, learned))
