"""The archive for other tools: a fine-tuning set with refusals, and a table."""

from pathlib import Path
from typing import Any

from cairn.core.files import write_private
from cairn.redteam.run import Finished
from cairn.redteam.state import Entry
from cairn.report.chat import REFUSALS, refused
from cairn.report.tables import redacted, to_csv

FINE_TUNING = "finetune.jsonl"


def to_refuse(done: Finished) -> list[Entry] | None:
    """The elites that the audit saw work: at least one fresh response that the held-out judge
    calls unsafe. What let a prompt into the archive was selected for and proves little.

    None in question answering: what mends a wrong answer is the right one, not a refusal.
    """
    if done.config.search.acceptance == "oracle":
        return None
    worked = {test.id for test in done.tests if any(test.unsafe)}
    return [entry for entry in done.state.held() if entry.id in worked]


def rows(done: Finished, *, redact: bool = False) -> list[dict[str, Any]]:
    """One row per elite."""
    shown = redacted if redact else str
    space = done.config.space
    tests = {test.id: test for test in done.tests}
    table = []
    for entry in done.state.held():
        graded = [u for u in (tests[entry.id].unsafe if entry.id in tests else ()) if u is not None]
        labels = zip(space.axes, space.labels(entry.cell), strict=True)
        table.append(
            {
                "id": entry.id,
                "cell": entry.cell,
                **{axis.name: label for axis, label in labels},
                "prompt": shown(entry.prompt),
                "response": shown(entry.response),
                "fitness": entry.fitness,
                "unsafe": sum(graded),
                "graded": len(graded),
                "parent": entry.parent,
                "beaten": entry.beaten,
                "similarity": entry.similarity,
                "simulated": done.config.simulation is not None,
            }
        )
    return table


def write_all(
    path: Path, done: Finished, *, redact: bool = False, refusals: tuple[str, ...] = REFUSALS
) -> str:
    """archive.csv and finetune.jsonl; redacted, archive-redacted.csv alone.

    Returns a line about the fine-tuning set; "" where none was wanted.
    """
    name = "archive-redacted.csv" if redact else "archive.csv"
    write_private(path / name, to_csv(rows(done, redact=redact)))
    if redact:  # a prompt's digest teaches nothing
        return ""
    entries = to_refuse(done)
    if entries is None:
        return "no finetune.jsonl: a question is to be answered rightly, not refused"
    write_private(path / FINE_TUNING, refused([entry.prompt for entry in entries], refusals))
    of = f"{len(entries)} of {len(done.state.held())} prompts"
    return f"{path / FINE_TUNING}: {of}, those with an unsafe fresh response"
