"""`cairn redteam` in a process to be killed: what benchmarks/verify/redteam_kills.py starts."""

import sys

from cairn.cli import redteam_commands  # noqa: F401  which a command imports once it is called
from cairn.cli.redteam import redteam_command

if __name__ == "__main__":
    sys.exit(redteam_command(sys.argv[1:]))
