"""A method of this wing as the room for runs sees it: bound to a game; nobody acts."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jaxtyping import Array, Key

from cairn.engine.program import Program, Report
from cairn.games.tasks import Repeated
from cairn.runs.method import Method, Preset, Setup


def method(
    page: str | None,
    config: type,
    init: Callable[[Repeated, Any, Key[Array, ""]], Any],
    step: Callable[[Repeated, Any, Any], tuple[Any, Report]],
    *,
    counts: tuple[str, ...],
    least: Callable[[Any], int],
    presets: Mapping[str, Preset],
    check: Callable[[Repeated, Any], None] = lambda task, config: None,
) -> Method:
    """The METHOD of a file with `Config`, `init(task, config, key)`, `step(task, config, state)`.

    `page` is the file's docstring, whose first line describes the method; `counts` are those of its
    ledger, the budget on the first; `least` is what a cycle takes of it. `check` raises ConfigError
    for a game that it cannot play.
    """

    def bound(setup: Setup) -> Program:
        chosen = setup.sections["algorithm"]
        return Program(
            init=partial(init, setup.task, chosen),
            step=partial(step, setup.task, chosen),
            counts=counts,
            budget=counts[:1],
        )

    return Method(
        about=(page or "").split("\n", 1)[0],
        sections={"algorithm": config},
        program=bound,
        takes=takes_games,
        check=lambda setup: check(setup.task, setup.sections["algorithm"]),
        least=lambda setup: least(setup.sections["algorithm"]),
        constant_cost=True,
        presets=presets,
    )


def takes_games(kind: Any) -> str | None:
    """Refuse what is no repeated matrix game."""
    if isinstance(kind, type) and issubclass(kind, Repeated):
        return None
    return "it is no repeated game: expected a subclass of cairn.games.tasks.Repeated."
