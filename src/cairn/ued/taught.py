"""What the methods share whose teacher makes every level: settings, and the end of a cycle."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxtyping import Array, Float

from cairn.core.trace import Trace
from cairn.engine.design import TEACHER
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


def after(
    problems: Problems, state: State, traces: Mapping[str, Trace], learner: Mapping[str, Any]
) -> State:
    """The state one cycle on, in which everybody has learned from a trace of its own."""
    steps = {role: trace.reward.size for role, trace in traces.items()}
    designing = steps.pop(TEACHER)
    ledger = state.ledger.add(
        training=sum(steps.values()), designing=designing, updates=roles.updates(problems)
    )
    return parts.after(state, learner=dict(learner), ledger=ledger)
