"""A ReAct agent in the shell beside tree searchers: best attempt@4 and submission@4. SIMULATED.

    uv run python benchmarks/verify/search_agents.py [--tiny] [--page] [--results FILE]

On a shipped task with the data of seed 0, ATTEMPTS episodes of MLGym's shell, each with a script in
place of the model: it writes a program by a command, validates it, goes on from the best that it
saw, and submits it. Its programs are those of the simulated researcher of `search_shipped.py`, and
its validations are nearly as many: in each attempt the starter, 7 programs and the one to hand in,
against 30 nodes of a search and the 5 that the selection split sees.
"""

import argparse
import asyncio
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import search_shipped
from provenance import ROOT, command, keep, source_hash, versions
from shipped_study import gain, into_page, mean_of, task_of, told

import cairn
from cairn.lm.scripted import ScriptedModel
from cairn.research.metrics.profiles import best_at
from cairn.research.shell.agent import Attempts, Config
from cairn.research.shipped.researcher import ShippedResearcher
from cairn.research.tasks.task import better

TASKS = ("3-sat", "friedman")
SEEDS, ATTEMPTS, PROGRAMS = 5, 4, 7
WRITE = "cat > program.py <<'END-OF-PROGRAM'\n{}END-OF-PROGRAM"
_WRITTEN = re.compile(r"<<'END-OF-PROGRAM'\n(.*?)END-OF-PROGRAM\n```", re.S)
_SCORE = re.compile(r"^Score \([^)]*\): (\S+)", re.M)
_NOTE = re.compile(r"^I saw: (.*)$", re.M)


class Typist:
    """A script that works in the shell as a model would: thought and command, turn by turn. What it
    saw it writes down, since old observations are left out of the conversation."""

    def __init__(self, task: str, larger: bool, programs: int):
        self.researcher, self.larger, self.programs = ShippedResearcher(task), larger, programs

    def __call__(self, request: Any, key: Any) -> str:
        answers = [m.content for m in request.messages if m.role == "assistant"]
        observed = request.messages[-1].content
        notes = json.loads(_NOTE.findall(answers[-1])[-1]) if answers else []
        written = [found[1] for found in map(_WRITTEN.search, answers) if found]
        validated = bool(answers) and answers[-1].endswith("```\nvalidate\n```")
        if validated:
            score = _SCORE.search(observed)
            notes.append(float(score[1]) if score else None)
        thought = f"I saw: {json.dumps(notes)}\n```\n"
        if not answers:
            return f"{thought}cp program.py first.py\n```"
        if not validated:
            return f"{thought}validate\n```"
        # notes[0] is the starter's, notes[i] that of the i-th program.
        best = None
        for i, score in enumerate(notes):
            if score is not None and (
                best is None or better(score, notes[best], larger_is_better=self.larger)
            ):
                best = i
        if len(written) > self.programs or len(notes) > self.programs + 1:
            return f"{thought}submit\n```"
        if len(written) == self.programs:  # hand in the best, which may not be the last
            back = WRITE.format(written[best - 1]) if best else "cp first.py program.py"
            return f"{thought}{back}\n```"
        failed = notes[-1] is None
        shown = [written[-1]] if failed and written else [written[best - 1]] if best else []
        _, program = self.researcher.move(shown, failed and bool(shown), key.random())
        return f"{thought}{WRITE.format(program)}\n```"


def one(name: str, seed: int, kept: Path, attempts: int, programs: int) -> dict[str, Any]:
    """A run of so many attempts."""
    task = task_of(name, kept)
    policy = Attempts(task, Config(steps=2 * programs + 5))
    model = ScriptedModel(Typist(name, task.larger_is_better, programs), "simulated-typist", seed)
    with tempfile.TemporaryDirectory() as folder:
        found = cairn.search(
            policy, models={"researcher": model}, trials=attempts, lag=1, workers=1, seed=seed,
            settings={}, show=False, run=Path(folder) / "run",
        )  # fmt: skip
    how = {"larger_is_better": task.larger_is_better}
    handed_in = [[attempt["submitted"]] for attempt in found.state]
    best = best_at(handed_in, attempts, **how)
    (first, *_) = (a["submission"] for a in found.state if a["submitted"] == best)
    return {
        "attempt": best_at([attempt["scores"] for attempt in found.state], attempts, **how),
        "submission": best,
        "test": asyncio.run(policy.tested(first)),
        "validations": sum(len(attempt["scores"]) for attempt in found.state),
        "statuses": [attempt["status"] for attempt in found.state],
    }


def measured(out: Path, kept: Path, *, tiny: bool) -> Any:
    """Fill what is missing."""
    seeds, attempts, programs = (1, 2, 2) if tiny else (SEEDS, ATTEMPTS, PROGRAMS)
    record = json.loads(out.read_text()) if out.exists() else {"rows": {}}
    record |= {
        "simulated": True, "seeds": seeds, "attempts": attempts, "programs": programs,
        "command": command(), "versions": versions(),
        "sources": source_hash(Path(__file__), ("research",)),
    }  # fmt: skip
    for seed in range(seeds):
        for task in TASKS[:1] if tiny else TASKS:
            if f"{task} | {seed}" not in record["rows"]:
                record["rows"][f"{task} | {seed}"] = one(task, seed, kept, attempts, programs)
                keep(out, record)
    return record


def table(record: Any, searches: Any) -> str:
    """The agent's figures beside those of tree searches, on the same seeds."""
    heads = ("task", "agent: best attempt@4", "best submission@4", "its test score",
             *(f"`{policy}`: best of the search / test of its choice" for policy in POLICIES),
             f"test of `{POLICIES[-1]}` better than the agent's by")  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    larger = searches["larger_is_better"]
    for task in TASKS:
        rows = [record["rows"][f"{task} | {seed}"] for seed in range(record["seeds"])]
        cells = [f"{mean_of([row[name] for row in rows])[0]:.3g}"
                 for name in ("attempt", "submission", "test")]  # fmt: skip
        for policy in POLICIES:
            pair = [
                search_shipped.of(searches, task, policy, *path)[: len(rows)]
                for path in (("argmax", "search"), ("chosen", "test"))
            ]
            cells.append(" / ".join(f"{mean_of(scores)[0]:.3g}" for scores in pair))
        last = search_shipped.of(searches, task, POLICIES[-1], "chosen", "test")[: len(rows)]
        cells.append(told(gain(last, [row["test"] for row in rows], larger[task])))
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


POLICIES = ("best-of", "mcts", "aide")


def main() -> None:
    """Measure what is missing, print, and write the page if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="to see that it runs")
    parser.add_argument("--page", action="store_true", help="of what is on file, measure nothing")
    parser.add_argument("--kept", type=Path, default=ROOT / "runs" / "search_shipped",
                        help="where the tasks' data lie")  # fmt: skip
    default = ROOT / "benchmarks" / "results" / "search_agents.json"
    parser.add_argument("--results", type=Path, default=default)
    given = parser.parse_args()
    given.kept.mkdir(parents=True, exist_ok=True)
    found = json.loads(given.results.read_text()) if given.page else measured(
        given.results, given.kept, tiny=given.tiny
    )  # fmt: skip
    if given.page:
        searches = json.loads(given.results.with_name("search_shipped.json").read_text())
        print(table(found, searches))
        into_page("agents", table(found, searches))


if __name__ == "__main__":
    main()
