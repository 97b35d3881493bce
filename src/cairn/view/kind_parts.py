"""What each kind of journaled run says of itself: from its settings, its figures, its journal."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeGuard

from cairn.evaluation.correct import ENOUGH
from cairn.view import journal_standing as standing
from cairn.view.summaries import Headline

Config: TypeAlias = Mapping[str, Any]


class Named(NamedTuple):
    """What a run is called in a list."""

    method: str
    task: str
    headline: Headline | None


class Progress(NamedTuple):
    """How far one part of a run is."""

    name: str
    done: int
    of: int | None
    """None where nothing says."""
    what: str
    """What is counted: "trials"."""
    finished: bool


def redteam(config: Config, summary: Config | None) -> Named:
    """A red-teaming run: how it searches, and whom."""
    return Named(_text(config, "search", "method"), _target(config), _success(summary))


def prompt_test(config: Config, summary: Config | None) -> Named:
    """A test of prompts, and of whom."""
    return Named("test of prompts", _target(config), _success(summary))


def search(config: Config, summary: Config | None) -> Named:
    """A search, by its policy."""
    return Named(_text(config, "policy"), "search", None)


def research(config: Config, summary: Config | None) -> Named:
    """A search over programs: its policy, its task, the score of what it chose."""
    scores, found = _inside(summary or {}, "scores"), None
    for split in ("test", "selection", "search"):
        value = scores.get(split) if _is_table(scores) else None
        if found is None and isinstance(value, int | float):
            found = Headline(f"{split} score", value, None, None)
    return Named(_text(config, "policy", "name"), _text(config, "task"), found)


def mapping(config: Config, summary: Config | None) -> Named:
    """A map, by its source."""
    return Named("map", _text(config, "source"), None)


def refinement(config: Config, summary: Config | None) -> Named:
    """A refinement: its task, and its source."""
    return Named(_text(config, "task"), _text(config, "source"), None)


def synthesis(config: Config, summary: Config | None) -> Named:
    """A synthetic set, by its source."""
    return Named("Source2Synth", _text(config, "source"), None)


def distillation(config: Config, summary: Config | None) -> Named:
    """A small refiner: what it is trained from."""
    return Named("small refiner", _text(config, "source"), None)


def redteam_progress(db: sqlite3.Connection, config: Config) -> list[Progress]:
    """Trials of the search, then elites of its archive that are tested."""
    begun = standing.stages(db)
    trials = _number(config, "engine", "trials")
    search = standing.searched(db, "search")
    complete = trials is not None and search.told >= trials
    found = [Progress("search", search.told, trials, "trials told", complete)]
    # Another archive, or another judge, is tested in a stage of its own: the last is this one's.
    stage = next((name for name in reversed(begun) if name.startswith("audit-")), None)
    if stage is None or begun[stage] < _last(db, "search"):
        return [*found, Progress("test", 0, None, "elites tested on fresh responses", False)]
    return [*found, _listed(db, stage, begun[stage], "elites tested on fresh responses")]


def prompt_test_progress(db: sqlite3.Connection, config: Config) -> list[Progress]:
    """Prompts that are tested."""
    begun = standing.stages(db)
    stage = next((name for name in reversed(begun) if name.startswith("test-")), None)
    if stage is None:
        return [Progress("test", 0, None, "prompts tested", False)]
    return [_listed(db, stage, begun[stage], "prompts tested")]


def _listed(db: sqlite3.Connection, stage: str, first: int, what: str) -> Progress:
    found = standing.listed(db, stage, first)
    return Progress("test", found.told, found.items, what, found.told == found.items)


def search_progress(db: sqlite3.Connection, config: Config) -> list[Progress]:
    """Trials whose outcome is told."""
    trials, found = _number(config, "engine", "trials"), standing.searched(db, "search")
    complete = trials is not None and found.told >= trials
    return [Progress("search", found.told, trials, "trials told", complete)]


def research_progress(db: sqlite3.Connection, config: Config) -> list[Progress]:
    """Nodes of the tree, then evaluations of the final choice and of the report."""
    (search,) = search_progress(db, config)
    search = search._replace(what="nodes of the tree")
    begun = standing.stages(db)
    stage = next((name for name in reversed(begun) if name.startswith("select-")), None)
    if stage is None or begun[stage] < _last(db, "search"):
        return [search]
    chosen = _listed(db, stage, begun[stage], "evaluations of the last round")
    # There may be another round: that it was the last one, the summary says.
    return [search, chosen._replace(name="choice", finished=False)]


def mapping_progress(db: sqlite3.Connection, config: Config) -> list[Progress]:
    """Items of finished shards."""
    return _mapped(db, "map")


def refinement_progress(db: sqlite3.Connection, config: Config) -> list[Progress]:
    """Records of finished shards."""
    return _mapped(db, "refine")


def synthesis_progress(db: sqlite3.Connection, config: Config) -> list[Progress]:
    """Questions that are written, and items of the half that is curated."""
    found = _mapped(db, "generate")
    # Another solver, or other settings, curate in a stage of their own: the last is this one's.
    stages = [name for name in standing.stages(db) if name.startswith("curate-")]
    if not stages:
        return [found[0]._replace(finished=False)]
    return [*found, *(part._replace(name="curate") for part in _mapped(db, stages[-1]))]


def distillation_progress(path: Path, config: Config) -> list[Progress]:
    """Updates of the newest checkpoint; all of them once refiner.json is there."""
    updates, ended = _number(config, "updates"), (path / "refiner.json").is_file()
    steps = [int(p.stem.removeprefix("step-")) for p in path.glob("checkpoints/step-*.safetensors")]
    done = (updates or 0) if ended else max(steps, default=0)
    return [Progress("training", done, updates, "updates", ended)]


def _mapped(db: sqlite3.Connection, stage: str) -> list[Progress]:
    found = standing.mapped(db, stage)
    missing = [
        f"{number:,} {what}"
        for what, number in (("rejected", found.rejected), ("failed", found.failed))
        if number
    ]
    what = f"items of finished shards{'; ' if missing else ''}{', '.join(missing)}"
    return [Progress(stage, found.outcomes, found.items or None, what, found.finished)]


def _last(db: sqlite3.Connection, stage: str) -> int:
    query = standing.NEWEST.format(what="seq", where="")
    return (db.execute(query, (stage,)).fetchone() or (0,))[0]


def _target(config: Config) -> str:
    """Who is tested."""
    if config.get("simulation") is not None:
        return "simulation"
    return _text(config, "models", "target", "model") or _text(
        config, "models", "target", "function"
    )


def _success(summary: Config | None) -> Headline | None:
    """The attack success rate of the last report: corrected by people's verdicts, if it is.

    A report of an older release may be corrected by a handful, which is none for a headline.
    """
    labelled = _inside(summary or {}, "labelled")
    given = [n for n in labelled.values() if isinstance(n, int)] if _is_table(labelled) else []
    enough = sum(given) >= ENOUGH
    for words, *place in (
        *([(f"success rate, corrected by {sum(given)} verdicts", "corrected", "rate")] * enough),
        ("success rate", "success", "mean"),
    ):
        found = _inside(summary or {}, *place)
        if isinstance(found, Mapping):
            value, low, high = (found.get(part) for part in ("value", "low", "high"))
            if isinstance(value, int | float):
                known = isinstance(low, int | float) and isinstance(high, int | float)
                return Headline(f"attack {words}", value, *((low, high) if known else (None, None)))
    return None


def _is_table(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def _inside(config: Config, *names: str) -> Any:
    value: Any = config
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(config: Config, *names: str) -> str:
    value = _inside(config, *names)
    return value if isinstance(value, str) else ""


def _number(config: Config, *names: str) -> int | None:
    value = _inside(config, *names)
    return value if isinstance(value, int) and value > 0 else None
