"""Is a learned teacher's regret above random levels'? By `cairn regret`, the solver beside it.

    uv run python benchmarks/verify/teacher_regret.py [--arms paired] [--seeds 5] [--tiny]

The runs of `learned_teachers.py`, trained to their end. Of each seed copies of the student learn on
levels that its teacher designs now and on fresh ones of the generator; what they reach beyond the
student bounds regret from below, and on these mazes the solver says what it is. One JSON file per
arm, and what exists is not measured again; then the table goes into docs/methods/paired.md.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import learned_teachers
import numpy as np
from provenance import ROOT, command, into_page, keep, source_hash, versions

import cairn
from cairn.core.stats import bootstrap, mean

RESULTS = ROOT / "benchmarks" / "results" / "teacher_regret"
SOURCES = (*learned_teachers.SOURCES, "evaluation")
OF = ("designed", "fresh")
FIGURES = {"bound": "bound of `cairn regret`", "regret": "regret, by the solver"}
TUNE = {"levels": 32, "updates": 16, "episodes": 64}
TINY = {"levels": 2, "updates": 1, "episodes": 2}


def measure(arm: str, seeds: int, tiny: bool) -> dict[str, Any]:
    """Train an arm, then bound the regret of its designs and of fresh levels, seed by seed."""
    run = learned_teachers.TINY if tiny else learned_teachers.RUN
    chosen = learned_teachers.experiment(arm, seeds, run)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "run"
        cairn.train(chosen, folder)
        found = [
            cairn.regret(folder, OF, trained_seed=seed, **(TINY if tiny else TUNE))
            for seed in range(seeds)
        ]
    for one in found:
        del one["run"]
        for source in one["sources"].values():
            del source["by_level"]
    return {
        "arm": arm,
        "command": command(),
        "versions": versions(),
        "sources": source_hash(Path(__file__), SOURCES),
        "seeds": found,
    }


def table(found: list[dict[str, Any]]) -> str:
    """Means over seeds with 95 % intervals, and designed less fresh, seed by seed."""
    lines = ["| arm | figure | designed | fresh | designed − fresh |", "|---|---|---|---|---|"]
    for one in found:
        for name, title in FIGURES.items():
            of = {
                source: np.array([seed["sources"][source][name]["value"] for seed in one["seeds"]])
                for source in OF
            }
            cells = [*of.values(), of["designed"] - of["fresh"]]
            lines.append(f"| {one['arm']} | {title} | " + " | ".join(map(told, cells)) + " |")
    return "\n".join(lines) + "\n"


def told(values: np.ndarray) -> str:
    """A mean over seeds."""
    whole = bootstrap(values[:, None], mean)
    return f"{whole.value:.3f} [{whole.low:.3f}, {whole.high:.3f}]"


def main() -> None:
    """Make what is missing, print the table, put it into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--arms", default="paired,paired-slow")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="seconds, for the tests")
    chosen = parser.parse_args()
    chosen.results.mkdir(parents=True, exist_ok=True)
    for arm in chosen.arms.split(","):
        if not (path := chosen.results / f"{arm}.json").exists():
            keep(path, measure(arm, chosen.seeds, chosen.tiny))
    found = [json.loads(path.read_text()) for path in sorted(chosen.results.glob("*.json"))]
    print(table(found), end="")
    if not chosen.tiny:
        into_page("paired.md", "teacher regret", table(found))


if __name__ == "__main__":
    main()
