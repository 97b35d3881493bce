"""`cairn search resume`: go on with a run. Its arguments."""

import argparse
from importlib import import_module
from pathlib import Path

from cairn.cli.arguments import Parser, positive
from cairn.cli.main import leaving_at_once
from cairn.core.overrides import described, split
from cairn.lm.shared import DEFAULT
from cairn.research.config import ROLES, ResearchConfig

ABOUT = """\
Go on after a kill or a limit. What was paid for is not paid again.

  cairn search resume DIR                          to the end that the run was to have
  cairn search resume DIR --trials 200             to 200 nodes in all
  cairn search resume DIR --tokens 2000000         with a higher limit, of the whole run
"""
MORE = """\
Settings may be changed by flags as in cairn search run, as far as the tree does not hang on them
(limits, programs, selection, engine.workers); others are refused. ROLE is researcher, default, or
a role that [asking.roles] names:

"""
LIMITS = {"calls": int, "tokens": int, "money": float, "wall_s": float}
"""Limits that a resume may raise, with their types."""


def search_resume_command(argv: list[str]) -> int:
    """Go on with a run; its exit status."""
    parser = Parser(
        prog="cairn search resume", description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=MORE + described(ResearchConfig, {"models": ("ROLE",)}),
    )  # fmt: skip
    parser.add_argument("dir", type=Path)
    parser.add_argument("--trials", type=positive,
                        help="nodes in all, those there are among them")  # fmt: skip
    parser.add_argument("--workers", type=positive, help="how many are evaluated at a time")
    for name, kind in LIMITS.items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(
            flag, type=kind, help="a new limit of the whole run, in place of the config's"
        )
    changes, words = split(argv, ResearchConfig, {"models": (*ROLES, DEFAULT)}, parser.flags)
    arguments = parser.parse_args(words)
    arguments.changes = changes
    with leaving_at_once():
        commands = import_module("cairn.cli.search_commands")
    return commands.resume(arguments)
