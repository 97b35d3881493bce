"""What there is to see of a search over programs, from its directory, also while it runs."""

from pathlib import Path

from cairn.report.parts import Notes, Page, Section, Words
from cairn.report.words import SIMULATED
from cairn.research import directory, figures, run
from cairn.research.page import page

TEXTS = ("nodes", "failed")
"""Sections that hold what models wrote."""


def report_page(path: Path, *, redact: bool = False) -> Page:
    """The report of the search in `path`, as it stands. Raises RunError for one that cannot be
    read."""
    done = run.read_back(path, directory.open_run(path))
    made = page(done, figures.measure(done), directory.ResearchRun(path).versions)
    if not redact:
        return made
    shown = [section for section in made.sections if section.id not in TEXTS]
    return made._replace(sections=shown, notes=[*made.notes, "Plans and programs are redacted."])


def report(path: Path, *, redact: str = "") -> list[Section]:
    """The report as sections of a page; any `redact` but an empty one leaves the texts out."""
    made = report_page(path, redact=bool(redact))
    lines = [*([SIMULATED] if made.simulated else []), *made.notes]
    notes = [Notes(lines)] if lines else []
    return [Section("report", made.title, [*notes, Words(made.line)]), *made.sections]
