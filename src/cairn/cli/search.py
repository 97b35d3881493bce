"""`cairn search`: let a language model improve a program, or find its way through a puzzle."""

from importlib.util import find_spec

from cairn.cli.groups import hand_over

PARTS = {
    "run": "Improve a program against a measured score, over a tree of attempts.",
    "resume": "Go on with a run that was stopped or killed.",
    "report": "The page of a run: tree, curves, operators.",
    "export": "The best program with its lineage, as a folder that runs.",
    "gym": "Compare policies on landscapes without a model.",
    "planning": "Learn when a plan is worth its words, with a small transformer.",
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
    parts = {name: text for name, text in PARTS.items() if find_spec(f"cairn.cli.search_{name}")}
    return hand_over("search", parts, USAGE, arguments)
