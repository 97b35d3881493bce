"""How fast a search itself is, beside treequest and openevolve, in turns in one run.

    uv run python benchmarks/search_speed.py --treequest PYTHON --openevolve PYTHON \\
        --results benchmarks/results/search_speed.json

PYTHON is the interpreter of an environment that has the peer; what it needs is at the head of its
driver in `benchmarks/peers`. Models and evaluators answer at once, so that all time is the
search's own.

- ab-mcts-m: trees of so many nodes in memory, on both sides; scores are a parent's and a normal
  step, in [0, 1]. `cairn, journaled` is the whole search beside it: prompts, answers, a journal.
- controller: seconds an evaluation of whole runs (openevolve's controller with two processes, our
  journaled search with `map-elites` and two workers), from the difference of two runs of unequal
  length, so that nobody pays for its start. No jail on either side.

Every time is a pair: on the wall, which other work on the machine makes longer, and of processors.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cairn
from cairn.bench.sides import Side
from cairn.core.errors import CairnError
from cairn.lm.scripted import ScriptedModel
from cairn.research.evaluation import Graded, Problem
from cairn.research.node import Node, Tree
from cairn.research.policies.mixed import AbMctsM
from cairn.research.policies.table import policy_of
from cairn.research.searching import TreeSearch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "verify"))
from provenance import command, keep, source_hash, versions  # noqa: E402

PEERS = {"treequest": "tree_quest.py", "openevolve": "open_evolve.py"}


class Stated:
    """Reads the quality that a program states, as the peer's evaluator does."""

    larger_is_better = True

    async def __call__(self, text, split, clients):
        return Graded(float(text.partition("\n")[0].split("=")[1]), "ok", "")


Took = list[float]
"""Seconds on the wall, and of processors."""


def clocks() -> Took:
    """Seconds on the wall, and of processors, those of processes that ended among them."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return [time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in used)]


def grow(nodes: int, seed: int) -> Took:
    """A tree of AB-MCTS-M in memory."""
    draws, policy, tree = random.Random(seed), AbMctsM(), Tree()
    began = clocks()
    for id in range(nodes):
        proposal = policy.propose(None, tree, (), random.Random(f"{seed} {id}"))
        parent = tree[proposal.parents[0]].score if proposal.parents else 0.3
        assert parent is not None
        score = min(max(parent + draws.gauss(0.0, 0.15), 0.0), 1.0)
        tree = tree.grown(
            Node(id, proposal.parents, proposal.operator, "x", utility=score, score=score)
        )
    return since(began)


def since(began: Took) -> Took:
    """What it took."""
    return [now - then for now, then in zip(clocks(), began, strict=True)]


def answer(request, key) -> str:
    """At once, a program that states its quality, as the peer's model says it."""
    draws = key.random()
    lines = "\n".join(f"x{i} = {i}" for i in range(draws.randrange(5, 60)))
    return f"Try this.\n```python\nquality = {draws.random():.6f}\n{lines}\n```"


def searched(policy: str, evaluations: int, workers: int, seed: int) -> Took:
    """A whole journaled search."""
    problem = Problem("stated", "State a quality.", Stated(), initial="quality = 0.1\n")
    search = TreeSearch(problem, policy_of(policy), seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        began = clocks()
        found = cairn.search(
            search, models={"researcher": ScriptedModel(answer)}, trials=evaluations,
            run=Path(folder) / "run", lag=4 * workers, workers=workers, seed=seed, show=False,
            settings={},
        )  # fmt: skip
        took = since(began)
    if len(found.state.tree) != evaluations or len(found.state.tree.good) < evaluations:
        raise SystemExit("our search has nodes without a score")
    return took


def start(name: str, python: str) -> Side:
    """A peer's driver. Raises CairnError if it does not answer."""
    if shutil.which(python) is None:
        raise CairnError(f"--{name}: {python} is not a program; name its environment's Python.")
    return Side(name, [python, str(HERE / "peers" / PEERS[name])], dict(os.environ))


def mixed(peer: Side, nodes: int, repeats: int) -> dict[str, Any]:
    """Rounds of a tree each."""
    grow(nodes, 0)
    peer.ask({"task": "grow", "nodes": 2, "seed": 0})  # whatever it compiles once
    rows: dict[str, list[Took]] = {"cairn": [], "cairn, journaled": [], "treequest": []}
    for seed in range(1, repeats + 1):
        rows["cairn"].append(grow(nodes, seed))
        theirs = peer.ask({"task": "grow", "nodes": nodes, "seed": seed})
        assert theirs["nodes"] == nodes, theirs
        rows["treequest"].append(theirs["took"])
        rows["cairn, journaled"].append(searched("ab-mcts-m", nodes, 1, seed))
        print("ab-mcts-m", {name: row[-1] for name, row in rows.items()}, flush=True)
    ours = ("cairn", "cairn, journaled")
    return {"nodes": nodes, "seconds": rows, "times_faster": {
        name: ratios(rows["treequest"], rows[name]) for name in ours
    }}  # fmt: skip


def controller(peer: Side, few: int, many: int, repeats: int) -> dict[str, Any]:
    """Rounds of two runs each."""
    searched("map-elites", few, 2, 0)
    peer.ask({"task": "evolve", "evaluations": few, "workers": 2, "seed": 0})
    rows: dict[str, list[Took]] = {"cairn": [], "openevolve": []}

    def theirs(evaluations: int, seed: int) -> Took:
        said = {"task": "evolve", "evaluations": evaluations, "workers": 2, "seed": seed}
        answered = peer.ask(said)
        assert answered["last"] >= evaluations - 1, answered
        return answered["took"]

    for seed in range(1, repeats + 1):
        for name, run in (
            ("cairn", lambda n, seed=seed: searched("map-elites", n, 2, seed)),
            ("openevolve", lambda n, seed=seed: theirs(n, seed)),
        ):
            short, long = run(few), run(many)
            rows[name].append([(b - a) / (many - few) for a, b in zip(short, long, strict=True)])
        print("controller", {name: row[-1] for name, row in rows.items()}, flush=True)
    return {"evaluations": [few, many], "seconds": rows,
            "times_faster": ratios(rows["openevolve"], rows["cairn"])}  # fmt: skip


def ratios(theirs: list[Took], ours: list[Took]) -> dict[str, list[float]]:
    """By clock: median, least and greatest of the rounds' ratios."""
    told = {}
    for at, clock in enumerate(("wall", "processor")):
        found = sorted(a[at] / b[at] for a, b in zip(theirs, ours, strict=True))
        told[clock] = [round(one, 2) for one in (statistics.median(found), found[0], found[-1])]
    return told


def main() -> None:
    """Measure what was asked for; write it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in PEERS:
        parser.add_argument(f"--{name}", metavar="PYTHON", help="of an environment that has it")
    parser.add_argument("--nodes", type=int, default=50, help="of a tree of AB-MCTS-M (50)")
    parser.add_argument("--evaluations", type=int, nargs=2, default=(50, 550), metavar="N")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--results", type=Path, help="JSON file; other rows of it stay")
    arguments = parser.parse_args()
    record = {}
    if arguments.results and arguments.results.exists():
        record = json.loads(arguments.results.read_text())
    for name, python in (("treequest", arguments.treequest), ("openevolve", arguments.openevolve)):
        if python is None:
            continue
        load, peer = os.getloadavg()[0], start(name, python)
        try:
            about = peer.ask({"task": "versions"})
            if name == "treequest":
                row = mixed(peer, arguments.nodes, arguments.repeats)
            else:
                row = controller(peer, *arguments.evaluations, arguments.repeats)
        finally:
            peer.close()
        sources = source_hash(Path(__file__), ("core", "engine", "lm", "research", "runs"))
        record[name] = {**row, "command": command(), "versions": versions(), "peer": about,
                        "sources": sources, "load_at_start": round(load, 2)}  # fmt: skip
        print(json.dumps({name: row["times_faster"]}), flush=True)
        if arguments.results:
            keep(arguments.results, record)


if __name__ == "__main__":
    main()
