"""`cairn refine purge`: remove from a run whatever may hold text of its source."""

import argparse
from pathlib import Path

from cairn.cli.arguments import Parser

ABOUT = """\
Remove from RUN what may hold text of the source: answers of shards that were open when it stopped
(an answer may repeat what it was to leave out), a traceback, a report that shows the source. The
run can be gone on with: what was removed is asked for, and paid for, again. Input and output are
not touched.
"""


def refine_purge_command(argv: list[str]) -> int:
    """Remove it; the exit status."""
    parser = Parser(
        prog="cairn refine purge",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path)
    parser.add_argument(
        "--parts", action="store_true",
        help="accepted rows that the run keeps for a retry as well: it cannot be tried again then",
    )  # fmt: skip
    arguments = parser.parse_args(argv)
    from cairn.refine.directory import purge

    gone = purge(arguments.run, everything=arguments.parts)
    print(f"{arguments.run}: " + (f"removed {', '.join(gone)}" if gone else "nothing to remove"))
    return 0
