"""Search policies on SIMULATED landscapes, and how the final node is best chosen. No model.

    uv run python benchmarks/verify/search_gym.py [--tiny] [--page] [--results FILE]

Policies with their published settings on every landscape; operators crossed with policies; rules of
selection on independent qualities, where there is a closed form, and on what policies find. Part by
part: stopped, the same command goes on. `--page` only puts the results on file into
docs/search-gym.md. The statements are the sheet's, from before any run; a look at 64 searches of
seed 0 at the default settings came before this script, whose seed is 1.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from provenance import ROOT, command, into_page, keep, source_hash, versions

from cairn.core.keys import stream
from cairn.core.stats import bootstrap
from cairn.research.gym import figures
from cairn.research.gym.landscape import LANDSCAPES, Landscape
from cairn.research.gym.play import searches
from cairn.research.gym.policies import POLICIES
from cairn.research.gym.selecting import RULES, Measured, closed, expected_quality

SEED = 1
BASE = "best-of"
TREES = ("aide", "greedy", "mcts", "evolution", "ab-mcts-a")
STATEMENTS = {
    "restarts": "All policies of trees beat best-of-N drafts and random restarts.",
    "greedy": "Where no line ends (unimodal) a greedy policy is best.",
    "ceilings": "Where drafts differ in what they can become (ceilings, deceptive) MCTS and "
    "evolution beat the greedy policies.",
}
STEPS = (-0.2, -0.1, 0.0)
NOISES = (0.3, 0.5, 1.0, 2.0)
EXTRA = 40


def policies(count: int, evaluations: int) -> dict[str, Any]:
    """Every policy on every landscape."""
    cells = figures.measure(
        LANDSCAPES, list(POLICIES), evaluations=evaluations, count=count, seed=SEED, tell=print
    )
    return {"rows": figures.rows(cells, BASE)}


def operators(count: int, evaluations: int) -> dict[str, Any]:
    """Mean steps crossed with policies."""
    found = {}
    for name in ("unimodal", "ceilings"):
        lands = {str(step): LANDSCAPES[name]._replace(step_mean=step) for step in STEPS}
        cells = figures.measure(
            lands, (BASE, *TREES), evaluations=evaluations, count=count, seed=SEED, tell=print
        )
        table = np.array([figures.ended(cell.curves.chosen).mean() for cell in cells])
        table = table.reshape(len(STEPS), 1 + len(TREES))
        found[name] = {"table": table.tolist(), "shares": figures.shares(table)}
    return found


def selection(count: int, evaluations: int) -> dict[str, Any]:
    """Which share of the gap between argmax and oracle each rule closes."""
    rows = []
    draws = np.random.default_rng(SEED)
    for noise in NOISES:
        quality = draws.normal(0, 1, (20 * count, evaluations))
        seen = quality + draws.normal(0, noise, quality.shape)
        measured = Measured(quality, noise, seen, SEED)
        best = quality[np.arange(len(quality)), seen.argmax(1)]
        rows.append({
            "nodes": "independent", "noise": noise, "closed": told(measured),
            "quality": interval(best), "expected": expected_quality(evaluations, 1.0, noise),
        })  # fmt: skip
        for policy in ("greedy", "mcts"):
            rows.append({
                "nodes": f"{policy}, ceilings", "noise": noise,
                "closed": told(found_by(policy, noise, count, evaluations)),
            })  # fmt: skip
    return {"extra": min(EXTRA, evaluations // 2), "rows": rows}


def found_by(policy: str, noise: float, count: int, evaluations: int) -> Measured:
    """What a policy's searches leave to choose from."""
    land = LANDSCAPES["ceilings"]._replace(noise=noise)
    keys = jax.random.split(stream(jax.random.key(SEED), "selection"), count)
    floats = Landscape(*(jax.numpy.float32(value) for value in land))
    nodes = searches(POLICIES[policy](), floats, keys, evaluations=evaluations)
    seen = np.where(nodes.buggy, -np.inf, np.asarray(nodes.seen, np.float64))
    return Measured(np.asarray(nodes.quality, np.float64), noise, seen, SEED)


def told(measured: Measured) -> dict[str, list[float]]:
    """By rule the share closed, with its interval over searches."""
    found = {}
    for name, (gain, gap) in closed(measured, min(EXTRA, measured.seen.shape[1] // 2)).items():
        pairs = np.stack([gain, gap], 1)
        ratio = bootstrap(pairs, share)
        found[name] = [ratio.value, ratio.low, ratio.high]
    return found


def share(pairs: np.ndarray) -> float:
    """Gained of the gap; nothing where there is none."""
    gain, gap = pairs.mean(0)
    return float(gain / gap) if gap > 0 else 0.0


def interval(values: np.ndarray) -> list[float]:
    """A mean, three standard errors to either side."""
    far = 3 * float(values.std()) / math.sqrt(values.size)
    return [float(values.mean()), float(values.mean()) - far, float(values.mean()) + far]


PARTS: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "policies": policies, "operators": operators, "selection": selection,
}  # fmt: skip


def measured(path: Path, *, tiny: bool) -> dict[str, Any]:
    """The parts that are missing are measured, and kept one by one."""
    found = json.loads(path.read_text()) if path.exists() else {"simulated": True, "parts": {}}
    count, evaluations = (4, 16) if tiny else (200, 200)
    for name, make in PARTS.items():
        if name in found["parts"]:
            continue
        clock = time.monotonic()
        made = make(count, evaluations)
        found["parts"][name] = made | {
            "seed": SEED, "searches": count, "evaluations": evaluations,
            "seconds": round(time.monotonic() - clock, 1), "versions": versions(),
            "sources": source_hash(Path(__file__), ["research/gym"]), "command": command(),
        }  # fmt: skip
        keep(path, found)
    return found


def said(interval: list[float], sign: str = "", digits: int = 2) -> str:
    """In words."""
    return f"{{0:{sign}.{digits}f}} ({{1:{sign}.{digits}f}} to {{2:{sign}.{digits}f}})".format(
        *interval
    )


def policies_told(part: dict[str, Any]) -> str:
    """Quality by landscape and policy; in the last column of each landscape the best is bold."""
    lands = list(dict.fromkeys(row["landscape"] for row in part["rows"]))
    by = {(row["landscape"], row["policy"]): row for row in part["rows"]}
    lines = ["| policy | " + " | ".join(lands) + " |", "|---" * (1 + len(lands)) + "|"]
    for policy in POLICIES:
        cells = []
        for land in lands:
            best = max(row["quality"][0] for row in part["rows"] if row["landscape"] == land)
            row = by[land, policy]
            mark = "**" if row["quality"][0] == best else ""
            cells.append(f"{mark}{said(row['quality'])}{mark}")
        lines.append(f"| {policy} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *statements(by, lands)]) + "\n"


def statements(by: dict[tuple[str, str], dict[str, Any]], lands: list[str]) -> list[str]:
    """What became of each."""

    def high(land: str, policy: str) -> list[float]:
        return by[land, policy]["quality"]

    def apart(land: str, one: str, other: str) -> bool:
        return high(land, one)[1] > high(land, other)[2]

    trees = [policy for policy in TREES if ("unimodal", policy) in by]
    hold = {
        "restarts": [
            (f"{policy} on {land}",
             all(apart(land, policy, rival) for rival in (BASE, "restarts")))
            for land in lands for policy in trees
        ],
        "ceilings": [
            (f"{policy} over {rival} on {land}", apart(land, policy, rival))
            for land in ("ceilings", "deceptive") for policy in ("mcts", "evolution")
            for rival in ("aide", "greedy") if policy in trees and rival in trees
        ],
    }  # fmt: skip
    top = max(POLICIES, key=lambda policy: high("unimodal", policy)[0])
    held = {name: verdict(cases) for name, cases in hold.items()}
    held["greedy"] = ("yes" if top in ("aide", "greedy") else "no", f"the best is {top}")
    lines = ["| statement | held | |", "|---|---|---|"]
    return lines + [f"| {STATEMENTS[name]} | {' | '.join(held[name])} |" for name in STATEMENTS]


def verdict(cases: list[tuple[str, bool]]) -> tuple[str, str]:
    """Of a statement about several pairs, whose intervals do not meet where it holds."""
    fine = [name for name, holds in cases if holds]
    words = f"surely in {len(fine)} of {len(cases)}" + (": " if fine else "") + ", ".join(fine)
    return ("yes" if len(fine) == len(cases) else "in part" if fine else "no"), words


def operators_told(part: dict[str, Any]) -> str:
    """Both tables, and whose share of the variance is larger."""
    names = (BASE, *TREES)
    lines = ["| landscape | mean step | " + " | ".join(names) + " |"]
    lines.append("|---" * (2 + len(names)) + "|")
    words = []
    for land in ("unimodal", "ceilings"):
        for step, row in zip(STEPS, part[land]["table"], strict=True):
            lines.append(f"| {land} | {step:+g} | " + " | ".join(f"{x:.2f}" for x in row) + " |")
        shares = ", ".join(f"{name} {share:.0%}" for name, share in part[land]["shares"].items())
        words.append(f"Of the variance between the cells of {land}: {shares}.")
    return "\n".join([*lines, "", *words]) + "\n"


def selection_told(part: dict[str, Any]) -> str:
    """Shares of the gap that each rule closes."""
    names = [name for name in RULES if name != "argmax"]
    lines = ["| nodes | noise | " + " | ".join(names) + " |", "|---" * (2 + len(names)) + "|"]
    for row in part["rows"]:
        cells = " | ".join(said(row["closed"][name]) for name in names)
        lines.append(f"| {row['nodes']} | {row['noise']:g} | {cells} |")
    lines += ["", "| noise | quality of the best measured | closed form |", "|---|---|---|"]
    for row in part["rows"]:
        if "expected" in row:
            quality = said(row["quality"], digits=3)
            lines.append(f"| {row['noise']:g} | {quality} | {row['expected']:.3f} |")
    return "\n".join(lines) + "\n"


TOLD = {"policies": policies_told, "operators": operators_told, "selection": selection_told}


def main() -> None:
    """Measure what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--page", action="store_true", help="of what is on file, measure nothing")
    default = ROOT / "benchmarks" / "results" / "search_gym.json"
    parser.add_argument("--results", type=Path, default=default)
    given = parser.parse_args()
    found = json.loads(given.results.read_text()) if given.page else measured(
        given.results, tiny=given.tiny
    )  # fmt: skip
    for name, tell in TOLD.items():
        text = tell(found["parts"][name])
        print(text)
        if not given.tiny:
            into_page("../search-gym.md", f"gym {name}", text)


if __name__ == "__main__":
    main()
