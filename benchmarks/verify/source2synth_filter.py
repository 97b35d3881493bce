"""Does the k = 3 filter do what Bayes says, and the withheld source what it should? SIMULATED.

    uv run python benchmarks/verify/source2synth_filter.py [--items 3000]

`cairn refine synth` itself (seeds, SQL that is executed, halves, filter) on CSV tables of m rows
with different values, with a simulated writer and solver. Shares of items: wrong (the question is
about another row), without an answer (about a row that there is not), right. A try of the solver at
a question with an answer says the truth with chance q, and otherwise one of the other m - 1 values;
at one without, one of the m values. With a look-up's answer v, of k tries one hits

    a right item          a = 1 - (1 - q)^k
    a wrong one           b = 1 - (1 - (1 - q) / (m - 1))^k      v is one of the others
    one without           c = 1 - (1 - 1 / m)^k

so that of what is kept the share r a / (r a + w b + u c) is right. Wilson's intervals. Withheld: a
model that knows some tables by heart, of which no item may be left, and of the others all.
"""

import argparse
import json
import random
import tempfile
from pathlib import Path
from typing import Any

from provenance import command, keep, source_hash, versions

from cairn.core.stats import rate
from cairn.refine.source2synth import simulated
from cairn.refine.source2synth.config import Curation, SourceConfig, SynthConfig
from cairn.refine.source2synth.run import synthesize
from cairn.refine.source2synth.simulated import Solver, Writer, answered

RESULTS = Path(__file__).parent / "results" / "source2synth"
M, K = 10, 3
CELLS = [(p, u, q) for p in (0.2, 0.5) for u in (0.0, 0.3) for q in (0.4, 0.8)]
"""Error, without an answer, accuracy."""


def tables(folder: Path, count: int) -> Path:
    """So many tables of M rows: a name, and a number of three digits, no two alike."""
    folder.mkdir()
    draw = random.Random(0)
    for number in range(count):
        values = draw.sample(range(100, 1000), M)
        body = "".join(f"n{row},{value}\n" for row, value in enumerate(values))
        (folder / f"t{number:05}.csv").write_text("name,v\n" + body)
    return folder


def kind(made: dict[str, Any]) -> str:
    """right, wrong or without (an answer): told from question and context."""
    truth, _ = answered(made["context"], made["question"])
    return "without" if truth is None else "right" if truth == made["answer"] else "wrong"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def ran(source: Path, folder: Path, items: int, writer: Writer, solver: Solver, **more: Any):
    """The half before curation and what is left of it: look-ups alone, whose chances are exact."""
    config = SynthConfig(
        models={}, items=items, source=SourceConfig(around=M),
        curate=Curation(impute=False, withheld="blind" in more),
    )  # fmt: skip
    players = {"writer": simulated.writer(writer), "solver": simulated.solver(solver)}
    players |= {role: simulated.solver(model) for role, model in more.items()}
    found = synthesize(
        source, folder / "out.jsonl", config, run=folder / "run", players=players, show=False
    )
    both = (lines(folder / "run" / "half.jsonl"), lines(folder / "out.jsonl"))
    return found, [[made for made in part if "where" in made["question"]] for part in both]


def cell(source: Path, folder: Path, items: int, p: float, u: float, q: float) -> dict[str, Any]:
    """One setting, counted and predicted."""
    found, (before, after) = ran(source, folder, items, Writer(p, u), Solver(q))
    counts = {k: [sum(kind(m) == k for m in part) for part in (before, after)]
              for k in ("right", "wrong", "without")}  # fmt: skip
    chance = {
        "right": 1 - (1 - q) ** K,
        "wrong": 1 - (1 - (1 - q) / (M - 1)) ** K,
        "without": 1 - (1 - 1 / M) ** K,
    }
    weight = {name: n[0] * chance[name] for name, n in counts.items()}
    predicted = weight["right"] / sum(weight.values())
    precision = rate(counts["right"][1], len(after))
    answerable = [rate(len(part) - counts["without"][at], len(part))
                  for at, part in enumerate((before, after))]  # fmt: skip
    kept = {
        name: {"kept": rate(n[1], n[0])._asdict(), "predicted": round(chance[name], 4)}
        for name, n in counts.items() if n[0]
    }  # fmt: skip
    return {
        "error": p, "without an answer": u, "accuracy": q,
        "right before": rate(counts["right"][0], len(before))._asdict(),
        "right after": precision._asdict(), "right after, predicted": round(predicted, 4),
        "inside": precision.low <= predicted <= precision.high, "kept": kept,
        "answerable before": answerable[0]._asdict(), "answerable after": answerable[1]._asdict(),
        "difficulty": {n: c for n, c in found.funnel["curate"].items() if "solved" in n},
    }  # fmt: skip


def withheld(source: Path, folder: Path, items: int) -> dict[str, Any]:
    """A model that knows the numbers of n0, n1 and n2 of the first tables: too few to matter where
    rows are of many tables, so all tables here are one."""
    one = folder / "one.csv"
    draw = random.Random(1)
    values = draw.sample(range(100, 1000), 60)
    one.write_text("name,v\n" + "".join(f"n{row:02},{v}\n" for row, v in enumerate(values)))
    known = values[:20]
    head = 'table "one" ("name" TEXT, "v" INTEGER), 60 rows; rows 0 to 19:\n'
    memory = head + "\n".join(f"n{row:02} | {v}" for row, v in enumerate(known))
    config = SynthConfig(models={}, items=items, source=SourceConfig(around=60),
                         curate=Curation(impute=False))  # fmt: skip
    players = {
        "writer": simulated.writer(), "solver": simulated.solver(Solver(1.0)),
        "blind": simulated.solver(Solver(1.0, memory)),
    }  # fmt: skip
    synthesize(one, folder / "w.jsonl", config, run=folder / "w", players=players, show=False)
    parts = lines(folder / "w" / "half.jsonl"), lines(folder / "w.jsonl")
    looked = [[m for m in part if "where" in m["question"]] for part in parts]
    by_heart = [[int(m["answer"]) in known for m in part] for part in looked]
    return {
        "known by heart": f"{sum(by_heart[0])} of {len(by_heart[0])} look-ups before",
        "of them kept": sum(by_heart[1]),
        "others before": by_heart[0].count(False), "others kept": by_heart[1].count(False),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--items", type=int, default=3000)
    arguments = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        source = tables(Path(name) / "tables", arguments.items // 4)
        for p, u, q in CELLS:
            path = RESULTS / f"filter-{arguments.items}-{p}-{u}-{q}.json"
            if not path.exists():
                with tempfile.TemporaryDirectory() as folder:
                    keep(path, cell(source, Path(folder), arguments.items, p, u, q))
            rows.append(json.loads(path.read_text()))
            print(json.dumps(rows[-1]), flush=True)
        with tempfile.TemporaryDirectory() as folder:
            blind = withheld(source, Path(folder), 200)
    made = {
        "simulated": True, "items": arguments.items, "rows of a table": M, "tries": K,
        "cells": rows, "inside": sum(row["inside"] for row in rows), "withheld source": blind,
        "command": command(), "versions": versions(),
        "sources": source_hash(Path(__file__), ("refine/source2synth",)),
    }  # fmt: skip
    keep(RESULTS / "filter.json", made)
    print(json.dumps(blind), f"{made['inside']} of {len(rows)} predictions inside their intervals")


if __name__ == "__main__":
    main()
