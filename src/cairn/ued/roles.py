"""The phases of a cycle for methods in which several learn: everything is by role.

Students play levels; a teacher designs them in the environment's editor. `Problems` holds, for
each role, what it plays and how it learns; `state.learner` its state.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from cairn.core import branches
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.core.trace import Trace
from cairn.engine import design as engine_design
from cairn.engine.design import TEACHER
from cairn.engine.learning import improve
from cairn.engine.program import Report, counted, merged
from cairn.envs.protocol import Editor, Environment, Level
from cairn.learners.protocol import Actor
from cairn.score import STUDENT
from cairn.ued import parts
from cairn.ued.metrics import rollout_metrics
from cairn.ued.needs import no_editor
from cairn.ued.parts import Problem, State

Metrics = Mapping[str, Float[Array, ""]]
Problems = Mapping[str, Problem]
When = Mapping[str, Bool[Array, ""]]
"""By role, whether it learns; a role that is not in it does."""
ALWAYS: When = MappingProxyType({})


def editor_of(env: Environment) -> Editor:
    """What a teacher designs the levels of `env` in. Raises ConfigError if there is none."""
    if env.editor is None:
        raise no_editor(env)
    return env.editor


def begin(problems: Problems, key: Key[Array, ""], counts: Iterable[str]) -> State:
    """The state before the first cycle: new learners, all different."""
    learner = {
        role: problem.learner.init(stream(key, f"learner {role}"))
        for role, problem in problems.items()
    }
    return State(
        key=key,
        cycle=jnp.int32(0),
        learner=learner,
        archive=None,
        ledger=Ledger.zero(counts),
        extra=None,
    )


def design(
    problems: Problems, state: State, batch: int, when: Bool[Array, ""] | bool = True
) -> tuple[Level, Trace]:
    """`batch` levels by the teacher, each from noise of its own, and how it made them.

    If not `when`, zeros, and no step is taken.
    """
    problem = problems[TEACHER]
    key = parts.key_for(state, "design")

    def make(learner: Any) -> tuple[Level, Trace]:
        assert isinstance(problem.env, Editor)
        teacher = Actor(problem.learner, learner)
        return engine_design.design(problem.env, teacher, key, batch, problem.mesh)

    learner = state.learner[TEACHER]
    if when is True:
        return make(learner)
    nothing = branches.zeros(make, learner)
    return branches.when(jnp.asarray(when), make, lambda _: nothing, learner)


def play(
    problems: Problems, state: State, roles: Iterable[str], levels: Level, steps: int
) -> dict[str, Trace]:
    """The same levels by each of `roles`, with memories that start empty and draws of its own."""
    return {
        role: parts.play(
            problems[role],
            state.learner[role],
            levels,
            parts.key_for(state, f"rollout {role}"),
            steps,
        )
        for role in roles
    }


def paid_last(trace: Trace, reward: Float[Array, " B"]) -> Trace:
    """The trace with `reward` at its last step and none before."""
    nothing = jnp.zeros_like(trace.reward[:-1])
    return trace._replace(reward=jnp.concatenate([nothing, reward[None]]))


def learn(
    problems: Problems, state: State, traces: Mapping[str, Trace], when: When = ALWAYS
) -> tuple[dict[str, Any], dict[str, Metrics]]:
    """The learners after an update on their own trace each, and the updates' metrics.

    Whose `when` is false comes back as it was, bit for bit.
    """
    learner, metrics = dict(state.learner), {}
    for role, trace in traces.items():
        problem, key = problems[role], parts.key_for(state, f"update {role}")
        behind = parts.progress(state, problem)
        learner[role], metrics[role] = improve(
            problem.learner,
            learner[role],
            trace,
            key,
            behind,
            when=when.get(role, True),
            mesh=problem.mesh,
        )
    return learner, metrics


def updates(problems: Problems) -> int:
    """Optimiser updates, if each role learns once."""
    return sum(problem.learner.gradient_steps for problem in problems.values())


def reports(
    traces: Mapping[str, Trace], learned: Mapping[str, Metrics], when: When = ALWAYS
) -> list[Report]:
    """How each role learned, `when` it did, and, but for the teacher, how its episodes went."""
    every = []
    for role, trace in traces.items():
        update = counted(learned[role], when[role]) if role in when else Report({**learned[role]})
        played = Report({}) if role == TEACHER else rollout_metrics(trace)
        every.append(told_of(role, merged(update, played)))
    return every


def told_of(role: str, report: Report) -> Report:
    """The report of one role: the student's metrics have their plain names, those of others the
    role's in front."""
    prefix = "" if role == STUDENT else f"{role}_"
    named = lambda values: {f"{prefix}{name}": each for name, each in values.items()}  # noqa: E731
    return report._replace(metrics=named(report.metrics), weights=named(report.weights))
