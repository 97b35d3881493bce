"""A method of this wing as the room for runs sees it: bound to an environment and one student."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
from jaxtyping import Array, Key

from cairn.core import axes
from cairn.core.errors import ConfigError
from cairn.engine.program import Archived, Measured, Program, Report
from cairn.envs.protocol import Environment
from cairn.learners.protocol import Actor
from cairn.learners.random import RandomPolicy
from cairn.runs.method import Method, Setup
from cairn.sampler.segments import SOURCES
from cairn.ued.parts import BUDGET, COUNTS, CurationConfig, CycleConfig, Problem, State
from cairn.ued.presets import PRESETS

Init = Callable[[Problem, Any, Key[Array, ""]], State]
Step = Callable[[Problem, Any, State], tuple[State, Report]]


def method(
    page: str | None,
    config: type[CycleConfig],
    init: Init,
    step: Step,
    *,
    learns: bool = True,
    constant_cost: bool = True,
    adapts: Callable[[str], Mapping[str, Any]] = lambda task: {},
) -> Method:
    """The METHOD of a file with `Config`, `init(problem, config, key)` and `step(problem, …)`.

    `page` is the file's docstring, whose first line describes the method. Without `learns` the
    student acts at random. `constant_cost`: every cycle costs one rollout of `batch` columns.
    """
    return Method(
        about=(page or "").split("\n", 1)[0],
        sections={"algorithm": config, "student": None},
        program=partial(_program, init, step, learns),
        takes=takes_environments,
        check=_check,
        columns=_columns,
        least=_least,
        constant_cost=constant_cost,
        presets=PRESETS,
        adapts=adapts,
    )


def empty_rooms(task: str) -> Mapping[str, Any]:
    """ACCEL starts from empty rooms: its edits supply the walls."""
    return {"generator": "empty"} if task == "maze" else {}


def takes_environments(kind: Any) -> str | None:
    """Refuse what is no environment."""
    # An adapter of somebody else's environments is a function that makes them.
    if not isinstance(kind, type) or issubclass(kind, Environment):
        return None
    return "it is not an environment: expected a subclass of cairn.envs.protocol.Environment."


def _program(init: Init, step: Step, learns: bool, setup: Setup) -> Program:
    problem, config = problem_of(setup, learns), setup.sections["algorithm"]
    archived = None
    if isinstance(config, CurationConfig):
        level = jax.eval_shape(setup.task.space.sample, jax.random.key(0))
        archived = Archived(level, SOURCES)
    return Program(
        init=partial(init, problem, config),
        step=partial(step, problem, config),
        counts=COUNTS,
        budget=BUDGET,
        actors=lambda state: {"student": Actor(problem.learner, state.learner)},
        measured=Measured(setup.task),
        lineage=archived,
    )


def problem_of(setup: Setup, learns: bool = True) -> Problem:
    """What the phases of a cycle need to know of a run."""
    env, student = setup.task, setup.sections["student"]
    assert setup.learner is not None  # the student's section leaves it open
    if learns:
        learner = setup.learner(student, env.observation_spec, env.action_spec.size)
    else:
        learner = RandomPolicy(env.action_spec.size)
    return Problem(
        env=env,
        learner=learner,
        gamma=student.gamma,
        gae_lambda=student.gae_lambda,
        bootstrap_time_limit=student.bootstrap_time_limit,
        steps=setup.steps,
        mesh=setup.mesh,
    )


def _check(setup: Setup) -> None:
    setup.sections["algorithm"].check(setup.task)
    columns, minibatches = setup.sections["algorithm"].batch, _minibatches(setup)
    if columns % minibatches:
        raise ConfigError(
            f"minibatches must divide the {columns} trajectories of a batch, got "
            f"{minibatches}: minibatches are whole trajectories."
        )


def _columns(setup: Setup) -> int:
    """What devices must divide to share columns: every rollout, and the minibatches' lanes."""
    config = setup.sections["algorithm"]
    return math.gcd(axes.lanes(config.batch, _minibatches(setup)), *config.widths)


def _least(setup: Setup) -> int:
    config = setup.sections["algorithm"]
    return config.batch * config.steps_per_cycle


def _minibatches(setup: Setup) -> int:
    return getattr(setup.sections["student"], "minibatches", 1)
