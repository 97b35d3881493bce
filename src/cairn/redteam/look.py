"""What there is to see of a red-teaming run or a test of prompts, from its directory."""

from dataclasses import replace
from pathlib import Path

from cairn.redteam import directory, figures, page, run, testing, testing_page, verdicts
from cairn.report.parts import Notes, Page, Section, Words
from cairn.report.tables import redacted
from cairn.report.words import SIMULATED


def report_page(path: Path, *, redact: bool = False) -> Page:
    """The report of the run in `path`, as it stands, with people's verdicts if it keeps any.

    Raises RunError for a run that cannot be read.
    """
    done = run.read_back(path, directory.open_run(path))
    people = verdicts.found(path, done.tests)
    found = figures.measure_run(done, people.verdicts)
    made = page.page(done, found, directory.RedteamRun(path).versions, redact=redact)
    # A page may be handed on: it names nothing of the machine that it was made on.
    line = people.line.replace(str(path / directory.VERDICTS), directory.VERDICTS)
    return made._replace(notes=[*made.notes, *filter(None, [line])])


def tested_page(path: Path, *, redact: bool = False) -> Page:
    """The page of the test of prompts in `path`. Without its texts there would be nothing of it."""
    config, given = testing.open_test(path)
    done = testing.read_back(path, config, given)
    if redact:
        done = replace(done, failures=tuple(map(redacted, done.failures)))
    made = testing_page.page(done, config, testing.TestRun(path).versions)
    if not redact:
        return made
    shown = [section for section in made.sections if section.id not in ("prompts", "made")]
    return made._replace(sections=shown, notes=["Prompts and responses are redacted."])


def report(path: Path, *, redact: str = "") -> list[Section]:
    """The report as sections of a page; any `redact` but an empty one leaves the texts out."""
    return _sections(report_page(path, redact=bool(redact)))


def tested(path: Path, *, redact: str = "") -> list[Section]:
    """The test as sections of a page; `redact` as in `report`."""
    return _sections(tested_page(path, redact=bool(redact)))


def _sections(made: Page) -> list[Section]:
    """What a page says before its sections is a section of its own here."""
    lines = [*([SIMULATED] if made.simulated else []), *made.notes]
    notes = [Notes(lines)] if lines else []
    return [Section("report", made.title, [*notes, Words(made.line)]), *made.sections]
