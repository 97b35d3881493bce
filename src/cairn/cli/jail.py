"""`cairn jail`: run a program that nobody has read."""

import json
import sys
from pathlib import Path

from cairn.cli.arguments import Parser
from cairn.core.errors import CairnError
from cairn.core.redact import printable
from cairn.jail import Limits, Outcome, run, tier
from cairn.jail.probe import TIERS

USAGE = """\
Run a program in the jail, as wings run what a model wrote.

usage: cairn jail run FILE [ARGS ...] [flags]

  cairn jail run program.py               under the strongest tier that this machine has
  cairn jail run program.py --tier 1      in that tier, or not at all
  cairn jail run program.py --json        what became of it, as one JSON object

`cairn jail run --help` explains the flags, docs/jail.md what each tier holds.
"""
FLAGS = {
    "seconds": ("seconds", "time"),
    "cpu-seconds": ("cpu_seconds", "processor time of all its processes (twice the time)"),
    "memory": ("memory_mb", "memory of all its processes, MiB"),
    "processes": ("processes", "processes and threads"),
    "disk": ("disk_mb", "what its work folder may hold, MiB"),
    "output": ("output_kb", "what is kept of stdout, and of stderr, KiB"),
    "open-files": ("open_files", "open files of one process"),
}


def jail_command(arguments: list[str]) -> int:
    """Hand over to the only part."""
    if not arguments or arguments[0] in ("--help", "-h"):
        print(USAGE, end="")
        return 0
    if arguments[0] != "run":
        raise CairnError(f"cairn jail has no {arguments[0]!r}. Expected run.")
    return _run(arguments[1:])


def _run(arguments: list[str]) -> int:
    parser = Parser(
        prog="cairn jail run",
        description="Run a Python program in the jail. Exit status: 0 if it ended well, 1 if it "
        "did not, 2 if it could not be run. Words for it that begin with - come behind --. Its "
        "standard input is empty but for --stdin.",
    )
    parser.add_argument("file", type=Path, help="a Python program")
    parser.add_argument("args", nargs="*", help="words for the program")
    parser.add_argument("--tier", type=int, choices=TIERS, help="that tier, or no run at all")
    for flag, (field, text) in FLAGS.items():
        default = Limits._field_defaults[field]
        kind = float if field.endswith("seconds") else int
        shown = "" if default is None else f" ({default:g})"
        parser.add_argument(f"--{flag}", type=kind, default=default, dest=field, help=text + shown)
    parser.add_argument("--stdin", type=Path, metavar="FILE", help="what it reads; - for this one")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    given = parser.parse_intermixed_args(arguments)
    if not given.file.is_file():
        raise CairnError(f"{given.file} is no file: name a Python program.")
    limits = Limits(**{field: getattr(given, field) for field, _ in FLAGS.values()})
    name = given.file.name
    found = run(["python", name, *given.args], files={name: given.file}, limits=limits,
                tier=given.tier, stdin=_stdin(given.stdin))  # fmt: skip
    if given.json:
        print(json.dumps({k: v for k, v in found._asdict().items() if k != "files"}, indent=2))
    else:
        _print(found)
    return 2 if found.kind == "jail_error" else int(found.kind != "ok")


def _stdin(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise CairnError(f"--stdin {path} cannot be read: {error.strerror}.") from None


def _print(found: Outcome) -> None:
    """Output to output, errors to errors, without what would steer the terminal; then a line."""
    print(printable(found.stdout), end="", flush=True)
    print(printable(found.stderr), end="", file=sys.stderr)
    reason = f" ({found.reason})" if found.reason else ""
    if found.kind == "jail_error":
        raise CairnError(f"The program was not run in tier {found.tier}: {found.reason}.")
    print(
        f"jail: {found.kind}{reason}, tier {found.tier}, {found.seconds:.2f} s, "
        f"{found.cpu_seconds:.2f} s of processor time, {found.peak_mb:.0f} MiB",
        file=sys.stderr,
    )


def described() -> str:
    """The machine's tier in a line, and why it is not a higher one."""
    found = tier()
    why = "; ".join(f"not {number}: {reason}" for number, reason in found.why_not.items())
    name = TIERS.get(found.tier, "none works here")
    lacking = f" without {' and '.join(found.lacking)}" if found.lacking else ""
    return f"tier {found.tier}, {name}{lacking}; {why}".rstrip("; ")
