"""Fills the tables of docs/league.md from benchmarks/results/league.

uv run benchmarks/league_page.py
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cairn.core.counts import cost
from cairn.core.stats import Estimate, bootstrap_of_shares, mean, probability_of_improvement

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "league.md"
RESULTS = HERE / "results" / "league"
MARK = re.compile(r"<!-- league:(\w+) -->\n(?:.*?<!-- end -->\n)?", re.DOTALL)
SUITES = {"named": "named", "procedural": "procedural", "fresh": "fresh"}
BUDGETS = {
    "steps": "Equal environment steps (training, scoring, mutation and designing together)",
    "clock": "Equal seconds of one program with all seeds (compiling and testing not counted)",
}
BASELINE = "dr"
Parts = Mapping[str, Mapping[str, Any]]


def main() -> None:
    """Rewrite the page."""
    text = PAGE.read_text()
    PAGE.write_text(MARK.sub(lambda found: block(found[1], RESULTS), text))


def block(what: str, results: Path) -> str:
    """One place of the page, between its marks: a size's tables, or `tuning`."""
    lines = tuning(results / "small" / "tuning") if what == "tuning" else league(results / what)
    return "\n".join([f"<!-- league:{what} -->", *lines, "<!-- end -->", ""])


def parts_of(folder: Path) -> dict[str, dict[str, Any]]:
    """By method, what its files of seed groups say; of several groups the seeds stand together."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(folder.glob("*-seeds*.json")):
        made = json.loads(file.read_text())
        if made["method"] in found:
            found[made["method"]] = joined(found[made["method"]], made)
        else:
            found[made["method"]] = made
    return found


def joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two groups of seeds of one method as one."""
    readings = {}
    for budget, mine in one["readings"].items():
        theirs = other["readings"][budget]
        scores = {}
        for suite, rows in mine["scores"].items():
            scores[suite] = {"levels": rows["levels"] + theirs["scores"][suite]["levels"]}
        ledger = {name: n + theirs["ledger"][name] for name, n in mine["ledger"].items()}
        readings[budget] = mine | {"scores": scores, "ledger": ledger}
    return one | {"seeds": one["seeds"] + other["seeds"], "readings": readings}


def league(folder: Path) -> list[str]:
    """Tables of both budgets, and who does not take part."""
    parts = parts_of(folder)
    if not parts:
        what = "--all" if folder.name == "small" else f"--size {folder.name} --part METHOD …"
        return ["Not measured yet. It is made by", "",
                f"    uv run python benchmarks/verify/league.py {what}", ""]  # fmt: skip
    lines: list[str] = []
    for budget, title in BUDGETS.items():
        lines += [f"**{title}.**", "", *table(parts, budget), ""]
    return lines + about(parts, folder)


def table(parts: Parts, budget: str) -> list[str]:
    """A row a method, the best first by the mean of its suites' interquartile means."""
    rows = []
    for method, part in parts.items():
        reading = part["readings"][budget]
        scores = reading["scores"]
        suites = {name: np.array(scores[name]["levels"]) for name in SUITES if name in scores}
        middles = {name: bootstrap_of_shares(levels) for name, levels in suites.items()}
        # Not the worst 5 %: of four attempts at a level, far more than 5 % tie.
        never = (np.array(scores["fresh"]["levels"]) == 0).mean(axis=1, keepdims=True)
        never = bootstrap_of_shares(never, mean)
        better = improvement(parts, method, budget)
        cells = [
            method,
            *(shown(middles[name]) if name in middles else "–" for name in SUITES),
            shown(never),
            "–" if better is None else shown(better),
            f"{np.mean(spent(reading['ledger'])):,.0f}",
            f"{reading['seconds']:.0f}",
        ]
        rows.append((-float(np.mean([m.value for m in middles.values()])), cells))
    head = ["method", *(f"{name}, IQM" for name in SUITES), "fresh, never solved",
            f"P(better than {BASELINE})", "steps a seed", "seconds"]  # fmt: skip
    body = [cells for _, cells in sorted(rows, key=lambda row: row[0])]
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *body)]


def improvement(parts: Parts, method: str, budget: str) -> Estimate | None:
    """Of a method over the baseline, on the levels of all suites together."""
    if BASELINE not in parts or method == BASELINE:
        return None
    ours, theirs = (parts[name]["readings"][budget]["scores"] for name in (method, BASELINE))
    names = [name for name in SUITES if name in ours]
    # Each suite counts the same, however many levels it has.
    means = [np.array([np.mean(s[n]["levels"], axis=1) for n in names]).T for s in (ours, theirs)]
    return probability_of_improvement(*means)


def spent(ledger: Mapping[str, Sequence[int]]) -> np.ndarray:
    """Steps that the budget counts, by seed."""
    return np.array(cost(ledger))


def shown(estimate: Estimate) -> str:
    """A value and its interval."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def about(parts: Parts, folder: Path) -> list[str]:
    """Where the figures come from, and who does not take part."""
    one = parts.get(BASELINE) or next(iter(parts.values()))
    machine = one["machine"]
    lines = [
        f"{len(one['seeds'])} seeds ({one['seeds'][0]} to {one['seeds'][-1]}) in one program, "
        f"{machine['processor']}, {machine['cores']} cores; seconds are cycles times what one "
        f"costs on this machine by itself, measured in some chunks. Intervals: 95 %, bootstrap "
        f"over seeds; Wilson's where seeds do not differ.",
        "",
    ]
    untuned = [name for name, part in parts.items() if not part["tuned"]]
    if untuned:
        lines += [f"With the settings one begins with, not tuned: {', '.join(untuned)}.", ""]
    broken = [name for name, part in parts.items() if not part["finite"]]
    if broken:
        lines += [f"Not finite at the end: {', '.join(broken)}.", ""]
    file = folder / "taking_part.json"
    told = json.loads(file.read_text())["not"] if file.exists() else {}
    return lines + [f"- {name} does not take part: {reason}" for name, reason in told.items()]


def tuning(folder: Path) -> list[str]:
    """What was found for each method, and what finding it cost."""
    files = sorted(folder.glob("*.json"))
    if not files:
        return ["Not tuned yet."]
    lines = ["| method | settings found | tuning | test | trials | steps | seconds |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for file in files:
        made = json.loads(file.read_text())
        if not made["incumbents"]:
            continue
        best, cost = made["incumbents"][0], made["cost"]
        values = ", ".join(f"{n} {v:.3g}" for n, v in best["values"].items())
        test = best["test"]["score"]
        lines.append(
            f"| {made['method']} | {values} | {best['tuning']['score']:.3f} | "
            f"{'–' if test is None else f'{test:.3f}'} | {made['trials']} | "
            f"{cost['spent'] + cost['test'].get('environment_steps', 0):,} | "
            f"{made['seconds']:.0f} |"
        )
    return lines


if __name__ == "__main__":
    main()
