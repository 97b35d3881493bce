"""A method of this wing as the room for runs sees it: bound to a black box; nobody acts."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from jaxtyping import Array, Key

from cairn.core.errors import ConfigError
from cairn.engine.program import Program, Report
from cairn.qd import tasks
from cairn.qd.common import COUNTS
from cairn.qd.tasks import Task
from cairn.runs.method import Method, Preset, Setup

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "published": Preset(
            "The benchmark of pyribs: 10,000 cycles of 540 evaluations.",
            sections={"run": {"steps": 5_400_000, "log_every": 100}},
        )
    }
)
MOST = 2**32
"""Ids are uint32 and only grow: a run ends before it has evaluated so many solutions."""


def method(
    page: str | None,
    config: type,
    init: Callable[[Task, Any, Key[Array, ""]], Any],
    step: Callable[[Task, Any, Any], tuple[Any, Report]],
    check: Callable[[Task], None] = tasks.check,
) -> Method:
    """The METHOD of a file with `Config`, `init(task, config, key)` and `step(task, …)`.

    `page` is the file's docstring, whose first line describes the method. `check` raises
    ConfigError for a task that the method cannot search.
    """
    return Method(
        about=(page or "").split("\n", 1)[0],
        sections={"algorithm": config},
        program=partial(_program, init, step),
        takes=takes_tasks,
        check=partial(_check, check),
        least=lambda setup: setup.sections["algorithm"].children,
        constant_cost=True,
        presets=PRESETS,
    )


def takes_tasks(kind: Any) -> str | None:
    """Refuse what is no black box of solutions."""
    if isinstance(kind, type) and issubclass(kind, Task):
        return None
    return "it is not a task of quality-diversity: expected a subclass of cairn.qd.tasks.Task."


def _program(init: Callable, step: Callable, setup: Setup) -> Program:
    config = setup.sections["algorithm"]
    return Program(
        init=partial(init, setup.task, config),
        step=partial(step, setup.task, config),
        counts=COUNTS,
        budget=COUNTS,
    )


def _check(check: Callable[[Task], None], setup: Setup) -> None:
    check(setup.task)
    if setup.steps >= MOST - setup.sections["algorithm"].children:
        raise ConfigError(
            f"steps must stay below 2^32 less one cycle's evaluations, got {setup.steps}:"
            " solutions are numbered in 32 bits."
        )
