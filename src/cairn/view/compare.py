"""Several runs side by side: what they reached for what they spent, and how they were set.

Curves share a chart where they count the same, a setting that differs is listed before those that
do not, and differences are taken at equal spend. Nothing is trained or tested anew for it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from cairn.core import counts
from cairn.core.console import count
from cairn.core.errors import ConfigError
from cairn.report.data import Chart, Line
from cairn.report.parts import Link, Notes, Part, Section, Table, Words
from cairn.report.words import listed
from cairn.show.charts import charts
from cairn.view.compare_tables import between, figures, settings
from cairn.view.differences import Difference, differences, measured, seeds_of
from cairn.view.facts import guarded
from cairn.view.lines import Lines
from cairn.view.rows import Row
from cairn.view.summaries import FEW, Summary, within

APART = 3
"""Times as much as another that a run may have spent before curves are offered cut."""
MOST = 12
"""Runs side by side."""
Rows = Callable[[Summary], Sequence[Row]]
"""The lines of a run's metrics."""


def compare(
    runs: Sequence[Summary], rows: Rows | None = None, *, cut: bool = False
) -> list[Section]:
    """What there is to say of several runs together, as sections of a page; the first is what the
    others are compared to. `cut`: curves end where the shortest does.

    `rows` gives the lines of a run's metrics, where somebody has read them already. Raises
    ConfigError for fewer than two runs, more than `MOST`, or the same one twice.
    """
    names = [run.name for run in runs]
    if not 2 <= len(runs) <= MOST or len(set(names)) < len(names):
        raise ConfigError(
            f"compare takes two to {MOST} different runs, got {len(names)}"
            f"{' with one of them twice' if len(set(names)) < len(names) else ''}. Choose them in "
            f"the list of runs."
        )
    read = {run.name: list((rows or _rows)(run)) for run in runs if run.kind == "compiled"}
    begun = [run for run in runs if read.get(run.name)]
    kinds = _by_unit(begun)

    def curved(number: int, unit: str) -> list[Part]:
        read_here = {run.name: read[run.name] for run in kinds[unit]}
        said: list[Part] = [Words(_apart(kinds), "note")] if number == 0 < len(kinds) - 1 else []
        return [*said, *_range(read_here, unit, runs, cut)]

    made: list[tuple[str, str, Callable[[], Sequence[Part]]]]
    made = [("runs", "The runs", partial(_told, runs))]
    for number, unit in enumerate(kinds):
        name = "curves" if number == 0 else f"curves-{number + 1}"
        made.append((name, f"Over {unit}", partial(curved, number, unit)))
    if len(begun) > 1:
        made.append(("differences", "At equal spend", partial(_differences, begun, read)))
    red = [run for run in runs if run.command.startswith("cairn redteam")]
    if len(red) > 1:
        made.append(("figures", "Red-teaming figures", partial(figures, red)))
    made.append(("settings", "Settings", partial(settings, runs)))
    # What is odd in one run's lines costs its section, not the page.
    return [
        guarded(name, title, partial(_section, name, title, parts)) for name, title, parts in made
    ]


def _section(name: str, title: str, parts: Callable[[], Sequence[Part]]) -> Section:
    return Section(name, title, parts())


def curves(read: Mapping[str, Sequence[Row]], unit: str) -> list[Chart]:
    """A chart for each figure that two of the runs have, or the only one, with a line of each.

    A line is the mean over seeds with its interval.
    """
    found: dict[str, list[Line]] = {}
    shares: dict[str, bool] = {}
    for name, rows in read.items():
        for chart in charts(list(rows)):
            for line in chart.lines:
                title = chart.title if len(chart.lines) == 1 else f"{chart.title}, {line.label}"
                found.setdefault(title, []).append(line._replace(label=name))
                shares[title] = chart.share
    least = min(len(read), 2)
    return [
        Chart(title, tuple(lines), shares[title], unit)
        for title, lines in found.items()
        if len(lines) >= least
    ]


def _range(
    read: Mapping[str, Sequence[Row]], unit: str, runs: Sequence[Summary], cut: bool
) -> list[Part]:
    """The curves, whole or to where the shortest ends, with a link to the other."""
    ends = {name: _spent(rows[-1]) for name, rows in read.items()}
    least, most = min(ends.values()), max(ends.values())
    if most <= APART * least:
        return [*curves(read, unit)]
    if cut:
        read = {name: [row for row in rows if _spent(row) <= least] for name, rows in read.items()}
        read = {name: rows for name, rows in read.items() if rows}
    link = Link("show all of them", _address(runs)) if cut else (
        Link("cut them there", f"{_address(runs)}&cut=1")
    )  # fmt: skip
    said = "Curves are cut" if cut else "One run spent much less than another: its curves end"
    return [Words(f"{said} at {count(round(least))} {unit}.", link=link), *curves(read, unit)]


def _spent(row: Row) -> float:
    cost = counts.cost(row["ledger"])
    return sum(cost) / len(cost)


def _address(runs: Sequence[Summary], first: Summary | None = None) -> str:
    """The address of this comparison, with another run first."""
    order = [*filter(None, [first]), *(run for run in runs if run is not first)]
    return f"?{urlencode([('run', run.name) for run in order])}"


def _told(runs: Sequence[Summary]) -> list[Part]:
    head = ["run", "method", "task", "seeds", "state", "spent", "headline", "95 % interval",
            "compare to"]  # fmt: skip
    rows: list[list[Any]] = []
    for run in runs:
        spent = None if run.cost is None else f"{count(round(run.cost))} {run.unit}"
        found: list[str | None] = [None, None]
        to = "this one" if run is runs[0] else Link("this one", _address(runs, run))
        if run.headline is not None:
            name, value, low, high = run.headline
            ends = between(low, high)
            few = (
                f" ({within(run)[0]})"
                if ends and run.kind == "compiled" and run.seeds < FEW
                else ""
            )
            found = [f"{name}: {value:.3f}", ends and ends + few]
        rows.append([run.name, run.method, run.task, run.seeds, run.state, spent, *found, to])
    problems = [f"{run.name}: {run.problem}" for run in runs if run.problem]
    return [*([Notes(problems)] if problems else []), Table(head, rows, name="runs")]


def _by_unit(runs: Sequence[Summary]) -> dict[str, list[Summary]]:
    found: dict[str, list[Summary]] = {}
    for run in runs:
        found.setdefault(run.unit, []).append(run)
    return found


def _apart(units: Mapping[str, Sequence[Summary]]) -> str:
    said = [f"{listed([run.name for run in some])}: {unit}" for unit, some in units.items()]
    return (
        f"The runs do not count the same ({'; '.join(said)}). Their curves share no axis and are "
        f"shown apart."
    )


def _differences(runs: Sequence[Summary], read: Mapping[str, Sequence[Row]]) -> list[Part]:
    """Every run against the first."""
    first, *others = runs
    ours = measured(read[first.name], seeds_of(first.config, first.seeds))
    notes: list[str] = []
    table: list[list[Any]] = []
    pairs: set[bool] = set()
    for other in others:
        theirs = measured(read[other.name], seeds_of(other.config, other.seeds))
        why = _incomparable(first, other)
        found = [] if why or ours is None or theirs is None else differences(ours, theirs)
        if not found:
            notes.append(f"{other.name} and {first.name}: {why or _NOT_TESTED}")
        elif tasks := _other_task(first, other):
            notes.append(
                f"{other.name} and {first.name} differ in {listed(tasks)}: their tests may not be "
                f"the same."
            )
        table += [[other.name, *_row(one)] for one in found]
        pairs |= {one.paired for one in found if one.interval is not None}
    parts: list[Part] = [Notes(notes)] if notes else []
    if table:
        head = ["run", "suite", "measure", "at", f"of {first.name}", "of the run", "difference",
                "95 % interval"]  # fmt: skip
        parts.append(Table(head, table, name="differences"))
        parts.append(Words(_explained(first, len(table), pairs), "muted"))
    return parts


_NOT_TESTED = "no tests during training that both made, as early as the other ended."


def _incomparable(first: Summary, other: Summary) -> str:
    """Why no difference is taken; empty if one can be."""
    if first.unit != other.unit:
        return f"one counts {first.unit}, the other {other.unit}: nothing is at equal spend."
    if first.task != other.task:
        return f"one learns {first.task}, the other {other.task}: their tests are not the same."
    return ""


def _other_task(first: Summary, other: Summary) -> list[str]:
    """Settings of their task in which two runs differ."""
    names = dict.fromkeys(name for run in (first, other) for name in run.config)
    tasks = [name for name in names if name.startswith("task.")]
    return [name for name in tasks if first.config.get(name, ...) != other.config.get(name, ...)]


def _row(one: Difference) -> list[Any]:
    within = None if one.interval is None else between(*one.interval, sign="+")
    if one.interval is not None and one.interval[0] == one.interval[1]:
        within = "all seeds alike"  # resampled they have no spread, which is no certainty
    values = [f"{value:.3f}" for value in one.values]
    return [one.suite, one.measure, count(one.spent), *values, f"{one.difference:+.3f}", within]


def _explained(first: Summary, number: int, pairs: set[bool]) -> str:
    how = {
        frozenset({True}): "Seeds are paired, being the same in both.",
        frozenset({False}): "Seeds are not paired, being others: both are resampled.",
        frozenset({True, False}): "Seeds are paired where they are the same in both runs.",
    }.get(frozenset(pairs), "One seed alone has no interval.")
    return (
        f"Each run less {first.name}, by their own tests during training at the most that both had "
        f"spent by a test; linear between two tests. {how} The {number} intervals are not "
        f"corrected for their number: by chance one in twenty leaves out the true difference."
    )


def _rows(run: Summary) -> Sequence[Row]:
    lines = Lines(run.path / "metrics.jsonl")
    lines.refresh()
    return lines.rows
