"""`cairn tune`: which settings of a method are best, found fairly and with the cost counted."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from rich.console import Console
from rich.table import Table

from cairn.cli import flags
from cairn.cli.testing import check_json, give_json
from cairn.core import typed
from cairn.core.console import Progress as Line
from cairn.core.console import count, plural
from cairn.core.errors import ConfigError
from cairn.runs import files, presets
from cairn.runs.experiment import Experiment
from cairn.tuning import space as spaces
from cairn.tuning.config import TuneConfig
from cairn.tuning.directory import BEST, TuneRun
from cairn.tuning.driver import Tuned, tune
from cairn.tuning.verdict import verdict
from cairn.tuning.work import COMPILING, Progress

STOPPED = 130
SEEDS = 3
"""Tuning seeds of a trial, if not told."""

GUIDE = """\
Find settings of a method: short and long trainings in one program where shapes allow, scored on
levels that a rule draws; then the best are trained anew on seeds that had no part in finding them.

usage: cairn tune TASK --search NAME=LOW,HIGH [--search ...] [flags]
       cairn tune --resume DIRECTORY

  cairn tune maze --method plr --steps 1000000 --seeds 3 \\
      --search student.learning_rate=log:1e-4,1e-2 --search algorithm.temperature=0.1,1.0 \\
      --search task.generator=walls|mixed
  cairn tune maze --space search.toml --tuner random    the space from a file's [search] table
  cairn tune maze --tuner pbt --population 8 --search student.learning_rate=log:1e-4,1e-2

A search is over any number or choice of `cairn train TASK --help`, by its name there: LOW,HIGH,
log:LOW,HIGH where factors count, or one|another. --steps is the length of one full training,
--seed and --seeds are the tuning seeds (default 0 to 2); every other flag of `cairn train` holds
for all trials. Ctrl-C keeps what has finished, and the same command goes on.

The flags, with their defaults for {task}, method {method}:
"""


@dataclass(frozen=True)
class Flags(TuneConfig):
    """What is tuned, how, and where it is kept."""

    method: str | None = None
    """How it learns. Default: the task's."""
    preset: str | None = None
    """Settings to start from. Default: the method's first."""
    learner: str | None = None
    """Who learns (default: ppo), where the method leaves that open."""
    config: Path | None = None
    """A TOML file of settings to start from, as of `cairn train`."""
    space: Path | None = None
    """A TOML file with a table [search] of settings and what they may be."""
    run: Path | None = None
    """Directory of the search. Default: runs/tune-TASK-METHOD-… by its settings."""
    resume: Path | None = None
    """Go on with this search; nothing else may stand beside it."""
    json: Path | None = None
    """Write the result as JSON to this file; - for standard output, and nothing else there."""


def tune_command(arguments: list[str]) -> int:
    """Begin a search, or go on with one."""
    task = arguments[0] if arguments and not arguments[0].startswith("-") else None
    words, searched = _searched(arguments[1:] if task else arguments)
    helps = any(flag in words for flag in flags.HELP)
    without_help = [word for word in words if word not in flags.HELP]
    start, rest = flags.parse_known(Flags, without_help, get_type_hints(Flags))
    if start.resume is not None and not helps:
        if task or rest or searched:
            raise ConfigError("--resume goes on with a search as it is: give nothing beside it.")
        return _finish(*_resumed(start.resume, start), start)
    experiment = _named(task, start, words, helps)
    if helps:
        print(GUIDE.format(task=experiment.task, method=experiment.method), flush=True)
    started, sections = flags.parse_sections(
        experiment.everything, start, words, get_type_hints(Flags),
        prog=f"cairn tune {experiment.task}",
    )  # fmt: skip
    experiment = experiment.with_sections(sections)
    search = _space(started.space) | searched if started.space else searched
    settings = {field.name: getattr(started, field.name) for field in fields(TuneConfig)}
    return _finish(experiment, search, settings, started.run, start)


def _searched(words: list[str]) -> tuple[list[str], dict[str, Any]]:
    """What is left without `--search ...`, and the space that these say."""
    rest: list[str] = []
    texts: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word == "--search":
            if not queue:
                raise ConfigError(f"--search expects {spaces.FORMS}, got nothing.")
            texts.append(queue.pop(0))
        elif word.startswith("--search="):
            texts.append(word.removeprefix("--search="))
        else:
            rest.append(word)
    return rest, dict(spaces.from_flags(texts))


def _space(path: Path) -> dict[str, Any]:
    table = typed.read_toml(path)
    if set(table) != {"search"} or not isinstance(table["search"], dict):
        raise ConfigError(f"{path} must hold one table [search] of settings, such as "
                          f'"student.learning_rate" = "log:1e-4,1e-2".')  # fmt: skip
    return dict(_dotted(table["search"]))


def _dotted(table: dict[str, Any], prefix: str = "") -> Any:
    """`[search.student] learning_rate = ...` as `student.learning_rate`."""
    for name, told in table.items():
        inner = f"{prefix}{name}"
        if isinstance(told, dict) and "low" not in told and "high" not in told:
            yield from _dotted(told, f"{inner}.")
        else:
            yield inner, told


def _named(task: str | None, start: Flags, words: list[str], helps: bool) -> Experiment:
    if start.config is not None:
        names = {"method": start.method, "preset": start.preset, "learner": start.learner}
        made = files.from_toml(start.config, task=task, **names)
    elif task is None and not helps:
        raise ConfigError(
            f"Expected a task first, got {' '.join(words) or 'nothing'}. See cairn tune --help."
        )
    else:
        made = presets.experiment(
            task or "maze", method=start.method, preset=start.preset, learner=start.learner or "ppo"
        )
    return made if start.config else made.changed({"run.seeds": SEEDS})


def _resumed(path: Path, start: Flags) -> tuple[Experiment, Any, Any, Path]:
    default = Flags()
    for field in fields(Flags):
        if field.name not in ("resume", "json") and (
            getattr(start, field.name) != getattr(default, field.name)
        ):
            raise ConfigError(f"--resume goes on with {path} as it is, but --{field.name} came.")
    config = TuneRun.open(path).config
    made = Experiment.from_dict({n: v for n, v in config.items() if n not in ("search", "tuning")})
    return made, config["search"], config["tuning"], path


def _finish(
    experiment: Experiment, search: Any, settings: dict[str, Any], path: Path | None, start: Flags
) -> int:
    check_json(start.json, [])
    quiet = str(start.json) == "-"
    console = Console(stderr=True) if quiet else Console()
    with Line(console) as live:

        def show(now: Progress) -> None:
            live.show(_figures(now))

        tuned = tune(experiment, search, path, show=show, say=live.say, **settings)
    if tuned.result is None:
        print(f"Stopped and saved. Go on with: cairn tune --resume {tuned.run.path}",
              file=sys.stderr)  # fmt: skip
        return STOPPED
    picture = _draw(tuned)
    give_json(start.json, dict(tuned.result))
    if not quiet:
        _tell(tuned, picture, console)
    return 0


def _figures(now: Progress) -> dict[str, str]:
    shown = lambda score: "failed" if score is None else f"{score:.3f}"  # noqa: E731
    best = {} if now.best is None else {"best": f"{now.best:.3f}"}
    spent = f"{count(now.spent)}/{count(now.budget)}"
    rest = {**best, "spent": spent, "done": plural(now.done, "training")}
    if now.what == COMPILING:
        return {"now": COMPILING, **rest}
    return {"last": now.what, "score": shown(now.score), **rest}


def _draw(tuned: Tuned) -> Path:
    from cairn.show import tuning  # a search needs no Matplotlib before its end

    assert tuned.result is not None
    return tuning.draw(tuned.result, tuned.run.lines(), tuned.run.path / "tuning.png")


def _tell(tuned: Tuned, picture: Path, console: Console) -> None:
    result = tuned.result
    assert result is not None
    cost = result["cost"]
    table = Table(title=f"Best of {result['trials']} trials ({result['failed']} failed)",
                  title_justify="left")  # fmt: skip
    for column in ("", "settings", "tuning", "test", "95% interval", "gap"):
        table.add_column(column, justify="left" if column in ("", "settings") else "right",
                         overflow="fold")  # fmt: skip
    number = lambda value: "–" if value is None else f"{value:.3f}"  # noqa: E731
    for place, found in enumerate(result["incumbents"], 1):
        settings = "\n".join(f"{name} {_short(value)}" for name, value in found["values"].items())
        if len(found["schedule"]) > 1:
            settings += f"\n(last of {len(found['schedule'])} intervals)"
        low, high = map(number, found["test"]["interval"])
        table.add_row(str(place), settings, number(found["tuning"]["score"]) +
                      after(found["tuning"]), with_failures(found["test"]) + after(found["test"]),
                      f"{low} to {high}", number(found["gap"]))  # fmt: skip
    if result["default"]:
        found = result["default"]
        settings = "\n".join(f"{name} {_short(value)}" for name, value in found["values"].items())
        low, high = map(number, found["test"]["interval"])
        table.add_row("began with", settings, "", with_failures(found["test"]) +
                      after(found["test"]), f"{low} to {high}", "")  # fmt: skip
    console.print(table)
    spent = f"Spent {cost['spent']:,} of {cost['budget']:,} {cost['unit']} on tuning"
    more = cost["test"].get("environment_steps") or cost["test"].get("evaluations", 0)
    lines = [f"{spent}; {more:,} on the test.", f"Picture: {picture}"]
    if (judged := verdict(result)) is not None:
        lines.append(judged)
    if result["train"]:
        best = shlex.quote(str(tuned.run.path / BEST))
        lines.append(f"Train with it: cairn train --config {best}")
    elif result["incumbents"]:
        lines.append("Its settings change while it trains, which no cairn train does: result.json "
                     "holds the schedule.")  # fmt: skip
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def with_failures(test: Mapping[str, Any]) -> str:
    """Of a test; seeds that failed are not in the mean, so they stand beside it."""
    score = "–" if test["score"] is None else f"{test['score']:.3f}"
    failed = test["failed"]
    return score + (f"\n({failed} of {len(test['by_seed'])} failed)" if failed else "")


def after(part: Mapping[str, Any]) -> str:
    """Steps of the trainings behind a score, under it; searches of before that do not say."""
    return f"\n{part['steps']:,} steps" if "steps" in part else ""


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
