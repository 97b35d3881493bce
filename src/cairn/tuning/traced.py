"""Settings as arguments of a compiled program, so that trials that differ in them share it.

A config checks its fields when it is made, and a traced number has no value to check. So an
experiment is made of plain numbers first, which checks them, and then a copy of its sections gets
traced ones in their place, past the checks. Which settings bear that is found by trying: one that
decides a shape or a branch of Python cannot be traced, and trials that differ in it compile anew.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core.errors import CairnError
from cairn.core.sections import find
from cairn.engine.program import Program
from cairn.runs.experiment import Experiment

STEPS = "run.steps"
"""The budget of a trial, on which schedules depend: an argument like the settings."""
Numbers = Mapping[str, Float[Array, ""]]


def program_of(experiment: Experiment, numbers: Numbers) -> Program:
    """The method on one device with `numbers`, by long name, in the place of its own settings."""
    sections = dict(experiment.sections)
    setup = experiment.setup(None)
    for section in sections:
        fields = {
            name.partition(".")[2]: number
            for name, number in numbers.items()
            if name.partition(".")[0] == section
        }
        if fields:
            sections[section] = with_traced(sections[section], fields)
    setup = setup._replace(sections=sections)
    if STEPS in numbers:
        setup = setup._replace(steps=numbers[STEPS])
    return experiment.how.program(setup)


def with_traced(config: Any, fields: Mapping[str, Any]) -> Any:
    """A copy of a frozen config with traced fields, unchecked; equal to nothing but itself.

    Traced numbers can neither be hashed nor compared, so the copy's class does both by identity.
    """
    kind = type(config)
    identity = {"__hash__": object.__hash__, "__eq__": object.__eq__, "__module__": kind.__module__}
    copy = object.__new__(type(kind.__name__, (kind,), identity))
    for field in dataclasses.fields(config):
        value = fields.get(field.name, getattr(config, field.name))
        object.__setattr__(copy, field.name, value)
    return copy


def traceable(experiment: Experiment, names: Sequence[str]) -> tuple[str, ...]:
    """Those of the settings that can be arguments of one program, and `run.steps` if it can.

    Numbers of the method's sections only: a task's fields are part of its type.
    """
    numbers = [name for name in names if _is_number(experiment, name)]
    if _bears(experiment, (*numbers, STEPS)):
        return (*numbers, STEPS)
    return tuple(name for name in (*numbers, STEPS) if _bears(experiment, (name,)))


def _is_number(experiment: Experiment, name: str) -> bool:
    setting = find(experiment.everything, name)
    return setting.kind is float and setting.section not in ("task", "run")


def _bears(experiment: Experiment, names: Sequence[str]) -> bool:
    """Whether a cycle can be traced with these settings unknown. Nothing is computed."""
    data = experiment.program.data
    arrays = () if data is None else (jax.eval_shape(data.load),)

    def cycle(key: Any, numbers: Numbers, *arrays: Any) -> Any:
        program = program_of(experiment, numbers)
        return program.step(program.init(key), *arrays)[0]

    unknown = {name: jax.ShapeDtypeStruct((), jnp.float32) for name in names}
    try:
        jax.eval_shape(cycle, jax.random.key(0), unknown, *arrays)
    except (TypeError, ValueError, AttributeError, CairnError):
        return False
    return True
