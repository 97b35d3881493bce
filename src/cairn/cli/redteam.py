"""`cairn redteam`: search for prompts that break a model, test them, and report. Its arguments.

The commands, and all that they need, are imported once one is called: help and a mistake in the
arguments wait for nothing.
"""

import argparse
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from cairn.cli.arguments import Parser
from cairn.cli.main import leaving_at_once
from cairn.core.overrides import described, split
from cairn.lm.shared import DEFAULT
from cairn.redteam.config import RedteamConfig
from cairn.redteam.directory import ROLES
from cairn.redteam.verdicts import COUNT

CONFIGS = Path(__file__).parents[1] / "redteam" / "configs"
DEMO = CONFIGS / "demo.toml"
ABOUT = """\
Find what a language model gets wrong: a map of categories with the strongest prompt per cell.

  cairn redteam run --demo                 simulated models, no account, under a minute
  cairn redteam run CONFIG --dry-run       what it would cost, without sending anything
  cairn redteam run CONFIG --run DIR       search, test the elites, write the report
  cairn redteam resume DIR                 go on after a kill, a failure or a limit
  cairn redteam report DIR [--redact]      the report anew, from the journal
  cairn redteam label DIR FILE             write fresh responses for people to judge (or do it
                                           in `cairn view`)
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
    with leaving_at_once():
        commands = import_module("cairn.cli.redteam_commands")
    return getattr(commands, arguments.go)(arguments)


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
    resume.set_defaults(go="resume")
    report = commands.add_parser("report", help="write the report anew")
    report.add_argument("dir", type=Path)
    report.add_argument("--redact", action="store_true", help=REDACT)
    report.add_argument(
        "--human", type=Path, metavar="FILE",
        help="people's verdicts, JSON lines; left out: those given in `cairn view`, which the run "
        "keeps in DIR/verdicts.jsonl",
    )  # fmt: skip
    report.add_argument("--out", type=Path, help="where to; default DIR/report.html")
    report.add_argument("--parquet", type=Path, help="write the archive as Parquet as well")
    report.add_argument("--refusals", type=Path, help="answers for finetune.jsonl, one per line")
    report.set_defaults(go="report")
    label = commands.add_parser("label", help="choose responses to judge")
    label.add_argument("dir", type=Path)
    label.add_argument("file", type=Path)
    label.add_argument("--count", type=int, default=COUNT, help="how many, chosen at random")
    label.set_defaults(go="label")
    test = commands.add_parser("test", help="run prompts that are there against a target")
    test.add_argument("file", type=Path, nargs="?", help="the prompts; none to go on with --run")
    test.add_argument("--config", type=Path, help="goal, target and held-out judge, limits")
    test.add_argument("--demo", action="store_true", help="the demo's simulated models")
    test.add_argument("--run", type=Path, required=True, help="directory of the test")
    test.add_argument("--n", type=int, help="responses to each prompt, in place of the config's")
    test.set_defaults(go="test")
    versus = commands.add_parser("compare", help="two runs cell by cell")
    versus.add_argument("first", type=Path)
    versus.add_argument("second", type=Path)
    versus.add_argument("--json", type=Path, help="to this file; - for standard output alone")
    versus.set_defaults(go="compare")
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
    parser.set_defaults(go="begin")
    return parser
