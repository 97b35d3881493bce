"""What there is to see of a refinement, from its directory: for `cairn view`."""

from pathlib import Path

from cairn.refine.casting import task_of
from cairn.refine.directory import open_run
from cairn.refine.figures import Asked, measure
from cairn.refine.page import page
from cairn.report.parts import Notes, Page, Section, Words
from cairn.report.words import SIMULATED

SAMPLE = 1000
"""Records that are looked at while somebody waits for the page."""


def report_page(path: Path, *, redact: bool = False) -> Page:
    """The report of the run in `path`, as it stands; it shows no text in either case.

    Raises RunError for a run that cannot be read.
    """
    run, config = open_run(path)
    found = measure(path, Asked(sample=SAMPLE), task_of(config))
    return page(found, config, run.versions)


def report(path: Path, *, redact: str = "") -> list[Section]:
    """The report as sections of a page."""
    made = report_page(path)
    lines = [*([SIMULATED] if made.simulated else []), *made.notes]
    notes = [Notes(lines)] if lines else []
    return [Section("report", made.title, [*notes, Words(made.line)]), *made.sections]
