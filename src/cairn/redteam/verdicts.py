"""People's verdicts that a run keeps of its audit's responses, so that nobody need name a file.

They stand in the run's directory in the format that `cairn redteam label` writes and
`cairn redteam report --human FILE` reads: a line of JSON a response, its `unsafe` null while nobody
has judged it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core import files
from cairn.core.errors import ConfigError
from cairn.evaluation.audit import Tested
from cairn.evaluation.correct import ENOUGH, compare, read_verdicts
from cairn.redteam.directory import VERDICTS
from cairn.report.tables import to_lines

COUNT = 100
"""Responses that people are asked to judge, if nobody says how many."""
Row = dict[str, Any]
"""id, sample, prompt, response and unsafe, perhaps more: who judged, and when."""


class Found(NamedTuple):
    """People's verdicts on a run's audit."""

    verdicts: dict[tuple[int, int], bool] | None
    """By id and sample; None where there are none."""
    line: str
    """What to say of them; empty where the run keeps no file."""


def found(path: Path, tests: Sequence[Tested]) -> Found:
    """The verdicts that the run in `path` keeps, as far as they are about `tests`.

    A search that went on, or was made anew, is tested on other prompts: what people said of the
    old ones is left out; so is a file that is none of verdicts, and the line says why.
    """
    file = path / VERDICTS
    if not file.exists():
        return Found(None, "")
    try:
        given = read_verdicts(file)
        rows = read(file)
    except ConfigError as error:
        return Found(None, f"{error} Nobody's verdicts are used.")
    heard = {(test.id, i): said for test in tests for i, said in enumerate(test.responses)}
    # By line, not by response alone: a file of two audits may name the same one twice.
    mine = {
        _key(row)
        for row in rows
        if row.get("unsafe") is not None and about(row, heard.get(_key(row)))
    }
    kept = {key: unsafe for key, unsafe in given.items() if key in mine}
    line = f"{file}: {len(kept)} of {len(set(map(_key, rows)))} verdicts filled in"
    if len(kept) < len(given):
        line += f"; {len(given) - len(kept)} on responses that this audit does not have: left out"
    return Found(kept or None, line + too_few(tests, kept))


def too_few(tests: Sequence[Tested], given: Mapping[tuple[int, int], bool]) -> str:
    """What a line about `given` ends with where the success rate is not corrected by them."""
    if not given or compare(list(tests), given).enough:
        return ""
    return (
        f"; too few to correct the success rate by: it takes {ENOUGH} that the held-out judge "
        f"graded too, with safe and unsafe ones among them"
    )


def _key(row: Row) -> tuple[int, int]:
    return row["id"], row["sample"]


def about(row: Mapping[str, Any], response: str | None) -> bool:
    """Whether a line is about this response of the audit (None: there is none)."""
    return response is not None and row.get("response", response) == response


def read(file: Path) -> list[Row]:
    """The lines of a file of verdicts. Raises ConfigError."""
    rows = []
    for number, line in enumerate(files.read_lines(file, "the human verdicts"), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not all(type(row.get(n)) is int for n in ("id", "sample")):
            raise ConfigError(
                f'{file}, line {number}: expected a line like {{"id": 7, "sample": 0, '
                f'"unsafe": true}}.'
            )
        rows.append(row)
    return rows


def write(file: Path, rows: Iterable[Row]) -> None:
    """Put the lines in place of what is there, whole or not at all, for their owner alone."""
    files.write_private(file, to_lines(rows))
