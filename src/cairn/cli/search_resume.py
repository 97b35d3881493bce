"""`cairn search resume`: go on with a run. Its arguments."""

from importlib import import_module
from pathlib import Path

from cairn.cli.arguments import Parser, positive
from cairn.cli.main import leaving_at_once
from cairn.core.overrides import split
from cairn.lm.shared import DEFAULT
from cairn.research.config import ROLES, ResearchConfig

LIMITS = {"calls": int, "tokens": int, "money": float, "wall_s": float}
"""Limits that a resume may raise, with their types."""


def search_resume_command(argv: list[str]) -> int:
    """Go on with a run; its exit status."""
    parser = Parser(prog="cairn search resume", description="Go on after a kill or a limit.")
    parser.add_argument("dir", type=Path)
    parser.add_argument("--trials", type=positive, help="more nodes than the run was to have")
    parser.add_argument("--workers", type=positive, help="how many are evaluated at a time")
    for name, kind in LIMITS.items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, help="a new limit in place of the config's")
    changes, words = split(argv, ResearchConfig, {"models": (*ROLES, DEFAULT)}, parser.flags)
    arguments = parser.parse_args(words)
    arguments.changes = changes
    with leaving_at_once():
        commands = import_module("cairn.cli.search_commands")
    return commands.resume(arguments)
