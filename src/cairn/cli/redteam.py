"""`cairn redteam`: search for prompts that break a model, test them, and report."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tomli_w
from rich.console import Console

from cairn.cli.arguments import Parser
from cairn.cli.testing import give_json
from cairn.core import files
from cairn.core.directory import free
from cairn.core.errors import ConfigError, RunError, reason
from cairn.core.overrides import change, described, split
from cairn.core.typed import build
from cairn.engine.journal_console import JournalConsole
from cairn.engine.journal_price import Quote, check_quote
from cairn.evaluation.audit import share
from cairn.evaluation.correct import read_verdicts, to_label
from cairn.lm.cast import cast
from cairn.lm.shared import DEFAULT
from cairn.redteam import compare, directory, export, figures, page, rehearsal, run, tables, testing
from cairn.redteam.cautions import cautions
from cairn.redteam.config import RedteamConfig
from cairn.redteam.directory import ROLES
from cairn.redteam.simulation import players
from cairn.report.chat import REFUSALS
from cairn.report.tables import to_lines, write_parquet
from cairn.report.words import money

CONFIGS = Path(__file__).parents[1] / "redteam" / "configs"
DEMO = CONFIGS / "demo.toml"
ABOUT = """\
Find what a language model gets wrong: a map of categories with the strongest prompt per cell.

  cairn redteam run --demo                 simulated models, no account, under a minute
  cairn redteam run CONFIG --dry-run       what it would cost, without sending anything
  cairn redteam run CONFIG --run DIR       search, test the elites, write the report
  cairn redteam resume DIR                 go on after a kill, a failure or a limit
  cairn redteam report DIR [--redact]      the report anew, from the journal
  cairn redteam label DIR FILE             write fresh responses for people to judge
  cairn redteam test FILE --config CONFIG --run DIR   prompts that are there against a target
  cairn redteam compare DIR DIR            two runs cell by cell

CONFIG is a TOML file; ready ones: {configs}. Copy one and fill in the models.
"""
REDACT = "write reports without prompts and responses (the journal keeps them)"
KEYS = {"models": (*ROLES, DEFAULT)}
SETTINGS = """\
Every setting of CONFIG is a flag too; ROLE is one of mutator, target, judge, scorer, held-out,
analyst, oracle, or default, whose fields all roles share:

"""
LIMITS = {"calls": int, "tokens": int, "money": float, "wall_s": float}
"""Limits that a resume may raise, with their types."""


def redteam_command(argv: Sequence[str]) -> int:
    """Run one of the subcommands; its exit status. Raises CairnError for a foreseen mistake."""
    parser, configured = _parser()
    command, *words = list(argv) or [""]
    changes: dict[str, str] = {}
    if command in configured:
        changes, words = split(words, RedteamConfig, KEYS, configured[command].flags)
    arguments = parser.parse_args([command, *words] if argv else [])
    arguments.changes = changes
    return arguments.go(arguments)


def _parser() -> tuple[argparse.ArgumentParser, dict[str, Parser]]:
    """The parser, and those of its commands that take the config's settings as flags."""
    names = ", ".join(sorted(str(path) for path in CONFIGS.glob("*.toml")))
    parser = Parser(
        prog="cairn redteam",
        description=ABOUT.format(configs=names),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    run = _run_parser(commands)
    resume = commands.add_parser("resume", help="go on with a run")
    resume.add_argument("dir", type=Path)
    for name, kind in LIMITS.items():
        flag = f"--{name.replace('_', '-')}"
        resume.add_argument(flag, type=kind, help="a new limit in place of the config's")
    resume.add_argument("--redact", action="store_true", help=REDACT)
    resume.add_argument("--retry-failed", action="store_true", help="ask failed trials again")
    resume.set_defaults(go=_resume)
    report = commands.add_parser("report", help="write the report anew")
    report.add_argument("dir", type=Path)
    report.add_argument("--redact", action="store_true", help=REDACT)
    report.add_argument("--human", type=Path, help="JSON lines of people's verdicts")
    report.add_argument("--out", type=Path, help="where to; default DIR/report.html")
    report.add_argument("--parquet", type=Path, help="write the archive as Parquet as well")
    report.add_argument("--refusals", type=Path, help="answers for finetune.jsonl, one per line")
    report.set_defaults(go=_report)
    label = commands.add_parser("label", help="choose responses to judge")
    label.add_argument("dir", type=Path)
    label.add_argument("file", type=Path)
    label.add_argument("--count", type=int, default=100, help="how many, chosen at random")
    label.set_defaults(go=_label)
    test = commands.add_parser("test", help="run prompts that are there against a target")
    test.add_argument("file", type=Path, nargs="?", help="the prompts; none to go on with --run")
    test.add_argument("--config", type=Path, help="goal, target and held-out judge, limits")
    test.add_argument("--demo", action="store_true", help="the demo's simulated models")
    test.add_argument("--run", type=Path, required=True, help="directory of the test")
    test.add_argument("--n", type=int, help="responses to each prompt, in place of the config's")
    test.set_defaults(go=_test)
    versus = commands.add_parser("compare", help="two runs cell by cell")
    versus.add_argument("first", type=Path)
    versus.add_argument("second", type=Path)
    versus.add_argument("--json", type=Path, help="to this file; - for standard output alone")
    versus.set_defaults(go=_compare)
    return parser, {"run": run, "resume": resume}


def _run_parser(commands) -> Parser:
    parser = commands.add_parser(
        "run",
        help="search, test and report",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=SETTINGS + described(RedteamConfig, {"models": ("ROLE",)}),
    )
    parser.add_argument("config", type=Path, nargs="?")
    parser.add_argument("--run", type=Path, help="directory of the run; must not exist")
    parser.add_argument("--demo", action="store_true", help="simulated models, no account")
    parser.add_argument("--dry-run", action="store_true", help="price it and stop")
    parser.add_argument("--seed", type=int, help="in place of the config's")
    parser.add_argument("--trials", type=int, help="in place of the config's")
    parser.add_argument(
        "--order", choices=("trial", "arrival"),
        help="arrival tells answers as they come: faster, but another run may differ",
    )  # fmt: skip
    parser.add_argument("--redact", action="store_true", help=REDACT)
    parser.add_argument("--print-config", action="store_true", help="print it as TOML and stop")
    parser.set_defaults(go=_run)
    return parser


def _run(arguments: argparse.Namespace) -> int:
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


def _resume(arguments: argparse.Namespace) -> int:
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
    for caution in (*cautions(config), *_idle(config)):
        out.print(caution, markup=False)
    try:
        with JournalConsole() as console:
            done = run.execute(path, config, console.show, retry_failed=retry_failed)
    except KeyboardInterrupt:
        print(f"stopped. Go on with: cairn redteam resume {path}", file=sys.stderr)
        return 130
    found = figures.measure_run(done)
    report = path / _report_name(redact)
    exported = _kept(path, done) or _write(path, done, found, report, redact=redact)
    _summary(out, report, done, found, exported, redact=redact)
    if done.stopped == "finished":
        return 0
    go_on = _how_to_go_on(path, done.stopped)
    print(f"stopped: {done.stopped} Go on with: {go_on}", file=sys.stderr)
    return 1


def _idle(config: RedteamConfig) -> list[str]:
    """A line about servers whose slots will not all be used, if there are any."""
    line = config.engine.idle({role: model.slots for role, model in config.models.items()})
    return [line] if line else []


def _how_to_go_on(path: Path, stopped: str) -> str:
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


def _report(arguments: argparse.Namespace) -> int:
    with directory.RedteamRun.open(arguments.dir).reading():
        return _render(arguments)


def _render(arguments: argparse.Namespace) -> int:
    config = directory.open_run(arguments.dir)
    refusals = _answers(arguments, config)
    human = None if arguments.human is None else _verdicts(arguments.human)
    done = run.read_back(arguments.dir, config)
    found = figures.measure_run(done, human)
    target = arguments.out or arguments.dir / _report_name(arguments.redact)
    kept = _kept(arguments.dir, done)
    if kept and target.parent.resolve() == arguments.dir.resolve():
        raise RunError(f"{kept} Give --out FILE to have a report of it beside.")
    exported = _write(
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


def _verdicts(path: Path) -> dict[tuple[int, int], bool]:
    found = read_verdicts(path)
    rows = sum(bool(line.strip()) for line in path.read_text(encoding="utf-8").split("\n"))
    print(f"{path}: {len(found)} of {rows} verdicts filled in")
    return found


def _report_name(redact: bool) -> str:
    return "report-redacted.html" if redact else "report.html"


def _refusals(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--refusals {path} cannot be read: {reason(error)}.") from None
    found = tuple(line.strip() for line in lines if line.strip())
    if not found:
        raise ConfigError(f"--refusals {path} holds no line.")
    return found


def _label(arguments: argparse.Namespace) -> int:
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


def _test(arguments: argparse.Namespace) -> int:
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
        testing.write(path, done)
    print("\n".join(testing.lines(done, simulated=config.simulation is not None)))
    print(f"{path / 'results.csv'}, {path / 'responses.jsonl'}, {path / 'summary.json'}")
    if done.stopped == "finished":
        return 0
    print(
        f"stopped: {done.stopped} Raise [limits] in {path / 'config.json'}, then: "
        f"cairn redteam test --run {path}", file=sys.stderr,
    )  # fmt: skip
    return 1


def _compare(arguments: argparse.Namespace) -> int:
    paths = arguments.first, arguments.second
    first, second = (run.read_back(path, directory.open_run(path)) for path in paths)
    found = compare.compare(first, second, (str(paths[0]), str(paths[1])))
    give_json(arguments.json, compare.as_json(found))
    if str(arguments.json) != "-":
        print("\n".join(compare.lines(found)))
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


def _write(
    path: Path,
    done: run.Finished,
    found: figures.Figures,
    target: Path,
    *,
    redact: bool,
    refusals: tuple[str, ...] = REFUSALS,
) -> str:
    """Report, figures and exports; a line about the exports."""
    versions = directory.RedteamRun(path).versions
    files.write_private(target, page.render(done, found, versions, redact=redact))
    kept = _kept(path, done)
    if kept:
        return kept
    directory.write_json(path / directory.SUMMARY, summary(done, found))
    return export.write_all(path, done, redact=redact, refusals=refusals)


def _kept(path: Path, done: run.Finished) -> str:
    """Why what stands in the run's directory must stay, where it must."""
    before, now = directory.reported(path), (done.state.counts["told"], len(done.tests))
    if before > now:
        return (
            f"Report, figures and tables in {path} stay as they are: they are of {before[0]} "
            f"trials and {before[1]} tested prompts, what the journal holds now is of {now[0]} and "
            f"{now[1]}."
        )
    return "" if os.access(path, os.W_OK) else f"{path} cannot be written to."


def _print_map(out: Console, done: run.Finished, *, simulated: bool) -> None:
    """The map as a table, where it fits a terminal."""
    shares = {test.cell: share(test) for test in done.tests}
    rows = tables.grid(done, shares)
    if len(rows[0]) > 12:
        return
    what = "simulated, " if simulated else ""
    best = ", best of the other axes" if len(done.config.space.axes) > 2 else ""
    out.print(f"\nShare of unsafe fresh responses ({what}held-out judge{best})", markup=False)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        cells = "  ".join(f"{cell:>{w}}" for cell, w in zip(rest, widths[1:], strict=True))
        out.print(f"  {first:<{widths[0]}}  {cells}", markup=False)


def summary(done: run.Finished, found: figures.Figures) -> dict:
    """What summary.json holds."""
    return {
        "stopped": done.stopped,
        "archive": done.state_digest,
        "tested": len(done.tests),
        "spent": done.spent._asdict(),
        "kept": done.kept._asdict(),
        "possibly_paid_twice": done.maybe_twice,
        "ledger": [
            {
                "role": line.role,
                "spent": line.spent._asdict(),
                "kept": line.kept._asdict(),
                "possibly_paid_twice": line.maybe_twice,
            }
            for line in done.ledger
        ],
        "cautions": cautions(done.config),
        "notes": done.notes,
        # Counts alone: what an error quotes stays in the journal and the report.
        "failures": dict(done.state.failures),
        "curve": done.state.curve,
        **figures.plain(found),
    }


def _summary(
    out: Console,
    report: Path,
    done: run.Finished,
    found: figures.Figures,
    exported: str,
    *,
    redact: bool,
) -> None:
    for note in done.notes:
        out.print(note, markup=False)
    _print_map(out, done, simulated=found.simulated)
    tag = "simulated " if found.simulated else ""
    for title, rows in tables.groups(found).items():
        out.print(f"\n{title}", markup=False)
        for name, value, note in rows:
            out.print(f"  {tag}{name:<31} {value:<28} {note}", markup=False)
    out.print(
        f"\n{tables.outcomes(done)}\n{done.spent.calls} calls, {done.spent.tokens} tokens, "
        f"{money(done.spent.micros)} in money, {done.maybe_twice} possibly paid twice; "
        f"{done.seconds:.0f} s", markup=False,
    )  # fmt: skip
    for failure in tables.failures(done, redact=redact):
        out.print(f"  {failure}", markup=False)
    for line in done.ledger:
        if line.maybe_twice:
            out.print(
                f"  {line.role}: {line.maybe_twice} sends possibly paid twice, "
                f"{money(line.kept.micros)} kept for them", markup=False,
            )  # fmt: skip
    if exported:
        out.print(exported, markup=False)
    out.print(f"report: {report}", markup=False)
