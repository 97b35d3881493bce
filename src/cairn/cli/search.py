"""`cairn search`: let a language model improve a program, or find its way through a puzzle."""

from importlib import import_module
from importlib.util import find_spec

from cairn.cli.flags import HELP
from cairn.core.errors import CairnError, suggest

PARTS = {
    "run": "Improve a program against a measured score, over a tree of attempts.",
    "resume": "Go on with a run that was stopped or killed.",
    "report": "The page of a run: tree, curves, operators.",
    "export": "The best program with its lineage, as a folder that runs.",
    "gym": "Compare policies on landscapes without a model.",
    "puzzles": "LLM-First Search and its rivals on Countdown and Sudoku.",
}
USAGE = """\
Search by language models: over programs that are improved, or through puzzles.

usage: cairn search PART [...]

{parts}

`cairn search PART --help` explains each.
"""


def search_command(arguments: list[str]) -> int:
    """Hand over to the part."""
    parts = {name: text for name, text in PARTS.items() if find_spec(_module(name))}
    name = arguments[0] if arguments else "--help"
    if name in HELP:
        width = max(map(len, parts))
        lines = [f"  {part:<{width}}  {text}" for part, text in parts.items()]
        print(USAGE.format(parts="\n".join(lines)), end="")
        return 0
    if name not in parts:
        raise CairnError(
            f"cairn search has no {name!r}. Expected one of {', '.join(parts)}."
            f"{suggest(name, parts)}"
        )
    return getattr(import_module(_module(name)), f"search_{name}_command")(arguments[1:])


def _module(part: str) -> str:
    return f"cairn.cli.search_{part}"
