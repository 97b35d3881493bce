"""What there is to see of a refinement, from its directory: for `cairn view`."""

from pathlib import Path
from typing import Any

from cairn.core.directory import read_object
from cairn.refine.casting import task_of
from cairn.refine.directory import SUMMARY, open_run
from cairn.refine.distill.directory import TOLD, DistilledRun
from cairn.refine.figures import Asked, measure
from cairn.refine.page import page
from cairn.report.parts import Figures, Notes, Page, Section, Table, Words
from cairn.report.words import SIMULATED, Row

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


def distilled(path: Path, *, redact: str = "") -> list[Section]:
    """What the small refiner in `path` is; of one in training, nothing yet."""
    if not (path / TOLD).is_file():
        return []
    told = DistilledRun.open(path).finished()
    rows = [
        Row("parameters", f"{told['parameters']:,}", ""),
        Row("texts", f"{told['texts']:,}", "that it learned from"),
        Row("removed", f"{told['removed']:,}", "stretches of them, by its teacher"),
        Row("threshold", f"{told['threshold']:.3f}", "chance from which a word goes"),
        Row("seconds", f"{told['seconds']:,.0f}", "of training, in its last session"),
    ]
    kinds = Words(f"It knows: {', '.join(told['kinds'])}.")
    return [Section("distilled", "The small refiner", [Figures(rows), kinds])]


def synthesized(path: Path, *, redact: str = "") -> list[Section]:
    """What a synthetic set came to, as its last session left it."""
    if not (path / SUMMARY).is_file():
        return []
    told = read_object(path / SUMMARY)
    notes: list[Any] = [Notes([SIMULATED])] if is_simulated(path) else []
    rows = [
        Row(name, "–" if told.get(name) is None else f"{told[name]:,}", what)
        for name, what in (
            ("seeds", "of the source"), ("written", "questions, before any was dropped"),
            ("learned", "in the half to learn from"), ("kept", "of the other, curated"),
        )
    ]  # fmt: skip
    counts = [
        (stage, name, number)
        for stage, its in told.get("funnel", {}).items()
        for name, number in sorted(its.items())
    ]
    table = Table(("stage", "what became of it", "questions"), counts, name="funnel")
    return [Section("synthesized", "What came of it", [*notes, Figures(rows), table])]


def is_simulated(path: Path) -> bool:
    """Whether a run's config says that its models are made up."""
    return read_object(path / "config.json").get("simulation") is not None
