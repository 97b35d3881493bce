"""`cairn search export`: the best program of a run, with its lineage, as a folder that runs."""

from pathlib import Path

from cairn.cli.arguments import Parser


def search_export_command(argv: list[str]) -> int:
    """Write the folder; its exit status."""
    parser = Parser(
        prog="cairn search export",
        description="The chosen program, all it descends from, and how to score it again.",
    )
    parser.add_argument("dir", type=Path)
    parser.add_argument("folder", type=Path, help="must not exist")
    parser.add_argument("--node", type=int, help="another node than the chosen one")
    arguments = parser.parse_args(argv)
    from cairn.cli import search_commands

    return search_commands.export(arguments)
