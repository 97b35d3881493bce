"""What a run needs to know of a method: one object, `METHOD`, at the end of the method's file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from jax.sharding import Mesh

from cairn.engine.program import Program

NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


class Preset(NamedTuple):
    """Fields to change from their defaults. Those that a task or section lacks are passed over."""

    description: str
    tasks: Mapping[str, Mapping[str, Mapping[str, Any]]] = NO_FIELDS
    """Task name to what it wants otherwise: section to fields, those under `task` of the task
    itself. They go before `sections`; what a task does not name is as for all."""
    sections: Mapping[str, Mapping[str, Any]] = NO_FIELDS
    """Section to fields; those under `run` are of the run settings."""

    def fields(self, section: str, task: str) -> dict[str, Any]:
        """Of a section, in a run of the task called so."""
        return {**self.sections.get(section, {}), **self.tasks.get(task, {}).get(section, {})}


class Setup(NamedTuple):
    """What a method is bound to."""

    task: Any
    """What is learned: an environment, a problem, a dataset …"""
    sections: Mapping[str, Any]
    """The method's settings by section."""
    steps: int
    """The budget, in the sum of the method's `budget` counts, for schedules."""
    learner: Any = None
    """Of the roles, if the method lets the user choose."""
    mesh: Mesh | None = None
    """Devices that share the columns of each batch, if any do."""
    name: str = ""
    """Of the task."""
    kept: Path | None = None
    """What the run has kept of the folder that its model came from: read in its place."""


@dataclass(frozen=True)
class Method:
    """A method as the room for runs sees it."""

    about: str
    """One line, for `cairn list`."""
    sections: Mapping[str, type | None]
    """Section name to the class of its settings; None for a role played by the chosen learner,
    whose settings have the class `learner.Config`."""
    program: Callable[[Setup], Program]
    """Binds it."""
    takes: Callable[[type], str | None]
    """Why this kind of task cannot be learned by it; None if it can."""
    check: Callable[[Setup], None] = field(default=lambda setup: None)
    """Raises ConfigError for settings that do not fit each other or the task."""
    columns: Callable[[Setup], int] = field(default=lambda setup: 1)
    """What devices must divide to share the columns of a batch; 1: they cannot."""
    least: Callable[[Setup], int] = field(default=lambda setup: 1)
    """What the budget must be at least: one cycle's worth."""
    constant_cost: bool = False
    """Whether every cycle costs `least`, so that the rounded budget is known in advance."""
    presets: Mapping[str, Preset] = field(
        default_factory=lambda: {"default": Preset("The method's own defaults.")}
    )
    """Settings to start from, the default first."""
    adapts: Callable[[str], Mapping[str, Any]] = field(default=lambda task: NO_FIELDS)
    """Fields of the task called so that the method wants otherwise than the presets."""
    suits: Callable[[Any], Mapping[str, Any]] = field(default=lambda task: NO_FIELDS)
    """Fields of `algorithm` that follow from what the task can do."""
    follows: Callable[[Any, Any], Mapping[str, Any]] = field(default=lambda own, start: NO_FIELDS)
    """Fields of `algorithm` that follow from that section of the run that it starts from
    (`init_from`)."""
