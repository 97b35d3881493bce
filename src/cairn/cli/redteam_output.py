"""What `cairn redteam` leaves of a run: report, figures and tables in files, a summary on the
screen."""

import os
from pathlib import Path

from rich.console import Console

from cairn.core import files, typed
from cairn.evaluation.audit import share
from cairn.redteam import directory, export, figures, page, run, tables
from cairn.redteam.cautions import cautions
from cairn.report.chat import REFUSALS
from cairn.report.render import document
from cairn.report.words import money


def report_name(redact: bool) -> str:
    """What a report is called in the run's directory."""
    return "report-redacted.html" if redact else "report.html"


def write(
    path: Path,
    done: run.Finished,
    found: figures.Figures,
    target: Path,
    *,
    redact: bool,
    refusals: tuple[str, ...] = REFUSALS,
) -> str:
    """Report, figures and exports; a line about the exports."""
    versions = directory.RedteamRun(path).versions
    files.write_private(target, document(page.page(done, found, versions, redact=redact)))
    reason = kept(path, done)
    if reason:
        return reason
    directory.write_json(path / directory.SUMMARY, record(done, found))
    return export.write_all(path, done, redact=redact, refusals=refusals)


def kept(path: Path, done: run.Finished) -> str:
    """Why what stands in the run's directory must stay, where it must."""
    before, now = directory.reported(path), (done.state.counts["told"], len(done.tests))
    if before > now:
        return (
            f"Report, figures and tables in {path} stay as they are: they are of {before[0]} "
            f"trials and {before[1]} tested prompts, what the journal holds now is of {now[0]} and "
            f"{now[1]}."
        )
    return "" if os.access(path, os.W_OK) else f"{path} cannot be written to."


def _print_map(out: Console, done: run.Finished, *, simulated: bool) -> None:
    """The map as a table, where it fits a terminal."""
    shares = {test.cell: share(test) for test in done.tests}
    rows = tables.grid(done, shares)
    if len(rows[0]) > 12:
        return
    what = "simulated, " if simulated else ""
    best = ", best of the other axes" if len(done.config.space.axes) > 2 else ""
    out.print(f"\nShare of unsafe fresh responses ({what}held-out judge{best})", markup=False)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        cells = "  ".join(f"{cell:>{w}}" for cell, w in zip(rest, widths[1:], strict=True))
        out.print(f"  {first:<{widths[0]}}  {cells}", markup=False)


def record(done: run.Finished, found: figures.Figures) -> dict:
    """What summary.json holds."""
    return {
        "stopped": done.stopped,
        "archive": done.state_digest,
        "tested": len(done.tests),
        "spent": done.spent._asdict(),
        "kept": done.kept._asdict(),
        "possibly_paid_twice": done.maybe_twice,
        "ledger": [
            {
                "role": line.role,
                "spent": line.spent._asdict(),
                "kept": line.kept._asdict(),
                "possibly_paid_twice": line.maybe_twice,
            }
            for line in done.ledger
        ],
        "cautions": cautions(done.config),
        "notes": done.notes,
        # Counts alone: what an error quotes stays in the journal and the report.
        "failures": dict(done.state.failures),
        "curve": done.state.curve,
        **typed.record(found),
    }


def summary(
    out: Console,
    report: Path,
    done: run.Finished,
    found: figures.Figures,
    exported: str,
    *,
    redact: bool,
) -> None:
    """Print what a run came to."""
    for note in done.notes:
        out.print(note, markup=False)
    _print_map(out, done, simulated=found.simulated)
    tag = "simulated " if found.simulated else ""
    for title, rows in tables.groups(found).items():
        out.print(f"\n{title}", markup=False)
        for name, value, note in rows:
            out.print(f"  {tag}{name:<31} {value:<28} {note}", markup=False)
    out.print(
        f"\n{tables.outcomes(done)}\n{done.spent.calls} calls, {done.spent.tokens} tokens, "
        f"{money(done.spent.micros)} in money, {done.maybe_twice} possibly paid twice; "
        f"{done.seconds:.0f} s", markup=False,
    )  # fmt: skip
    for failure in tables.failures(done, redact=redact):
        out.print(f"  {failure}", markup=False)
    for line in done.ledger:
        if line.maybe_twice:
            out.print(
                f"  {line.role}: {line.maybe_twice} sends possibly paid twice, "
                f"{money(line.kept.micros)} kept for them", markup=False,
            )  # fmt: skip
    if exported:
        out.print(exported, markup=False)
    out.print(f"report: {report}", markup=False)
