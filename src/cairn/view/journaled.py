"""What a run over language models came to so far, from its settings, books and figures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.view.books import look
from cairn.view.compiled import Standing
from cairn.view.kinds import Named, describe, figures


def standing(
    folder: Path, command: str, config: Mapping[str, Any], *, running: bool
) -> tuple[Named, Standing]:
    """How far the run in `folder` is. Its interval is over prompts or cells, not over seeds."""
    books = look(folder, running=running)
    summary, problem = figures(folder)
    named = describe(command, config, summary)
    trials = _trials(config)
    progress = books.share
    if trials and books.told is not None:
        progress = min(books.told / trials, 1.0)
    complete = books.told is not None and trials is not None and books.told >= trials
    if command.startswith("cairn redteam"):
        # The search may be complete and its test not.
        complete = summary is not None and summary.get("stopped") == "finished"
        if trials and summary is not None and command == "cairn redteam run":
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


def _trials(config: Mapping[str, Any]) -> int | None:
    engine = config.get("engine")
    found = engine.get("trials") if isinstance(engine, Mapping) else None
    return found if isinstance(found, int) and found > 0 else None
