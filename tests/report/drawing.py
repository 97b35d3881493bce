"""Curves to be drawn, and what a browser sees of a picture."""

import re
import xml.etree.ElementTree as ET

import numpy as np

from cairn.report.data import Chart, Line
from cairn.report.series import Curve, band

EVIL = "</text><script>alert(1)</script>\"'&<img src=x onerror=y>\x1b[31m\x00\ufffe\u202eabc"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def curve(*columns, steps=None):
    """A column of values for each seed, at steps 0, 1, …"""
    values = np.array(columns, np.float64).T
    steps = np.arange(len(values)) if steps is None else np.asarray(steps)
    return Curve(np.tile(steps[:, None], (1, values.shape[1])).astype(np.float64), values)


def line(label, *columns, steps=None):
    seeds = curve(*columns, steps=steps)
    return Line(label, seeds, band(seeds))


def chart_of(*lines, share=False, title="Chart"):
    return Chart(title, tuple(lines), share)


def parsed(svg):
    """The tree; raises if it is not well-formed XML."""
    return ET.fromstring(str(svg))


def texts(tree):
    return [text.text or "" for text in tree.iter("text")]


def lines_of(data):
    """The subpaths of a path of the kind `Mx yl…`, as arrays of points."""
    found = []
    for part in data.rstrip("z").split("M")[1:]:
        if not part.endswith("h0"):
            numbers = np.array([float(some) for some in _NUMBER.findall(part)])
            found.append(np.cumsum(numbers.reshape(-1, 2), axis=0))
    return found


def dots_of(data):
    return [tuple(map(int, pair)) for pair in re.findall(r"M(-?\d+) (-?\d+)h0", data)]


def inverted(tree, points):
    """Points of the plot as figures, by what the marks of the axes say: steps and values."""
    plot = tree.find("svg")
    scale = float(plot.get("width")) / float(plot.get("viewBox").split()[2])
    x0, y0 = (float(some) * scale for some in plot.get("viewBox").split()[:2])
    x = (points[:, 0] * scale - x0) + float(plot.get("x"))
    y = (points[:, 1] * scale - y0) + float(plot.get("y"))
    upright = [text for text in tree.iter("text") if text.get("text-anchor") == "end"]
    along = [text for text in tree.iter("text") if text.get("text-anchor") == "middle"][:-1]
    marks = re.findall(r"M([\d.]+) [\d.]+v4", next(g.find("path").get("d") for g in muted(tree)))
    grid = re.findall(
        r"M[\d.]+ ([\d.]+)H",
        next(path.get("d") for path in tree.iter("path") if path.get("class") == "grid"),
    )
    for places, labels, axis in ((grid, upright, "y"), (marks, along, "x")):
        off = [float(text.get(axis)) - float(at) for text, at in zip(labels, places, strict=True)]
        assert max(map(abs, off)) < 5, "a label stands at its mark"
    read = [
        _read(x, marks, [value(text.text) for text in along]),
        _read(y, grid, [value(text.text) for text in upright]),
    ]
    return read[0], read[1]


def _read(places, marks, labels):
    first, last = float(marks[0]), float(marks[-1])
    return labels[0] + (places - first) / (last - first) * (labels[-1] - labels[0])


def muted(tree):
    return [g for g in tree.iter("g") if g.get("class") == "muted"]


def value(label):
    """What a mark says."""
    units = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    text = label.replace("\N{MINUS SIGN}", "-")
    return float(text[:-1]) * units[text[-1]] if text[-1] in units else float(text)
