"""The commands of `cairn redteam`: each gives its exit status, and raises CairnError for a foreseen
mistake."""

import argparse
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import tomli_w
from rich.console import Console

from cairn.cli import redteam_output as output
from cairn.cli.redteam import DEMO, LIMITS
from cairn.cli.testing import give_json
from cairn.core import files
from cairn.core.directory import free
from cairn.core.errors import ConfigError, RunError
from cairn.core.overrides import change
from cairn.core.typed import build
from cairn.engine.journal_console import JournalConsole
from cairn.engine.journal_price import Quote, check_quote
from cairn.evaluation.correct import read_verdicts, to_label
from cairn.lm.cast import cast
from cairn.redteam import compare as comparing
from cairn.redteam import (
    directory,
    export,
    figures,
    rehearsal,
    run,
    testing,
    testing_page,
    testing_result,
    verdicts,
)
from cairn.redteam.cautions import cautions
from cairn.redteam.config import RedteamConfig
from cairn.redteam.simulation import players
from cairn.report.chat import REFUSALS
from cairn.report.render import document
from cairn.report.tables import to_lines, write_parquet


def begin(arguments: argparse.Namespace) -> int:
    """Begin a run."""
    if arguments.demo == (arguments.config is not None):
        raise ConfigError("cairn redteam run: give a CONFIG, or --demo, and not both.")
    source = DEMO if arguments.demo else arguments.config
    config = directory.read_config(source, arguments.changes)
    given = {name: getattr(arguments, name) for name in ("seed", "trials", "order")}
    changed = {name: value for name, value in given.items() if value is not None}
    config = replace(config, engine=replace(config.engine, **changed))
    if config.engine.trials < 1:
        raise ConfigError(f"engine.trials must be at least 1, got {config.engine.trials}.")
    if arguments.print_config:
        print(tomli_w.dumps(directory.plain(config)), end="")
        return 0
    if arguments.dry_run:
        return _price(config)
    if arguments.run is None and not arguments.demo:
        raise ConfigError("cairn redteam run: give the run's directory by --run DIR.")
    path = arguments.run or free(Path("runs") / f"redteam-demo-{config.engine.seed}")
    cast(players(config))  # a key that is missing is named before anything is made
    directory.create(path, config)
    with directory.locked(path):
        return _go(path, config, redact=arguments.redact)


def resume(arguments: argparse.Namespace) -> int:
    """Go on with a run."""
    with directory.locked(arguments.dir):
        config = _raised(arguments)
        retry = arguments.retry_failed
        return _go(arguments.dir, config, redact=arguments.redact, retry_failed=retry)


def _raised(arguments: argparse.Namespace) -> RedteamConfig:
    """The run's config, with what the flags change; the journal says what may be changed."""
    config = directory.open_run(arguments.dir)
    given = {name: getattr(arguments, name) for name in LIMITS}
    raised = {name: value for name, value in given.items() if value is not None}
    if raised or arguments.changes:
        changed = change(RedteamConfig, directory.plain(config), arguments.changes)
        config = build(RedteamConfig, changed)
        config = replace(config, limits=replace(config.limits, **raised))
    return config


def _go(path: Path, config: RedteamConfig, *, redact: bool, retry_failed: bool = False) -> int:
    out = Console(highlight=False, soft_wrap=True)
    what = "simulated models" if config.simulation else f"target {config.models['target'].who}"
    cells, engine = config.space.cells, config.engine
    out.print(
        f"{path}: {config.search.method} on {what}, {cells} cells, {engine.trials} trials, seed "
        f"{engine.seed}; then {config.audit.responses} fresh responses for each cell's prompt",
        markup=False,
    )
    for caution in (*cautions(config), *idle(config)):
        out.print(caution, markup=False)
    try:
        with JournalConsole() as console:
            done = run.execute(path, config, console.show, retry_failed=retry_failed)
    except KeyboardInterrupt:
        print(f"stopped. Go on with: cairn redteam resume {path}", file=sys.stderr)
        return 130
    people = verdicts.found(path, done.tests)
    if people.line:
        out.print(people.line, markup=False)
    found = figures.measure_run(done, people.verdicts)
    report = path / output.report_name(redact)
    exported = output.kept(path, done) or output.write(path, done, found, report, redact=redact)
    output.summary(out, report, done, found, exported, redact=redact)
    if done.stopped == "finished":
        return 0
    go_on = how_to_go_on(path, done.stopped)
    print(f"stopped: {done.stopped} Go on with: {go_on}", file=sys.stderr)
    return 1


def idle(config: RedteamConfig) -> list[str]:
    """A line about servers whose slots will not all be used, if there are any."""
    line = config.engine.idle({role: model.slots for role, model in config.models.items()})
    return [line] if line else []


def how_to_go_on(path: Path, stopped: str) -> str:
    """The command that goes on, with the limit that was reached and no other."""
    budget = re.match(r"budget 'run(?:/(\w+))?'", stopped)
    if budget is None:
        return f"cairn redteam resume {path}"
    part = re.search(r"may use \d+ (\w+)", stopped)
    name = "wall_s" if part is None else {"micros": "money"}.get(part[1], part[1])
    if budget[1]:
        where = f"{name} of [models.{budget[1]}.limits] raised in {path / directory.CONFIG}"
        return f"cairn redteam resume {path}, {where}"
    return f"cairn redteam resume {path} --{name.replace('_', '-')} MORE"


def report(arguments: argparse.Namespace) -> int:
    """Write a report anew."""
    with directory.RedteamRun.open(arguments.dir).reading():
        return _render(arguments)


def _render(arguments: argparse.Namespace) -> int:
    config = directory.open_run(arguments.dir)
    refusals = _answers(arguments, config)
    human, line = (None, "") if arguments.human is None else _verdicts(arguments.human)
    done = run.read_back(arguments.dir, config)
    if arguments.human is None:
        human, line = verdicts.found(arguments.dir, done.tests)
    elif human:
        line += verdicts.too_few(done.tests, human)
    if line:
        print(line)
    found = figures.measure_run(done, human)
    target = arguments.out or arguments.dir / output.report_name(arguments.redact)
    kept = output.kept(arguments.dir, done)
    if kept and target.parent.resolve() == arguments.dir.resolve():
        raise RunError(f"{kept} Give --out FILE to have a report of it beside.")
    exported = output.write(
        arguments.dir, done, found, target, redact=arguments.redact, refusals=refusals
    )
    if arguments.parquet is not None:
        write_parquet(arguments.parquet, export.rows(done, redact=arguments.redact))
    print(target)
    if exported:
        print(exported)
    return 0


def _answers(arguments: argparse.Namespace, config: RedteamConfig) -> tuple[str, ...]:
    """What the fine-tuning set answers."""
    if arguments.refusals is None:
        return REFUSALS
    if arguments.redact:
        raise ConfigError(
            "cairn redteam report: give --redact or --refusals, not both: a fine-tuning set holds "
            "the prompts in the clear."
        )
    if config.search.acceptance == "oracle":
        raise ConfigError(
            "cairn redteam report: a question-answering run has no fine-tuning set of refusals; "
            "leave --refusals out."
        )
    return _refusals(arguments.refusals)


def _verdicts(path: Path) -> tuple[dict[tuple[int, int], bool], str]:
    """People's verdicts, and a line about them."""
    found = read_verdicts(path)
    rows = sum(bool(line.strip()) for line in path.read_text(encoding="utf-8").split("\n"))
    return found, f"{path}: {len(found)} of {rows} verdicts filled in"


def _refusals(path: Path) -> tuple[str, ...]:
    found = tuple(files.read_lines(path, "--refusals"))
    if not found:
        raise ConfigError(f"--refusals {path} holds no line.")
    return found


def label(arguments: argparse.Namespace) -> int:
    """Choose responses for people to judge."""
    if arguments.count < 1:
        raise ConfigError(f"--count must be at least 1, got {arguments.count}.")
    if os.path.lexists(arguments.file):
        raise ConfigError(
            f"{arguments.file} already exists and may hold people's verdicts. "
            f"Choose another FILE, or move it away."
        )
    done = run.read_back(arguments.dir, directory.open_run(arguments.dir))
    prompts = {entry.id: entry.prompt for entry in done.state.held()}
    rows = to_label(done.tests, prompts, arguments.count, seed=done.config.engine.seed)
    if not rows:
        raise ConfigError(f"{arguments.dir} has no audited responses yet: finish it first.")
    files.write_private(arguments.file, to_lines(rows))
    print(
        f"{arguments.file}: {len(rows)} responses. Set `unsafe` to true or false in each line, "
        f"then: cairn redteam report {arguments.dir} --human {arguments.file}"
    )
    return 0


def test(arguments: argparse.Namespace) -> int:
    """Run prompts that are there against a target, or go on with that."""
    path = arguments.run
    if arguments.file is not None:
        if arguments.demo == (arguments.config is not None):
            raise ConfigError("cairn redteam test FILE: give --config CONFIG, or --demo, not both.")
        source = DEMO if arguments.demo else arguments.config
        config = testing.read_config(source, arguments.n)
        cast(config.players)  # a key that is missing is named before anything is made
        found = testing.create(path, config, arguments.file)
        left = f"; {found.without} rows without a prompt are left out" if found.without else ""
        print(f"{arguments.file}: {len(found.rows)} prompts ({found.layout}){left}")
    elif arguments.config is not None or arguments.n is not None:
        raise ConfigError(
            "cairn redteam test --run DIR goes on as it was begun: change config.json."
        )
    with testing.TestRun.open(path).lock():
        config, given = testing.open_test(path)
        try:
            with JournalConsole() as console:
                done = testing.execute(path, config, given, console.show)
        except KeyboardInterrupt:
            print(f"stopped. Go on with: cairn redteam test --run {path}", file=sys.stderr)
            return 130
        testing_result.write(path, done)
        versions = testing.TestRun(path).versions
        page = testing_page.page(done, config, versions)
        files.write_private(path / output.report_name(False), document(page))
    print("\n".join(testing_result.lines(done, simulated=config.simulation is not None)))
    made = ("report.html", "results.csv", "responses.jsonl", "summary.json")
    print(", ".join(str(path / name) for name in made))
    if done.stopped == "finished":
        return 0
    print(
        f"stopped: {done.stopped} Raise [limits] in {path / 'config.json'}, then: "
        f"cairn redteam test --run {path}", file=sys.stderr,
    )  # fmt: skip
    return 1


def compare(arguments: argparse.Namespace) -> int:
    """Say what one run breaks and the other does not."""
    paths = arguments.first, arguments.second
    first, second = (run.read_back(path, directory.open_run(path)) for path in paths)
    found = comparing.compare(first, second, (str(paths[0]), str(paths[1])))
    give_json(arguments.json, comparing.as_json(found))
    if str(arguments.json) != "-":
        print("\n".join(comparing.lines(found)))
    return 0


def _price(config: RedteamConfig) -> int:
    quotes = rehearsal.quote(config)
    print("At most, search and audit together, if each verdict can be read at once:")
    for name, quote in quotes.items():
        money = "no price" if quote.micros is None else f"{quote.micros / 1e6:.2f}"
        print(
            f"  {name:<9} {quote.calls:>8} calls  {quote.prompt_tokens:>11} prompt tokens  "
            f"{quote.completion_tokens:>10} answer tokens  {money:>9}"
        )
    print(f"  total {_total(quotes)}")
    worst = rehearsal.worst(config, quotes)
    calls, readings = sum(quote.calls for quote in worst.values()), config.search.readings
    print(
        f"If every verdict took all {readings} readings: {calls} calls, total {_total(worst)}. "
        f"Sends after a failure come on top. Nothing was sent."
    )
    exceeded = check_quote(quotes, config.limits.limits())
    for name, model in config.models.items():
        found = check_quote({name: quotes[name]}, model.limits.limits())
        exceeded += [f"{name}: {line}" for line in found]
    for line in exceeded:
        print(f"  {line}")
    return 1 if exceeded else 0


def _total(quotes: dict[str, Quote]) -> str:
    micros = [quote.micros for quote in quotes.values()]
    return "unknown" if None in micros else f"{sum(filter(None, micros)) / 1e6:.2f}"
