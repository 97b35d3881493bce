"""Charts, maps and trees as SVG, made here from plain data: nothing for a browser to run."""

from cairn.report.svg_chart import chart
from cairn.report.svg_heat import heat
from cairn.report.svg_marks import standalone

__all__ = ["chart", "heat", "standalone"]
