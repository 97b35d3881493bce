"""The demo's task: do tree policies beat best-of-N at equal evaluations? Simulated researcher.

    uv run python benchmarks/verify/search_demo.py [--tiny] --results FILE

Every policy with its defaults, the demo's scripted researcher, 60 evaluations on the search split,
10 seeds; the final node is the best of the 8 best on the selection split, and its error on the test
split is reported (lower is better). Programs are run in this process instead of the jail, since the
grammar that writes them is ours: a test compares both. Rows are added to FILE as they come.
"""

import argparse
import contextlib
import io
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from provenance import command, keep, source_hash, versions

import cairn
from cairn.research import demo
from cairn.research.evaluation import Graded, Problem
from cairn.research.policies.table import policy_of
from cairn.research.searching import TreeSearch
from cairn.research.selection import Selection, candidates

POLICIES = (
    "best-of", "restarts", "greedy", "aide", "mcts", "evolution", "ab-mcts-a", "ab-mcts-m",
)  # fmt: skip


class Here:
    """The demo's grader, of programs that are run in this process."""

    larger_is_better = False

    async def __call__(self, text, split, clients):
        return graded(text, split)


def graded(text: str, split: str) -> Graded:
    """What the jail's grader gives, for programs of the demo's own grammar."""
    left = io.StringIO()
    read = {
        "train.csv": demo.csv("train", labels=True),
        "inputs.csv": demo.csv(split, labels=False),
    }

    def opened(name, mode="r"):
        return contextlib.nullcontext(left) if mode == "w" else io.StringIO(read[name])

    def printed(*words, file=None):
        print(*words, file=file or io.StringIO())

    try:
        exec(compile(text, "main.py", "exec"), {"open": opened, "print": printed})
    except Exception as error:
        return Graded(None, "failed", f"{type(error).__name__}: {error}")
    found = demo.predictions(left.getvalue().encode(), len(demo.table(split)))
    if isinstance(found, str):
        return Graded(None, "invalid", found)
    squares = [(p - y) ** 2 for p, (_, y) in zip(found, demo.table(split), strict=True)]
    score, spread = demo.rmse(squares)
    return Graded(score, "ok", "", spread)


def one(policy: str, seed: int, trials: int) -> dict[str, Any]:
    """A search, the choice, and its error on the test split."""
    problem = Problem("demo", demo.DESCRIPTION, Here(), fingerprint="in-process")
    search = TreeSearch(problem, policy_of(policy), seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        found = cairn.search(
            search, models={"researcher": demo.Researcher().model(seed)}, trials=trials, lag=4,
            workers=1, seed=seed, settings={}, show=False, run=Path(folder) / "run",
        )  # fmt: skip
    tree, rule, measured = found.state.tree, Selection("hidden", top=8), {}
    pool = candidates(tree)
    for want in rule.wanted(pool, measured, "selection"):
        score = graded(tree[want.id].text, "selection").score
        measured[want] = None if score is None else -score
    chosen = rule.choose(pool, measured)
    assert chosen is not None
    argmax = tree.best()
    assert argmax is not None
    return {
        "search": tree[chosen].score,
        "test": graded(tree[chosen].text, "test").score,
        "argmax_search": argmax.score,
        "argmax_test": graded(argmax.text, "test").score,
        "valid": len(tree.good),
    }


def table(rows: dict[str, dict[str, Any]]) -> str:
    """Mean test error by policy, and the paired difference from best-of with 95 % intervals."""
    by: dict[str, dict[int, float]] = {}
    for name, row in rows.items():
        policy, _, seed = name.rpartition(" ")
        by.setdefault(policy, {})[int(seed)] = row["test"]
    lines = ["| policy | test error | less than best-of |", "|---|---|---|"]
    for policy in filter(by.__contains__, POLICIES):
        mean = statistics.fmean(by[policy].values())
        pairs = [by["best-of"][seed] - error for seed, error in by[policy].items()]
        lines.append(f"| `{policy}` | {mean:.2f} | {_interval(pairs, policy)} |")
    return "\n".join(lines) + "\n"


def _interval(pairs: list[float], policy: str) -> str:
    if policy == "best-of" or len(pairs) < 2:
        return "–"
    # Student's t at 97.5 % for 9 degrees of freedom: ten seeds.
    half = 2.262 * statistics.stdev(pairs) / len(pairs) ** 0.5
    mean = statistics.fmean(pairs)
    return f"{mean:.2f} [{mean - half:.2f}, {mean + half:.2f}]"


def main() -> None:
    """Fill what is missing, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="seconds, to see that it runs")
    parser.add_argument("--results", type=Path, required=True, help="JSON file; rows are added")
    arguments = parser.parse_args()
    seeds, trials = (2, 8) if arguments.tiny else (10, 60)
    out = arguments.results
    record = json.loads(out.read_text()) if out.exists() else {}
    rows = record.setdefault("rows", {})
    record |= {
        "simulated": True, "trials": trials, "command": command(), "versions": versions(),
        "sources": source_hash(Path(__file__), ("research",)),
    }  # fmt: skip
    for seed in range(seeds):
        for policy in POLICIES:
            if f"{policy} {seed}" not in rows:
                rows[f"{policy} {seed}"] = one(policy, seed, trials)
                keep(out, record)
    print(table(rows), end="")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
