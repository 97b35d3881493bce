"""What a picture shows, as CSV for other tools: every float in full."""

import csv
import io
from itertools import repeat

import numpy as np

from cairn.report.data import Chart
from cairn.report.parts import Map
from cairn.report.tables import harmless, to_csv

MEAN = "mean"


def chart_csv(chart: Chart, axis: str) -> str:
    """A row for each point of each seed (0, 1, …) of each line, then of its mean ("mean").

    Columns: line, seed, `axis`, value, and of means the low and high end of their interval. What
    is not known is empty.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["line", "seed", harmless(axis or "steps"), "value", "low", "high"])
    for line in chart.lines:
        label = harmless(line.label)
        for seed, pair in enumerate(zip(line.seeds.steps.T, line.seeds.values.T, strict=True)):
            writer.writerows(
                zip(repeat(label), repeat(seed), *map(_known, pair), *2 * [repeat(None)])
            )
        writer.writerows(zip(repeat(label), repeat(MEAN), *map(_known, line.mean)))
    return out.getvalue()


def heat_csv(shown: Map) -> str:
    """A row for each filled place: its cell, the middle of the place along and up, its value.

    Of cells with outlines, the mean of their corners.
    """
    rows = []
    for place in np.argwhere(np.isfinite(shown.shares)):
        flat = int(np.ravel_multi_index(tuple(place), shown.shares.shape))
        cell = flat if shown.cells is None else int(shown.cells[tuple(place)])
        if shown.outlines:
            along, up = (float(some) for some in shown.outlines[flat].mean(axis=0))
        else:
            shares = (place + 0.5) / np.array(shown.shares.shape)
            up, along = (
                float(low + share * (high - low))
                for share, (low, high) in zip(shares, shown.extent, strict=True)
            )
        value = float(shown.values[tuple(place)])
        rows.append({"cell": cell, "along": along, "up": up, "value": value})
    return to_csv(rows) or "cell,along,up,value\n"


def _known(values: np.ndarray) -> list[float | None]:
    """As Python's floats, which are written in full; None for what is not a number."""
    return [None if value != value else value for value in values.tolist()]
