"""`cairn search report`: the page of a run anew, from its journal."""

from pathlib import Path

from cairn.cli.arguments import Parser


def search_report_command(argv: list[str]) -> int:
    """Write it; its exit status."""
    parser = Parser(
        prog="cairn search report",
        description="Write report.html and summary.json anew. Makes no call, runs no program.",
    )
    parser.add_argument("dir", type=Path)
    parser.add_argument("--out", type=Path, help="the page as another file")
    arguments = parser.parse_args(argv)
    from cairn.cli import search_commands

    return search_commands.report(arguments)
