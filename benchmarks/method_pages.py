"""Fills the results of docs/methods/*.md from benchmarks/verify/results/ued.

uv run benchmarks/method_pages.py
"""

import json
import re
from pathlib import Path

import numpy as np

from cairn.core.stats import bootstrap, mean

HERE = Path(__file__).parent
PAGES = HERE.parent / "docs" / "methods"
RESULTS = HERE / "verify" / "results" / "ued"
COMMAND = "uv run python benchmarks/verify/ued_directions.py"
MARK = re.compile(r"<!-- results:([\w-]+) -->\n(?:.*?<!-- end -->\n)?", re.DOTALL)
FIGURES = {
    "solve_rate": "solve rate on fresh mazes",
    "learnable_best": "learnable levels among the best quarter of the scores",
    "learnable_share": "learnable levels among all that are held",
    "learnable_mass": "replay probability on learnable levels ¹",
    "solvable_mass": "replay probability on solvable levels",
    "walls": "walls of what is replayed ¹",
    "path": "shortest path of what is replayed (cells) ¹",
    "generation": "edits since the empty room ¹",
    "learnability_selected": "learnability of the selected, fresh rollouts",
    "learnability_new": "learnability of new levels, fresh rollouts",
    "standard_errors": "difference in standard errors",
}
ONE_LEVEL = ("learnable_mass", "walls", "path", "generation")
"""Figures weighted by the replay probability, of which a single level has most."""
NOTE = (
    "¹ Weighted by the replay probability, of which one level alone has 61 % (44 % in the parallel "
    "forms): 0.87 of what staleness leaves. Such a figure describes that level and little else. "
    "Learnable levels have most of the probability where it is solved sometimes, and a tenth or "
    "two where it is not, so the seeds fall into two groups: they are shown, without an interval."
)
ARMS = {"dr": ("dr", "random", "dr-empty"), "accel": ("accel", "dr-empty")}


def main() -> None:
    """Rewrite every page that has a place for results."""
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text()
        page.write_text(MARK.sub(lambda found: block(found[1]), text))


def block(method: str) -> str:
    """The table of a method's arms, between its marks."""
    arms = {arm: figures(arm) for arm in ARMS.get(method, (method,))}
    lines = [f"<!-- results:{method} -->", "**Results.** " + ABOUT, ""]
    lines += ["| arm | figure | mean | 95 % interval | by seed |", "|---|---|---|---|---|"]
    for arm, rows in arms.items():
        for name, title in FIGURES.items():
            values = [row[name] for row in rows if name in row]
            if values and (values != [0.0] * len(values)):
                lines.append(line(arm, title, values, interval=name not in ONE_LEVEL))
    if any("¹" in row for row in lines):
        lines += ["", NOTE]
    return "\n".join([*lines, "", f"Made by `{COMMAND}`.", "<!-- end -->", ""])


ABOUT = (
    "9×9 mazes, 15 walls, 64-step limit, LSTM 64, 600,000 environment steps (scoring and mutation "
    "included), 5 seeds; replay methods on a finite set of 200 levels of which 30 % cannot be "
    "solved and 30 % take one step; ACCEL and `dr-empty` from empty rooms. Small on purpose: a "
    "direction, not a ranking of methods."
)


def figures(arm: str) -> list[dict[str, float]]:
    """One dict of figures per seed."""
    return [
        json.loads(path.read_text())["figures"]
        for path in sorted(RESULTS.glob(f"{arm}-seed*.json"))
    ]


def line(arm: str, title: str, values: list[float], *, interval: bool) -> str:
    """One row; without an interval, where the seeds fall into two groups, no mean either."""
    estimate = bootstrap(np.asarray(values)[:, None], mean)
    digits = 1 if max(map(abs, values)) >= 10 else 2 if max(map(abs, values)) >= 2 else 3
    shown = [f"{value:.{digits}f}" for value in (estimate.value, estimate.low, estimate.high)]
    by_seed = " ".join(f"{value:.{digits}f}" for value in values)
    if not interval:
        return f"| {arm} | {title} | – | – | {by_seed} |"
    return f"| {arm} | {title} | {shown[0]} | {shown[1]} to {shown[2]} | {by_seed} |"


if __name__ == "__main__":
    main()
