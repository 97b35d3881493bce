"""A method of this wing as the room for runs sees it: bound to an environment and who learns."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Key

from cairn.core import axes
from cairn.core.errors import ConfigError
from cairn.engine.design import TEACHER
from cairn.engine.program import Archived, Measured, Program, Report
from cairn.envs.protocol import Environment
from cairn.learners.protocol import Actor
from cairn.learners.random import RandomPolicy
from cairn.runs.method import Method, Preset, Setup
from cairn.sampler.segments import SOURCES
from cairn.score import STUDENT
from cairn.ued import needs
from cairn.ued.config import CurationConfig, CycleConfig
from cairn.ued.parts import Problem, State, budget
from cairn.ued.presets import PRESETS
from cairn.ued.sources import valuation

Init = Callable[[Any, Any, Key[Array, ""]], State]
Step = Callable[[Any, Any, State], tuple[State, Report]]
Doubt = Callable[[Environment, Report], str | None]


def method(
    page: str | None,
    config: type[CycleConfig],
    init: Init,
    step: Step,
    *,
    roles: tuple[str, ...] | Callable[[Any], tuple[str, ...]] = (STUDENT,),
    learns: bool = True,
    constant_cost: bool = True,
    adapts: Callable[[str], Mapping[str, Any]] = lambda task: {},
    doubt: Doubt = lambda env, report: None,
    suits: Callable[[Any], Mapping[str, Any]] = lambda task: {},
    presets: Mapping[str, Preset] = PRESETS,
) -> Method:
    """The METHOD of a file with `Config`, `init(problem, config, key)` and `step(problem, …)`.

    `page` is the file's docstring, whose first line describes the method. Without `learns` the
    student acts at random. `constant_cost`: every cycle costs `config.least`. With several `roles`
    the problem is a dictionary by role, and so is `state.learner` (`cairn.ued.roles`). Where their
    number is a setting, `roles` says who they are by the method's settings. A teacher has settings
    of its own; all others are students with the same. `doubt`: why the reports of a chunk
    in an environment cannot be believed, besides that no episode ends.
    """
    acting = roles if callable(roles) else lambda config: roles
    return Method(
        about=(page or "").split("\n", 1)[0],
        sections={"algorithm": config, **dict.fromkeys(map(_section, acting(config())))},
        program=partial(_program, init, step, acting, learns, doubt),
        takes=takes_environments,
        check=_check,
        columns=_columns,
        least=_least,
        constant_cost=constant_cost,
        presets=presets,
        adapts=adapts,
        suits=suits,
    )


def empty_rooms(task: str) -> Mapping[str, Any]:
    """ACCEL starts from empty rooms: its edits supply the walls."""
    return {"generator": "empty"} if task == "maze" else {}


def crowded(task: str) -> Mapping[str, Any]:
    """PAIRED's teacher builds 60 walls, as in minimax."""
    return {"walls": 60} if task == "maze" else {}


def takes_environments(kind: Any) -> str | None:
    """Refuse what is no environment."""
    if isinstance(kind, type) and issubclass(kind, Environment):
        return None
    return "it is not an environment: expected a subclass of cairn.envs.protocol.Environment."


def _program(
    init: Init,
    step: Step,
    acting: Callable[[Any], tuple[str, ...]],
    learns: bool,
    doubt: Doubt,
    setup: Setup,
) -> Program:
    config = setup.sections["algorithm"]
    roles = acting(config)
    problems = {role: problem_of(setup, learns, role) for role in roles}
    several = len(roles) > 1
    problem = problems if several else problems[STUDENT]

    def actors(state: Any) -> dict[str, Actor]:
        states = state.learner if several else {STUDENT: state.learner}
        return {role: Actor(problems[role].learner, states[role]) for role in roles}

    archived = None
    if isinstance(config, CurationConfig):
        level = jax.eval_shape(setup.task.space.sample, jax.random.key(0))
        archived = Archived(level, SOURCES)
    return Program(
        init=partial(init, problem, config),
        step=partial(step, problem, config),
        counts=config.counts,
        budget=budget(config.counts),
        actors=actors,
        doubt=lambda report: _never_ends(setup.task, config, report) or doubt(setup.task, report),
        measured=Measured(setup.task),
        valuation=valuation(problems, config),
        lineage=archived,
    )


def _never_ends(env: Environment, config: CycleConfig, report: Report) -> str | None:
    """An environment that does not keep to its own time limit: no shape tells, but steps do."""
    episodes = report.metrics.get("episodes")
    fair = config.steps_per_cycle >= env.max_steps
    if episodes is None or not fair or np.asarray(episodes).any():
        return None
    if not any(np.asarray(report.weights["episodes"]).ravel()):
        return None  # every seed stands still
    return (
        f"{type(env).__name__} says that episodes end after max_steps={env.max_steps} steps, but "
        f"none did in a whole chunk of cycles of {config.steps_per_cycle}: `step` must set "
        f"`truncated` at the limit. See docs/own-environment.md."
    )


def problem_of(setup: Setup, learns: bool = True, role: str = STUDENT) -> Problem:
    """What the phases of a cycle need to know of a run: what `role` plays, and how it learns."""
    env = setup.task.editor if role == TEACHER else setup.task
    settings = setup.sections[_section(role)]
    assert setup.learner is not None  # the sections of the roles leave it open
    learner = setup.learner.of(env, settings) if learns else RandomPolicy(env.action_spec)
    return Problem(
        env=env,
        learner=learner,
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
        bootstrap_time_limit=settings.bootstraps(env),
        steps=setup.steps,
        mesh=setup.mesh,
    )


def _section(role: str) -> str:
    """Where the settings of a role are."""
    return TEACHER if role == TEACHER else STUDENT


def _check(setup: Setup) -> None:
    if len(setup.task.players) > 1:
        raise ConfigError(
            f"{type(setup.task).__name__} has the players {', '.join(setup.task.players)}, but "
            f"methods of environment design train one. Choose an environment for one player."
        )
    needs.check(setup.sections["algorithm"], setup.task)
    setup.sections["algorithm"].check(setup.task)
    columns = setup.sections["algorithm"].batch
    for section, minibatches in _minibatches(setup).items():
        if columns % minibatches:
            raise ConfigError(
                f"{section}minibatches must divide the {columns} trajectories of a batch, got "
                f"{minibatches}: minibatches are whole trajectories."
            )


def _columns(setup: Setup) -> int:
    """What devices must divide to share columns: every rollout, and the minibatches' lanes."""
    config = setup.sections["algorithm"]
    lanes = [axes.lanes(config.batch, each) for each in _minibatches(setup).values()]
    return math.gcd(*lanes, *config.widths)


def _least(setup: Setup) -> int:
    return setup.sections["algorithm"].least(setup.task)


def _minibatches(setup: Setup) -> dict[str, int]:
    """How each role's batches are cut, by what stands before the setting's name."""
    found = {"": setup.sections[STUDENT]}
    if TEACHER in setup.sections:
        found = {f"{role}.": setup.sections[role] for role in (STUDENT, TEACHER)}
    return {name: getattr(section, "minibatches", 1) for name, section in found.items()}
