"""Charts, maps and trees as SVG, made here from plain data: nothing for a browser to run."""

from cairn.report.chart_data import chart_csv, heat_csv
from cairn.report.svg_bars import bars
from cairn.report.svg_chart import chart
from cairn.report.svg_heat import heat
from cairn.report.svg_marks import standalone
from cairn.report.svg_tree import tree

__all__ = ["bars", "chart", "chart_csv", "heat", "heat_csv", "standalone", "tree"]
