"""What `cairn audit`, `regret`, `progress` and `behaviour` share: a long look that a run keeps."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar, get_type_hints

from rich.console import Console

from cairn.cli import flags
from cairn.cli.testing import Watch, check_json, give_json, picture, run_paths
from cairn.runs.open import Run, open_run

Asked = TypeVar("Asked")
Report = dict[str, Any]


def look(
    command: str,
    arguments: list[str],
    usage: str,
    default: Asked,
    watch: Watch,
    measure: Callable[[Run, Asked, Watch], Report],
    show: Callable[[Report, Console], None],
) -> int:
    """Measure a run, keep the result in RUN/COMMAND.json with its picture, print tables or JSON.

    `default` holds the flags as they are if not given; its `json` is where the result goes besides.
    """
    (path,), given = run_paths(command, 1, arguments, usage)
    kind = type(default)
    asked: Any = flags.parse(
        kind, given, get_type_hints(kind), default=default, prog=f"cairn {command} RUN"
    )
    run = open_run(path)
    check_json(asked.json, [run])
    with watch:
        report = measure(run, asked, watch)
    draw = import_module(f"cairn.show.{command}_sheet").draw  # Matplotlib, after the work
    run.directory.keep(command, report)
    drawn = picture(report, run.directory, command, draw)
    give_json(asked.json, report)
    if str(asked.json) != "-":
        show(report, Console(file=sys.stdout))
        print(drawn, flush=True)
    return 0
