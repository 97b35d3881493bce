"""Fraction of speed-up recovered (FSR) with and without hints, by time and by FLOP. SIMULATED.

    uv run python benchmarks/verify/search_speedrun.py [--tiny] [--page] [--kept DIR]
        [--results FILE] [--by flops|seconds]

A greedy search begins with record i of the five and is told nothing, or the hint of one level (0
the difference to record i + 1, 1 pseudocode, 2 a description, 3 a short paper). The researcher is a
script. What it knows, and nothing else: it can scale three settings of the program at hand; it
applies a difference that stands in its prompt, always; of the other hints it makes record i + 1
with a chance that is assumed (READS), proposal by proposal. So the table shows that hints reach the
agent and that FSR tells agents apart; how well a model reads hints it does not show.
"""

import argparse
import asyncio
import json
import re
import statistics
from pathlib import Path
from typing import Any

from provenance import ROOT, command, keep, source_hash, versions
from shipped_study import AIDE, Remembering, cairn_problem, into_page, mean_of, run_search

from cairn.lm.scripted import ScriptedModel
from cairn.research.metrics.speedrun import recovered
from cairn.research.shipped import catalogue, speedrun
from cairn.research.shipped.grammars.numerics import speedrunner
from cairn.research.shipped.moves import Moves
from cairn.research.tasks.evaluator import TaskEvaluator
from cairn.research.tasks.folder import read_folder

ARMS: dict[str, tuple[int, ...]] = {"none": (), **{f"level {i}": (i,) for i in range(4)}}
READS = {1: 0.5, 2: 0.25, 3: 0.1}
"""Chance that a proposal gets the next record right from a hint of that level: an assumption."""
HOW = {"flops": (5, 10), "seconds": (2, 5)}
"""Seeds, and evaluations of a search."""
TIMES = 3
"""How often a program is timed for the report; the median counts."""
FAILED = "\n\nIt failed: "
_ARTEFACT = re.compile(r"<artefact-([0-9a-f]{8})>\n(.*?)\n</artefact-\1>", re.S)


class Reader:
    """The researcher of a start."""

    def __init__(self, start: int):
        self.start = start
        self.alone = Moves(speedrunner(start, known=start))

    def model(self, seed: int) -> ScriptedModel:
        """As a model."""
        return ScriptedModel(self.answer, f"simulated-reader-{self.start}", seed)

    def answer(self, request: Any, key: Any) -> str:
        """A program: the next record if a hint of the prompt was understood, or a setting of the
        program at hand changed."""
        prompt, draws = request.messages[-1].content, key.random()
        found = _ARTEFACT.search(prompt)
        at_hand = f"{found[2]}\n" if found else ""
        next_record = Moves(speedrunner(self.start + 1, known=self.start + 1))
        if next_record.grammar.read(at_hand) is not None:  # it has that already
            return self._moved(next_record, at_hand, prompt, draws)
        if FAILED not in prompt and self.understood(prompt, draws):
            text = patched(self.start, prompt) or speedrun.record(self.start + 1)
            first = {name: values[0] for name, values in next_record.grammar.choices.items()}
            assert text == speedrun.record(self.start + 1)
            return told("As others did.", next_record.grammar.text(first))
        return self._moved(self.alone, at_hand, prompt, draws)

    def _moved(self, known: Moves, at_hand: str, prompt: str, draws: Any) -> str:
        if not at_hand:
            return told("Settings.", known.draft(draws))
        if FAILED in prompt:
            return told("Mend.", known.debug(at_hand, draws))
        return told("A setting.", known.improve(at_hand, draws))

    def understood(self, prompt: str, draws: Any) -> bool:
        """Whether a hint is there and is understood."""
        if speedrun.hint(self.start, 0).strip() in prompt:
            return True
        chances = [READS[n] for n in READS if speedrun.hint(self.start, n).strip() in prompt]
        return draws.random() < max(chances, default=0.0)


def told(plan: str, program: str) -> str:
    """An answer."""
    return f"{plan}\n\n```python\n{program}```\n"


def patched(start: int, prompt: str) -> str | None:
    """Record `start` after the unified difference that stands in the prompt, if one does."""
    lines = prompt.splitlines()
    heads = [i for i, line in enumerate(lines) if line.startswith("@@ ")]
    if not heads:
        return None
    before, after, at = speedrun.record(start).splitlines(), [], 0
    for head in heads:
        first = int(re.findall(r"-(\d+)", lines[head])[0]) - 1
        after += before[at:first]
        at = first
        left, right = (int(n) for n in re.findall(r",(\d+)", lines[head]))
        for line in lines[head + 1 :]:
            if not (left or right):
                break
            sign, rest = line[:1] or " ", line[1:]
            if sign != "-":
                after.append(rest)
                right -= 1
            if sign != "+":
                assert before[at] == rest
                at, left = at + 1, left - 1
    return "\n".join([*after, *before[at:]]) + "\n"


def task_of(start: int, by: str, arm: str, kept: Path) -> Any:
    """The speedrun from a record, with the hints of an arm."""
    name = f"speedrun-flops-{start}" if by == "flops" else f"speedrun-{start}"
    folder = kept / "tasks" / f"{name} {arm}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        catalogue.write(name, folder, seed=0, hints=ARMS[arm])
    return read_folder(folder)


def cost(task: Any, text: str, by: str) -> float | None:
    """What a program takes on the test split; None if it does not reach the target there."""
    found = [asyncio.run(TaskEvaluator(task)(text, "test")).score
             for _ in range(TIMES if by == "seconds" else 1)]  # fmt: skip
    return None if None in found else statistics.median(found)  # type: ignore


def one(start: int, by: str, arm: str, seed: int, kept: Path, trials: int) -> dict[str, Any]:
    """A search, and the cost of its best program on the test split."""
    task = task_of(start, by, arm, kept)
    # Hints do not change what a program costs: operations are remembered for all arms alike.
    grader = Remembering(task, kept / f"speedrun-{start}.jsonl") if by == "flops" else (
        TaskEvaluator(task))  # fmt: skip
    tree = run_search(
        cairn_problem(task, grader), Reader(start).model(seed), "greedy", {"drafts": 3}, AIDE,
        trials=trials, seed=seed,
    )  # fmt: skip
    best = tree.best()
    assert best is not None
    return {"search": best.score, "test": cost(task, best.text, by), "valid": len(tree.good),
            "next": (speedrunner(start + 1).read(best.text) or {}).get("record")}  # fmt: skip


def measured(out: Path, kept: Path, kinds: list[str], *, tiny: bool) -> Any:
    """Fill what is missing."""
    record = json.loads(out.read_text()) if out.exists() else {"records": {}, "rows": {}}
    record |= {
        "simulated": True, "command": command(), "versions": versions(), "reads": READS,
        "how": {by: (1, 4) if tiny else how for by, how in HOW.items()},
        "sources": source_hash(Path(__file__), ("research",)),
    }  # fmt: skip
    starts = (4,) if tiny else speedrun.STARTS
    for by in kinds:
        seeds, trials = record["how"][by]
        for start in starts:
            for number in (start, start + 1):  # on the data of that start
                if f"{by} {start} {number}" not in record["records"]:
                    found = cost(task_of(start, by, "none", kept), speedrun.record(number), by)
                    record["records"][f"{by} {start} {number}"] = found
        for seed in range(seeds):
            for start in starts:
                for arm in ARMS:
                    name = f"{by} | {start} | {arm} | {seed}"
                    if name not in record["rows"]:
                        record["rows"][name] = one(start, by, arm, seed, kept, trials)
                        keep(out, record, indent=None)
    return record


def fractions(record: Any, by: str, start: int, arm: str) -> list[float | None]:
    """FSR seed by seed."""
    before, after = (record["records"][f"{by} {start} {n}"] for n in (start, start + 1))
    return [
        recovered(before, after, record["rows"][f"{by} | {start} | {arm} | {seed}"]["test"])
        for seed in range(record["how"][by][0])
    ]


def complete(record: Any, by: str) -> bool:
    """Whether all searches of a kind are on file."""
    return all(
        f"{by} | {start} | {arm} | {seed}" in record["rows"]
        for start in speedrun.STARTS for arm in ARMS for seed in range(record["how"][by][0])
    )  # fmt: skip


def table(record: Any) -> str:
    """FSR by start and arm."""
    lines = ["| by | hints | from 1 | from 2 | from 3 | from 4 | mean of the four |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    kinds = [by for by in HOW if complete(record, by)]
    for by in kinds:
        for arm in ARMS:
            rows = [fractions(record, by, start, arm) for start in speedrun.STARTS]
            cells = ["–" if row[0] is None else f"{statistics.fmean(row):.2f}" for row in rows]  # type: ignore
            seeds = [
                statistics.fmean(row[seed] for row in rows if row[seed] is not None)  # type: ignore
                for seed in range(record["how"][by][0])
            ]
            value, low, high = mean_of(seeds)
            kind = "operations" if by == "flops" else "time"
            whole = f"{value:.2f} [{low:.2f}, {high:.2f}]"
            lines.append(f"| {kind} | {arm} | {' | '.join(cells)} | {whole} |")
    if "seconds" not in kinds:
        return "\n".join(lines) + "\n"
    pairs = "; ".join(
        " and ".join(f"{record['records'][f'seconds {start} {n}']:.2f}" for n in (start, start + 1))
        for start in speedrun.STARTS
    )
    return "\n".join(lines) + f"\n\nSeconds of record i and the next, by start: {pairs}.\n"


def main() -> None:
    """Measure what is missing, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="to see that it runs")
    parser.add_argument("--page", action="store_true", help="of what is on file, measure nothing")
    parser.add_argument("--kept", type=Path, default=ROOT / "runs" / "search_shipped",
                        help="where data and outcomes of programs lie")  # fmt: skip
    parser.add_argument("--by", choices=list(HOW), action="append", help="one of the two alone")
    default = ROOT / "benchmarks" / "results" / "search_speedrun.json"
    parser.add_argument("--results", type=Path, default=default)
    given = parser.parse_args()
    given.kept.mkdir(parents=True, exist_ok=True)
    found = json.loads(given.results.read_text()) if given.page else measured(
        given.results, given.kept, given.by or list(HOW), tiny=given.tiny
    )  # fmt: skip
    if given.page:
        print(table(found))
        into_page("speedrun", table(found))


if __name__ == "__main__":
    main()
