"""`cairn digest`: equal digests mean the same run, bit for bit."""

import argparse
from pathlib import Path

from cairn.cli.arguments import Parser
from cairn.runs.digest import digest

ABOUT = """\
Print one hash over everything that resuming a run must preserve: the state in its newest
checkpoint (every byte verified), the metrics and the lineage up to it, and the settings. Clock
times and versions do not count. Two runs with equal digests are the same run, bit for bit.
"""


def digest_command(arguments: list[str]) -> int:
    """Print the digest of each run given."""
    parser = Parser(
        prog="cairn digest",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, nargs="+", help="directory of a run")
    for run in parser.parse_args(arguments).run:
        print(f"{digest(run)}  {run}", flush=True)
    return 0
