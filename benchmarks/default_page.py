"""Fills docs/default-preset.md and draws its figure from benchmarks/results.

uv run benchmarks/default_page.py
"""

import json
import re
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cairn.core.stats import bootstrap, mean

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "default-preset.md"
MARK = re.compile(r"<!-- default -->\n.*?<!-- end -->", re.DOTALL)
PEER = re.compile(r"<!-- jaxued -->\n.*?<!-- end -->", re.DOTALL)
NAMES = {
    "named": "eight fixed-goal named mazes",
    "random": "fresh solvable 13×13 mazes, 25 walls",
    "procedural": "FourRooms, Crossing, PerfectMaze small and medium",
    "cvar": "1,000 solvable mazes of the CVaR suite",
}


def main() -> None:
    """Rewrite the table and the figure."""
    files = sorted((HERE / "results" / "maze_default").glob("seed-*.json"))
    results = [json.loads(file.read_text()) for file in files]
    PAGE.write_text(filled(PAGE.read_text(), results))
    draw(results)


def filled(text: str, results: list[dict]) -> str:
    """The page with what the files hold."""
    text = MARK.sub(lambda _: f"<!-- default -->\n{rows(results)}\n<!-- end -->", text)
    return PEER.sub(lambda _: f"<!-- jaxued -->\n{peer()}\n<!-- end -->", text)


def peer() -> str:
    """What JaxUED's domain randomisation reached on a machine of this kind: last tests by seed."""
    record = json.loads((HERE / "results" / "goal.json").read_text())
    runs = [
        f"seed {row['seed']}: "
        + ", ".join(
            f"{p['solve_rate']:.3f} at {p['seconds'] / 60:.1f} min" for p in row["curve"][-3:]
        )
        for row in record["rows"]
        if row["side"] == "jaxued"
    ]
    return (
        "For scale, JaxUED's domain randomisation with its defaults on the eight mazes "
        f"(`benchmarks/results/goal.json`, {record['machine']['cores']} cores): {'; '.join(runs)}."
    )


def rows(results: list[dict]) -> str:
    """The table of suites, and the named mazes one by one."""
    suites = [result["evaluation"]["suites"] for result in results]
    lines = ["| levels | mean | 95 % interval | by seed |", "|---|---|---|---|"]
    for suite, name in NAMES.items():
        lines.append(row(name, [one[suite]["solve_rate"] for one in suites]))
    for alpha in ("1%", "10%"):
        worst = [one["cvar"]["worst"][alpha]["solve_rate"] for one in suites]
        lines.append(row(f"the worst {alpha.replace('%', ' %')} of these", worst))
    for maze in suites[0]["named"]["levels"]:
        each = [one["named"]["levels"][maze]["solve_rate"] for one in suites]
        lines.append(row(f"· {maze}", each))
    seconds = ", ".join(f"{result['train_s']:.0f}" for result in results)
    note = f"Seconds from start to exit, compilation with an empty cache included: {seconds}."
    return "\n".join([*lines, "", note])


def row(name: str, rates: list[float]) -> str:
    """One line of the table."""
    estimate = bootstrap(np.asarray(rates)[:, None], mean)
    by_seed = " ".join(f"{rate:.2f}" for rate in rates)
    interval = f"{estimate.low:.3f} to {estimate.high:.3f}"
    return f"| {name} | {estimate.value:.3f} | {interval} | {by_seed} |"


def draw(results: list[dict]) -> None:
    """Learning curves by seed, and their mean."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    titles = {"named": "eight named mazes, never trained on", "random": "fresh random mazes"}
    for axes, (suite, title) in zip(figure.subplots(1, 2), titles.items(), strict=True):
        curves = [[(p["steps"], p[suite]) for p in result["curve"]] for result in results]
        for curve in curves:
            axes.plot(*np.transpose(curve) / [[1e6], [1]], color="#9bb3c9", linewidth=1)
        average = np.mean(curves, axis=0)
        axes.plot(average[:, 0] / 1e6, average[:, 1], color="#1f4e79", linewidth=2.5)
        axes.set(title=title, xlabel="training steps (millions)", ylim=(0, 1.02))
        axes.set_ylabel("solve rate")
        axes.spines[["top", "right"]].set_visible(False)
    (PAGE.parent / "images").mkdir(exist_ok=True)
    figure.savefig(PAGE.parent / "images" / "default.png", dpi=120)


if __name__ == "__main__":
    main()
