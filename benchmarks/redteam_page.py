"""Fills the simulated results of docs/methods/rainbow.md from benchmarks/verify/results/redteam.

uv run python benchmarks/redteam_page.py
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cairn.core.stats import bootstrap, mean

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "methods" / "rainbow.md"
MARK = re.compile(r"<!-- simulated:redteam -->\n(?:.*?<!-- end -->\n)?", re.DOTALL)
sys.path.insert(0, str(HERE / "verify"))

import redteam_directions as directions  # noqa: E402

COLUMNS = (
    ("coverage_early", "occupied early"),
    ("coverage", "occupied"),
    ("working", "with a working prompt"),
    ("success", "true success rate"),
    ("success.mean.value", "as reported"),
    ("self_bleu", "self-BLEU"),
)
COMPARED = ("rainbow", "same-cell", "random", "no-archive", "no-filter")


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(filled(PAGE.read_text(), directions.RESULTS))


def filled(page: str, results: Path) -> str:
    """The page with its results as they are in `results`."""
    return MARK.sub(lambda _: block(results), page)


def block(results: Path) -> str:
    """The results between their marks."""
    arms = directions.load(results)
    record = json.loads((results / "rainbow.json").read_text())
    size = record["size"]
    seeds, cells = len(arms["rainbow"]), size["rows"] * size["columns"]
    best = spread(directions.column(arms["rainbow"], "breakable"))
    lines = [
        "<!-- simulated:redteam -->",
        f"Simulated: {size['rows']} × {size['columns']} = {cells} cells, each of {seeds} seeds "
        "with a world of its own; judge error 0.05, position bias 0.1. Mean and 95 % interval over "
        f"seeds. {best} of the cells can be broken at all.",
        "",
        f"Simulated, {size['calls']} calls; *early*: after {directions.EARLY:.0%} of them; *as "
        "reported*: by the held-out judge, errors and all.",
        "",
        "| arm | " + " | ".join(title for _, title in COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
        *(arm_row(arm, arms[arm]) for arm in COMPARED),
        "",
        "Every method but random occupies the map as early as the others, and at the end all have "
        "all of it, so what counts as coverage here is a prompt that works. A judge that takes "
        "some safe responses for unsafe flatters the weak arms most, hence the correction.",
        "",
        "Simulated, the same worlds compared:",
        "",
        "| claim | margin | seeds |",
        "|---|---|---|",
    ]
    for claim, margin in directions.comparisons(arms):
        seen = f"{int((margin > 0).sum())} of {len(margin)}"
        title = claim.replace("bleu", "BLEU")
        lines.append(f"| {title} | {spread(margin, sign=True)} | {seen} |")
    lines += ["", *errors(arms, size["error_calls"]), "", *kills(results)]
    return "\n".join([*lines, "", f"Made by `{COMMAND}`.", "<!-- end -->", ""])


COMMAND = "uv run python benchmarks/verify/redteam_directions.py"


def arm_row(arm: str, rows: list[dict[str, Any]]) -> str:
    """One arm's means."""
    return f"| {arm} | " + " | ".join(spread(directions.column(rows, n)) for n, _ in COLUMNS) + " |"


def errors(arms: dict[str, list[dict[str, Any]]], calls: int) -> list[str]:
    """Injected against recovered."""
    lines = [
        f"Simulated, errors injected and recovered ({calls} calls a run). *Held*: runs whose 95 % "
        "interval has the injected value, or the hidden truth. That of the corrected rate is wide: "
        "it is drawn over cells as if they were a sample.",
        "",
        "| | injected or true | estimate | held |",
        "|---|---|---|---|",
    ]
    truths = {
        "judge's bias": "recovery.judge_bias",
        "judge's wrong verdicts": "recovery.judge_error",
        "corrected success rate, these responses": "recovery.in_sample",
        "corrected success rate, true": "recovery.true_success",
        "held-out judge's sensitivity": "recovery.sensitivity",
        "held-out judge's specificity": "recovery.specificity",
    }
    for arm in directions.ERRORS:
        for what, held, values in directions.recovered(arms[arm]):
            if held:
                truth = np.mean(directions.column(arms[arm], truths[what]))
                lines.append(
                    f"| {arm.removeprefix('errors-')}: {what} | {truth:.2f} | "
                    f"{np.mean(values):.2f} | {sum(held)} of {len(held)} |"
                )
    return lines


def kills(results: Path) -> list[str]:
    """What was killed, and whether it ended the same."""
    rows = json.loads((results / "kills.json").read_text())["rows"]
    points = [row for row in rows if row["where"] != "random"]
    (moments,) = [row for row in rows if row["where"] == "random"]
    same = "each" if all(row["same"] for row in rows) else "NOT each"
    died = sum(row["kills"] > 0 for row in points)
    where = f"all {died}" if died == len(points) else f"{died} of {len(points)}"
    return [
        f"Simulated, killed by SIGKILL at {where} fault points of journal, engine and calls, and "
        f"at {moments['kills']} random moments of one run: {same} ended with the archive, table "
        "and figures of the run that was never killed (`benchmarks/verify/redteam_kills.py`)."
    ]


def spread(values: np.ndarray, *, sign: bool = False) -> str:
    """Mean and interval over seeds."""
    found = bootstrap(values[:, None], mean)
    form = "+.2f" if sign else ".2f"
    return f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]"


if __name__ == "__main__":
    main()
