"""Learning curves against the ledger, drawn."""

import io
import warnings
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from cairn.core.redact import printable
from cairn.report import axes as report_axes
from cairn.report.data import Chart, Curves
from cairn.show import charts, style
from cairn.show.subject import Subject

DASHES = ("-", "--", ":", "-.")
"""Of lines beyond the number of colours."""


def data(subject: Subject) -> Curves:
    """Everything that its run has learned."""
    one = subject.experiment
    return charts.data(subject.lines, one.method, one.task, one.run.seeds)


def draw(curves: Curves, path: Path) -> Path:
    """A chart beside the other, the ledger last."""
    columns = 3
    number = len(curves.charts) + bool(curves.spent)
    rows = -(-number // columns)
    made = style.figure(4.6 * columns, 1.0 + 3.1 * rows)
    style.heading(made, curves.title, curves.caption)
    height = made.get_figheight()
    areas = made.add_gridspec(
        rows, columns, left=0.06, right=0.985, top=1 - 1.2 / height, bottom=0.6 / height,
        wspace=0.24, hspace=0.5,
    )  # fmt: skip
    places = [made.add_subplot(areas[i // columns, i % columns]) for i in range(number)]
    for place, shown in zip(places, curves.charts, strict=False):
        draw_chart(place, shown, curves.axis)
    if curves.spent:
        draw_ledger(places[-1], curves.spent)
    return style.save(made, path)


def chart_png(shown: Chart, axis: str = "") -> bytes:
    """A chart as PNG of 960 by 600 pixels; `axis` is what it is over, else what it says itself."""
    shown, axis = report_axes.timed(shown, axis or shown.axis)
    made = style.figure(6.4, 4)
    draw_chart(made.add_axes((0.09, 0.13, 0.88, 0.76)), shown, axis)
    held = io.BytesIO()
    with warnings.catch_warnings():
        # A label in a script that the font has not is drawn as boxes.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        made.savefig(held, dpi=150, format="png", metadata={"Software": "cairn"})
    return held.getvalue()


def draw_chart(axes: Axes, shown: Chart, axis: str = "environment steps") -> None:
    """One chart: every seed, mean and interval."""
    style.panel(axes, shown.title)
    if not any(report_axes.figures(line).size for line in shown.lines):
        axes.text(0.5, 0.5, "no figures yet", color=style.SOFT, ha="center", va="center")
        axes.set_axis_off()
        return
    for index, (text, curve, band) in enumerate(shown.lines):
        colour = style.SERIES[index % len(style.SERIES)]
        dash = DASHES[index // len(style.SERIES) % len(DASHES)]
        style.line(axes, curve.steps, curve.values, color=colour, alpha=0.3, linewidth=0.8)
        # Over every seed, those of later lines too.
        look = {"color": colour, "linewidth": 2.2, "linestyle": dash, "zorder": 3}
        style.line(axes, band.steps, band.value, label=_label(text), **look)
        if not np.array_equal(band.low, band.high, equal_nan=True):
            axes.fill_between(
                band.steps, band.low, band.high, color=colour, alpha=0.18, linewidth=0
            )
    axes.set_ylim(*report_axes.up(shown))
    if len(shown.lines) > 1:
        legend = axes.legend(frameon=False, fontsize=9, labelcolor=style.INK, loc="best")
        for text in legend.get_texts():
            text.set_parse_math(False)
    style.steps_axis(axes, axis)


def _label(text: str) -> str:
    """As a legend takes it: one that begins with an underscore would be left out."""
    text = printable(text, keep="")
    return f" {text}" if text.startswith("_") else text


def draw_ledger(axes: Axes, spent: dict[str, float]) -> None:
    """What the steps were spent on."""
    style.panel(axes, "Ledger: what the steps were for")
    names, amounts = list(spent)[::-1], list(spent.values())[::-1]
    colours = [*style.SERIES[: len(names) - 1], style.SOFT][::-1]
    axes.barh(names, amounts, color=colours, height=0.62)
    whole = max(sum(amounts), 1.0)
    for place, amount in enumerate(amounts):
        axes.text(
            amount + 0.015 * max(amounts), place, f"{amount / whole:.0%}", va="center",
            color=style.INK, fontsize=9,
        )  # fmt: skip
    axes.grid(visible=False)
    axes.tick_params(axis="y", labelcolor=style.INK, length=0)
    style.steps_axis(axes, "environment steps, mean over seeds")
    axes.set_xlim(0, 1.15 * max(amounts) or 1)
