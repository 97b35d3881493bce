"""`cairn search run`: improve a program against a measured score. Its arguments."""

import argparse
from importlib import import_module
from pathlib import Path

from cairn.cli.arguments import Parser, positive
from cairn.cli.main import leaving_at_once
from cairn.core.overrides import described, split
from cairn.lm.shared import DEFAULT
from cairn.research.config import ROLES, ResearchConfig

ABOUT = """\
Let a language model improve a program, a prompt or a config against a measured score. Every answer
and every evaluation is journaled: a run that is killed goes on where it stood.

  cairn search run --demo                          a scripted researcher, no account, half a minute
  cairn search run friedman --demo --policy aide   the same on a shipped task
  cairn search run circles-6 --policy greedy --run DIR --models.researcher.model my-model \\
      --models.researcher.base-url http://127.0.0.1:8000/v1 --models.researcher.max-tokens 8000
  cairn search run CONFIG --run DIR                all settings in a TOML file
  cairn search run my_tasks/one --policy mypkg.mod:Mine --run DIR ...

TASK|CONFIG is a shipped task ({tasks}), a task folder, your own as package.module:Name, or a TOML
file with the field `task`.
"""
MORE = """\
Every setting of CONFIG is a flag too; ROLE is researcher, default, or a role that [asking.roles]
names:

"""
KEYS = {"models": (*ROLES, DEFAULT)}


def search_run_command(argv: list[str]) -> int:
    """Begin a run; its exit status."""
    parser = _parser()
    changes, words = split(argv, ResearchConfig, KEYS, parser.flags)
    arguments = parser.parse_args(words)
    arguments.changes = changes
    with leaving_at_once():
        commands = import_module("cairn.cli.search_commands")
    return commands.begin(arguments)


def _parser() -> Parser:
    from cairn.research.problems import PROBLEMS, shipped

    parser = Parser(
        prog="cairn search run",
        description=ABOUT.format(tasks=", ".join((*PROBLEMS, *shipped()))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=MORE + described(ResearchConfig, {"models": ("ROLE",)}),
    )
    parser.add_argument("what", nargs="?", metavar="TASK|CONFIG")
    parser.add_argument("--demo", action="store_true",
                        help="a scripted researcher (simulated) and no model: on its own task, or "
                        "on the shipped TASK")  # fmt: skip
    parser.add_argument("--run", type=Path, help="directory of the run; must not exist")
    parser.add_argument("--policy", help="in place of the config's: where the search goes on")
    parser.add_argument("--trials", type=positive, help="nodes of the tree")
    parser.add_argument("--workers", type=positive, help="how many are evaluated at a time")
    parser.add_argument("--seed", type=int, help="in place of the config's")
    parser.add_argument("--print-config", action="store_true", help="print it as TOML and stop")
    return parser
