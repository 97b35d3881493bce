"""`cairn refine export`: the output of a run as a dataset in Hugging Face's layout."""

import argparse
from pathlib import Path

from cairn.cli.arguments import Parser
from cairn.core.errors import ConfigError

ABOUT = """\
Write the output of RUN to FOLDER as Parquet files with a card (README.md), so that
`datasets.load_dataset(FOLDER)` loads it and the folder can be uploaded as it is. Give
`cairn refine report RUN` first: the card then says what leaks were found.
"""


def refine_export_command(argv: list[str]) -> int:
    """Write it; the exit status."""
    parser = Parser(
        prog="cairn refine export",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("run", type=Path)
    add("folder", type=Path)
    add("--name", help="of the dataset; default the folder's")
    add("--license", help="of the dataset, as the Hub names it: cc-by-4.0")
    add("--rows", type=int, default=100_000, help="rows of a Parquet file; 100000")
    arguments = parser.parse_args(argv)
    if arguments.rows < 1:
        raise ConfigError(f"--rows must be at least 1, got {arguments.rows}.")
    from cairn.refine.hub import export

    count = export(
        arguments.run, arguments.folder, name=arguments.name, license=arguments.license,
        rows=arguments.rows,
    )  # fmt: skip
    print(f"{arguments.folder}: {count:,} rows")
    return 0
