"""The commands of a search over programs: each gives its exit status, and raises CairnError for a
foreseen mistake."""

import argparse
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import tomli_w
from rich.console import Console

from cairn.core import files
from cairn.core.directory import free
from cairn.core.errors import ConfigError, suggest
from cairn.core.overrides import change
from cairn.core.typed import build, plain
from cairn.engine.journal_console import JournalConsole
from cairn.lm.cast import cast
from cairn.report.render import document
from cairn.report.words import money
from cairn.research import directory, figures, grading, page, problems, run
from cairn.research import export as exporting
from cairn.research.config import ResearchConfig, config_of, players, read_config
from cairn.research.node import score_of

DEMO = {
    "engine": {"trials": 60, "lag": 8, "workers": 2},
    "selection": {"rule": "hidden", "top": 8, "oracle": 10},
}


def begin(arguments: argparse.Namespace) -> int:
    """Begin a run."""
    config = _config(arguments)
    if arguments.print_config:
        print(tomli_w.dumps(_without_none(plain(config))), end="")
        return 0
    if arguments.run is None and not arguments.demo:
        raise ConfigError("cairn search run: give the run's directory by --run DIR.")
    path = arguments.run or free(Path("runs") / f"search-demo-{config.engine.seed}")
    with tempfile.TemporaryDirectory(prefix="cairn-task-") as home:
        # What cannot be is named before anything is made: the task, then a key that is missing.
        problems.write(config.task, Path(home))
        problem = problems.problem_of(config.task, Path(home))
        config.selection.split(problem.splits)
        run.check_programs(config, problem)
        cast(players(config))
        if config.task not in (*problems.PROBLEMS, *problems.shipped()) and ":" not in config.task:
            config = replace(config, task=str(Path(config.task).resolve()))
        directory.create(path, config, Path(home) / problems.FOLDER)
    with directory.ResearchRun.open(path).lock():
        return _go(path, config)


def _config(arguments: argparse.Namespace) -> ResearchConfig:
    if not arguments.demo and arguments.what is None:
        raise ConfigError("cairn search run: give a TASK or a CONFIG, or --demo.")
    given = {"policy.name": arguments.policy, "engine.trials": arguments.trials,
             "engine.workers": arguments.workers, "engine.seed": arguments.seed}  # fmt: skip
    changes = {name: str(value) for name, value in given.items() if value is not None}
    changes = {**arguments.changes, **changes}
    if arguments.demo:
        return config_of({**DEMO, **_simulated(arguments.what or problems.DEMO)}, changes)
    if arguments.what.endswith(".toml"):
        return read_config(Path(arguments.what), changes)
    problems.check(arguments.what)  # a wrong name is told of before a missing model is
    return config_of({"task": arguments.what}, changes)


def _simulated(task: str) -> dict:
    """The task of a demo, and who plays the researcher."""
    if task == problems.DEMO:
        return {"task": task, "simulation": {"kind": "demo"}}
    known = (problems.DEMO, *problems.shipped())
    name = Path(task).name
    if not Path(task).is_dir() and task not in known:
        raise ConfigError(
            f"cairn search run: --demo plays a shipped task ({', '.join(known)}) or a folder "
            f"of one, got {task!r}.{suggest(task, known)}"
        )
    if Path(task).is_dir() and task not in known:
        name = problems.problem_of(task).name
        if name not in known:
            raise ConfigError(
                f"cairn search run: the researcher of --demo writes programs of the shipped tasks "
                f"alone, and {name!r} in {task} is none of them. Name a model for your own: leave "
                f"--demo out and give --models.researcher.model."
            )
    return {"task": task, "simulation": {"kind": "shipped", "task": name}}


def resume(arguments: argparse.Namespace) -> int:
    """Go on with a run."""
    with directory.ResearchRun.open(arguments.dir).lock():
        config = before = directory.open_run(arguments.dir)
        if arguments.changes:
            changed = change(ResearchConfig, _without_none(plain(config)), arguments.changes)
            config = build(ResearchConfig, changed)
        limits = {name: getattr(arguments, name) for name in ("calls", "tokens", "money", "wall_s")}
        limits = {name: value for name, value in limits.items() if value is not None}
        engine = {name: getattr(arguments, name) for name in ("trials", "workers")}
        engine = {name: value for name, value in engine.items() if value is not None}
        config = replace(
            config, limits=replace(config.limits, **limits), engine=replace(config.engine, **engine)
        )
        if config.engine.trials < before.engine.trials:
            raise ConfigError(
                f"cairn search resume: {config.engine.trials} trials are fewer than the run is to "
                f"have, {before.engine.trials}: nodes are never taken away."
            )
        return _go(arguments.dir, config)


def _go(path: Path, config: ResearchConfig) -> int:
    out = Console(highlight=False, soft_wrap=True)
    who = "a scripted researcher (simulated)" if config.simulation else _who(config)
    out.print(
        f"{path}: {config.policy.name} on {config.task} by {who}, {config.engine.trials} nodes, "
        f"{config.engine.at_once} at a time, seed {config.engine.seed}", markup=False,
    )  # fmt: skip
    try:
        with JournalConsole() as console:
            done = run.execute(path, config, console.show)
    except KeyboardInterrupt:
        print(
            f"stopped. Go on with: cairn search resume {path}\n"
            f"What it found so far: cairn search report {path}", file=sys.stderr,
        )  # fmt: skip
        return 130
    _write(path, done, path / directory.REPORT)
    _summary(out, path, done)
    if done.stopped == "finished":
        return 0
    print(f"stopped: {done.stopped} Go on with: {_how(path, done.stopped)}", file=sys.stderr)
    return 1


def _who(config: ResearchConfig) -> str:
    return ", ".join(f"{model.who} ({role})" for role, model in config.models.items())


def _how(path: Path, stopped: str) -> str:
    """The command that goes on, with the limit that was reached."""
    budget = re.match(r"budget 'run(?:/(\w+))?'", stopped)
    if budget is None:
        return f"cairn search resume {path}"
    part = re.search(r"may use \d+ (\w+)", stopped)
    name = "wall_s" if part is None else {"micros": "money"}.get(part[1], part[1])
    if budget[1] == grading.ROLE:
        name = f"programs.{name.replace('_ms', '_s')}"
    elif budget[1]:
        name = f"models.{budget[1]}.limits.{name}"
    return f"cairn search resume {path} --{name.replace('_', '-')} N, a higher limit of all"


def _write(path: Path, done: run.Finished, target: Path) -> None:
    found = figures.measure(done)
    versions = directory.ResearchRun(path).versions
    files.write_private(target, document(page.page(done, found, versions)))
    record = files.to_json(figures.record(done, found), indent=2) + "\n"
    files.write_private(path / directory.SUMMARY, record)


def _summary(out: Console, path: Path, done: run.Finished) -> None:
    for note in done.notes:
        out.print(note, markup=False)
    found = figures.measure(done)
    best = done.tree.best()
    if best is None:
        out.print("no node has a score", markup=False)
    else:
        out.print(f"best search score: {score_of(best)} (node {best.id})", markup=False)
    for row in found.choice:
        out.print(f"  {row.name:<28} {row.value:<22} {row.note}", markup=False)
    out.print(
        f"{len(done.tree)} nodes, {found.valid} with a score; {done.spent.calls} calls, "
        f"{done.spent.tokens} tokens, {money(done.spent.micros)} in money, programs ran "
        f"{done.spent.wall_ms / 1000:.1f} s ({done.spent.cpu_ms / 1000:.1f} s of a processor); "
        f"{done.seconds:.0f} s", markup=False,
    )  # fmt: skip
    for outcome, count in found.outcomes.items():
        if outcome != "ok":
            out.print(f"  {outcome}: {count}", markup=False)
    if done.failed:
        first = done.failed[0]
        out.print(f"  the first fault, of trial {first.trial}: {first.message}", markup=False)
    if done.maybe_twice:
        out.print(f"  {done.maybe_twice} possibly paid or run twice", markup=False)
    out.print(f"report: {path / directory.REPORT}", markup=False)


def report(arguments: argparse.Namespace) -> int:
    """Write the page anew."""
    with directory.ResearchRun.open(arguments.dir).reading():
        done = run.read_back(arguments.dir, directory.open_run(arguments.dir))
        target = arguments.out or arguments.dir / directory.REPORT
        _write(arguments.dir, done, target)
    print(target)
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Write the best program with its lineage."""
    with directory.ResearchRun.open(arguments.dir).reading():
        done = run.read_back(arguments.dir, directory.open_run(arguments.dir))
    node = exporting.write(arguments.folder, done, arguments.node)
    print(f"{arguments.folder}: node {node.id}, search score {score_of(node)}")
    return 0


def _without_none(table: dict) -> dict:
    """TOML has no null: a setting that is not set is left out."""
    kept = {name: value for name, value in table.items() if value is not None}
    return {name: _without_none(value) if isinstance(value, dict) else value
            for name, value in kept.items()}  # fmt: skip
