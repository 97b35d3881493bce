"""Tree policies against best-of-N on shipped tasks, and operators crossed with policies. SIMULATED.

    uv run python benchmarks/verify/search_shipped.py [--tiny] [--page] [--kept DIR]
        [--results FILE] [--seeds N] [--minutes M] [TASK ...]

The researcher is a script (`cairn.research.shipped.researcher`), its programs are real and each is
run in the jail, once (`shipped_study`). On the same data (seed 0) every policy has TRIALS
evaluations on the search split and N seeds, which are the researcher's and the policy's; of the 5
best nodes the selection split picks one, which is scored on the test split. Search by search into
FILE: stopped, the same command goes on.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from provenance import ROOT, command, keep, source_hash, versions
from shipped_study import (
    AIDE,
    AIRA,
    Remembering,
    gain,
    into_page,
    mean_of,
    searched,
    task_of,
    told,
)

from cairn.research.shipped.researcher import ShippedResearcher

SEEDS, TRIALS = 10, 30
SURE = 10
"""From so many seeds on an interval is wide enough to call a difference sure."""
TASKS = ("3-sat", "friedman", "churn", "digits", "optimiser")
CROSSED = ("3-sat", "friedman")
BASE, WIDE = "best-of", "best-of, whole grammar"
TREES = ("restarts", "greedy", "aide", "mcts", "evolution", "ab-mcts-a")
OPERATED = ("greedy", "mcts", "evolution")
ARMS: dict[str, dict[str, Any]] = {
    BASE: {"policy": "best-of"},
    WIDE: {"policy": "best-of", "wide": True},
    **{name: {"policy": name} for name in TREES},
    **{f"{name}, AIRA": {"policy": name, "aira": True} for name in OPERATED},
}
"""By name: the policy, whether drafts come from the whole grammar, and whose operators it has."""


def arms(task: str) -> list[str]:
    """Those that are run on a task."""
    return [name for name in ARMS if task in CROSSED or not name.endswith("AIRA")]


def one(task: Any, grader: Remembering, arm: str, seed: int, trials: int) -> dict[str, Any]:
    """A search."""
    how = ARMS[arm]
    aira = how.get("aira", False)
    # Evolution was measured before it had a cue of complexity.
    settings = {"complexity": True} if aira and how["policy"] != "evolution" else {}
    researcher = ShippedResearcher(task.name, wide=how.get("wide", False))
    return searched(
        task, grader, researcher, policy=how["policy"], settings=settings,
        asking=AIRA if aira else AIDE, trials=trials, seed=seed,
    )  # fmt: skip


def measured(
    out: Path, kept: Path, tasks: list[str], seeds: int, *, tiny: bool, until: float
) -> Any:
    """Fill what is missing."""
    trials = 6 if tiny else TRIALS
    record = json.loads(out.read_text()) if out.exists() else {}
    rows = record.setdefault("rows", {})
    record |= {
        "simulated": True, "trials": trials, "command": command(),
        "versions": versions(), "sources": source_hash(Path(__file__), ("research",)),
    }  # fmt: skip
    larger = record.setdefault("larger_is_better", {})
    for name in tasks:
        kept.mkdir(parents=True, exist_ok=True)
        task = task_of(name, kept)
        larger[name] = task.larger_is_better
        grader = Remembering(task, kept / f"{name}.jsonl")
        for seed in range(seeds):
            for arm in arms(name):
                if time.time() > until:
                    return record
                if f"{name} | {arm} | {seed}" not in rows:
                    rows[f"{name} | {arm} | {seed}"] = one(task, grader, arm, seed, trials)
                    keep(out, record, indent=None)
        print(name, len(grader.known), "programs and splits were run", flush=True)
    return record


def seeds_of(record: Any, task: str) -> int:
    """How many seeds of a task have every arm on file."""
    seeds = 0
    while all(f"{task} | {arm} | {seeds}" in record["rows"] for arm in arms(task)):
        seeds += 1
    return seeds


def of(record: Any, task: str, arm: str, *path: str) -> list[float]:
    """A figure of a task and an arm, seed by seed."""
    found = []
    for seed in range(seeds_of(record, task)):
        row = record["rows"][f"{task} | {arm} | {seed}"]
        for name in path:
            row = row[name]
        found.append(row)
    return found


def complete(record: Any) -> list[str]:
    """Tasks with two seeds or more."""
    return [task for task in TASKS if seeds_of(record, task) >= 2]


def judged(record: Any) -> dict[str, dict[str, str]]:
    """By task and policy: "better" or "worse" than best-of-N if the interval leaves 0 out, or
    "open". Only tasks with seeds enough."""
    found: dict[str, dict[str, str]] = {}
    for task in complete(record):
        if seeds_of(record, task) < SURE:
            continue
        found[task] = {}
        base = of(record, task, BASE, "chosen", "test")
        for arm in (WIDE, *TREES):
            ours = of(record, task, arm, "chosen", "test")
            _, low, high = gain(ours, base, record["larger_is_better"][task])
            found[task][arm] = "better" if low > 0 else "worse" if high < 0 else "open"
    return found


def policies(record: Any) -> str:
    """Test scores of the chosen node, and how much better they are than best-of-N's."""
    tasks, verdicts = complete(record), judged(record)
    arrows = {True: "↑", False: "↓"}
    heads = [
        f"{task} {arrows[record['larger_is_better'][task]]}, {seeds_of(record, task)} seeds"
        for task in tasks
    ]
    lines = [f"| policy | {' | '.join(heads)} |", f"|---{'|---' * len(tasks)}|"]
    cells = [told(mean_of(of(record, task, BASE, "chosen", "test"))) for task in tasks]
    lines.append(f"| `best-of`: its own score | {' | '.join(cells)} |")
    for arm in (*TREES, WIDE):
        cells = []
        for task in tasks:
            ours, base = (of(record, task, a, "chosen", "test") for a in (arm, BASE))
            text = told(gain(ours, base, record["larger_is_better"][task]))
            cells.append({"better": f"**{text}**", "worse": f"*{text}*"}.get(
                verdicts.get(task, {}).get(arm, "open"), text))  # fmt: skip
        name = arm if arm == WIDE else f"`{arm}`"
        lines.append(f"| {name} | {' | '.join(cells)} |")
    sure = [f"`{a}` on {sum(found[a] == 'better' for found in verdicts.values())}" for a in TREES]
    worse = sum(found[a] == "worse" for found in verdicts.values() for a in TREES)
    return "\n".join(lines) + (
        f"\n\nSurely better than best-of-N, of the {len(verdicts)} tasks with {SURE} seeds: "
        f"{', '.join(sure)}; surely worse: {worse} of {len(verdicts) * len(TREES)} cells.\n"
    )


def operators(record: Any) -> str:
    """Operators crossed with policies: test score, what AIRA's add, and the gap of the argmax."""
    heads = ("task", "policy", "AIDE's: test", "AIRA's: test", "AIRA's better by",
             "gap, AIDE's", "gap, AIRA's", "gap of the chosen, AIDE's", "AIRA's")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for task in (task for task in complete(record) if task in CROSSED):
        larger = record["larger_is_better"][task]
        for policy in OPERATED:
            pair = policy, f"{policy}, AIRA"
            tests = [of(record, task, arm, "chosen", "test") for arm in pair]
            cells = [f"{mean_of(test)[0]:.3g}" for test in tests]
            cells.append(told(gain(tests[1], tests[0], larger)))
            for node in ("argmax", "chosen"):
                for arm in pair:
                    search, test = (of(record, task, arm, node, s) for s in ("search", "test"))
                    cells.append(told(gain(search, test, larger)))
            lines.append(f"| {task} | `{policy}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


TABLES = {"shipped policies": policies, "shipped operators": operators}


def main() -> None:
    """Measure what is missing, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=list(TASKS), metavar="TASK")
    parser.add_argument("--tiny", action="store_true", help="to see that it runs")
    parser.add_argument("--page", action="store_true", help="of what is on file, measure nothing")
    parser.add_argument("--kept", type=Path, default=ROOT / "runs" / "search_shipped",
                        help="where data and outcomes of programs lie")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of the tasks that are named")
    parser.add_argument("--minutes", type=float, default=1e6, help="stop after so many")
    default = ROOT / "benchmarks" / "results" / "search_shipped.json"
    parser.add_argument("--results", type=Path, default=default)
    given = parser.parse_args()
    until = time.time() + 60 * given.minutes
    found = json.loads(given.results.read_text()) if given.page else measured(
        given.results, given.kept, given.tasks, 2 if given.tiny else given.seeds,
        tiny=given.tiny, until=until,
    )  # fmt: skip
    for mark, tell in TABLES.items():
        print(tell(found))
        if given.page:
            into_page(mark, tell(found))


if __name__ == "__main__":
    main()
