"""What a run over language models came to so far, from its settings, books and figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cairn.view.books import look
from cairn.view.compiled import Standing
from cairn.view.reading import UnreadableError, read_table
from cairn.view.summaries import Headline

SUMMARY = "summary.json"


class Named(NamedTuple):
    """What a journaled run is called in a list."""

    method: str
    task: str
    headline: Headline | None


def standing(
    folder: Path, command: str, config: Mapping[str, Any], *, running: bool
) -> tuple[Named, Standing]:
    """How far the run in `folder` is. Its interval is over prompts or cells, not over seeds."""
    books = look(folder, running=running)
    figures, problem = _figures(folder)
    named = _named(folder, command, config, figures)
    trials = _trials(config)
    progress = books.share
    if trials and books.told is not None:
        progress = min(books.told / trials, 1.0)
    complete = books.told is not None and trials is not None and books.told >= trials
    if command.startswith("cairn redteam"):
        # The search may be complete and its test not.
        complete = figures is not None and figures.get("stopped") == "finished"
        if trials and figures is not None and command == "cairn redteam run":
            # More trials were asked for since.
            complete = complete and (books.told or 0) >= trials
    spent = {
        "calls": float(books.calls),
        "tokens": float(books.tokens),
        "money": books.micros / 1e6,
    }
    return named, Standing(
        spent=spent,
        unit="calls",
        cost=spent["calls"],
        progress=1.0 if complete or books.done else progress,
        finished=complete or books.done,
        headline=named.headline,
        problem=books.problem or problem,
    )


def _figures(folder: Path) -> tuple[dict[str, Any] | None, str]:
    if not (folder / SUMMARY).exists():
        return None, ""
    try:
        return read_table(folder / SUMMARY), ""
    except UnreadableError as error:
        return None, str(error)


def _trials(config: Mapping[str, Any]) -> int | None:
    engine = config.get("engine")
    found = engine.get("trials") if isinstance(engine, Mapping) else None
    return found if isinstance(found, int) and found > 0 else None


def _named(
    folder: Path, command: str, config: Mapping[str, Any], figures: Mapping[str, Any] | None
) -> Named:
    def text(*names: str) -> str:
        value: Any = config
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else ""

    if command == "cairn redteam run":
        return Named(text("search", "method"), _target(config), _success(figures))
    if command == "cairn redteam test":
        return Named("test of prompts", _target(config), _success(figures))
    if command == "cairn.search":
        return Named(text("policy"), "search", None)
    if command == "cairn.map":
        return Named("map", text("source"), None)
    return Named(command, "", None)


def _target(config: Mapping[str, Any]) -> str:
    """Who is tested."""
    if config.get("simulation") is not None:
        return "simulation"
    models = config.get("models")
    target = models.get("target") if isinstance(models, Mapping) else None
    if not isinstance(target, Mapping):
        return ""
    return next((str(target[name]) for name in ("model", "function") if target.get(name)), "")


def _success(figures: Mapping[str, Any] | None) -> Headline | None:
    """The attack success rate by the held-out judge, from summary.json."""
    found = figures.get("success") if figures is not None else None
    mean = found.get("mean") if isinstance(found, Mapping) else None
    if not isinstance(mean, Mapping):
        return None
    value, low, high = (mean.get(name) for name in ("value", "low", "high"))
    if not isinstance(value, int | float):
        return None
    known = isinstance(low, int | float) and isinstance(high, int | float)
    return Headline("attack success rate", float(value), *((low, high) if known else (None, None)))
