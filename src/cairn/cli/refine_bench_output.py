"""What `cairn refine bench` prints: a table of detectors, one of rewriters, injected and found."""

import sys

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from cairn.cli.testing import between
from cairn.core.stats import Rate
from cairn.refine.bench import Benchmark
from cairn.refine.made.records import CANARIES
from cairn.refine.scoring import ANY, IOU

LEGEND = """\
out: documents that came out. leak: private values that stand in them.
docs: documents with a leak. prec.: edited words that were private.
edited: words outside that were changed. public: strings to keep that were kept.
"""


def show(bench: Benchmark) -> None:
    """All tables."""
    console = Console(file=sys.stdout)
    spans = sum(len(record.spans) for record in bench.records)
    print(f"{len(bench.records):,} documents, {spans:,} private spans; 95 % intervals\n")
    if bench.detectors:
        print(f"What detectors find (overlap of characters at least {IOU})")
        console.print(_detectors(bench))
    if bench.rewriters:
        print("What becomes of the documents")
        console.print(_rewriters(bench))
        print(LEGEND)
    if any(score.canaries for score in bench.rewriters.values()):
        print("Canaries that did not survive, by level of obfuscation")
        console.print(_canaries(bench))
    for name, injected in bench.errors.items():
        print(f"{name}: errors that were injected, and found")
        console.print(_injected(bench, name, injected))


def _table(*columns: str) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=0)  # fits into 80 columns
    table.add_column("", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _detectors(bench: Benchmark) -> Table:
    table = _table("spans", "recall", "95%", "precision", "95%", "F2")
    for name, score in bench.detectors.items():
        for row in score.kinds:
            label = name if row.kind == ANY else f"  {row.kind}"
            table.add_row(
                label, f"{row.labelled:,}", *_with_interval(row.recall),
                *_with_interval(row.precision), _share(row.f2),
            )  # fmt: skip
    return table


def _rewriters(bench: Benchmark) -> Table:
    table = _table("out", "leak", "95%", "docs", "prec.", "edited", "public")
    for name, score in bench.rewriters.items():
        table.add_row(
            name, _share(score.outcomes["out"]), *_with_interval(score.leaks[ANY]),
            _share(score.leaking), _share(score.precision), _share(score.over_edited),
            _share(score.public_kept),
        )  # fmt: skip
    return table


def _canaries(bench: Benchmark) -> Table:
    table = _table(*CANARIES)
    for name, score in bench.rewriters.items():
        levels = range(len(CANARIES))
        table.add_row(
            name, *(_share(score.canaries[n]) if n in score.canaries else "-" for n in levels)
        )
    return table


def _injected(bench: Benchmark, name: str, injected) -> Table:
    score = bench.rewriters[name]
    found = {
        "leak": score.leaks[ANY],
        "over": score.over_edited,
        "refuse": score.outcomes["refused"],
        "invent": score.added,
        "cut": score.outcomes["cut"],
    }
    table = _table("injected", "found", "95%")
    for error, value in injected.items():
        # A text that is refused is not cut.
        given = value * (1 - injected["refuse"]) if error == "cut" else value
        table.add_row(error, f"{given:.3f}", *_with_interval(found[error]))
    return table


def _with_interval(rate: Rate) -> tuple[str, str]:
    if rate.value is None:
        return "-", "-"
    return f"{rate.value:.3f}", between((rate.low, rate.high))


def _share(rate: Rate) -> str:
    return "-" if rate.value is None else f"{rate.value:.3f}"
