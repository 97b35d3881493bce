"""What Chain-of-Verification does to planted errors, by variant. SIMULATED: no language model.

    uv run python benchmarks/verify/cove_simulated.py [--records 400]

`cairn refine verify` itself, on drafts of six items each, half of them wrong. The simulated model
answers a short question right with chance a; where it sees its draft it repeats the claim with
chance r instead. So of right and of wrong items there stay

    joint               r + (1 - r) a      r + (1 - r) (1 - a)
    without the draft   a                  1 - a                   two-step, factored, factor+revise

Beside them: as many items deleted at random as the variant deleted, whose precision stays. Wilson's
intervals; every item of every draft is counted.
"""

import argparse
import json
import random
import tempfile
from pathlib import Path
from typing import Any

from provenance import command, keep, source_hash, versions

from cairn.core.stats import rate
from cairn.refine import cove_simulated
from cairn.refine.cove import VARIANTS, Verification
from cairn.refine.cove_run import VerifyConfig, verify
from cairn.refine.cove_simulated import ITEM, Memory, belongs

RESULTS = Path(__file__).parent / "results" / "cove"
A, R = 0.8, 0.9


def items(text: str) -> list[int]:
    return [int(number) for number in ITEM.findall(text)]


def measured(variant: str, records: int) -> dict[str, Any]:
    """One variant, counted and predicted."""
    given = [{"id": f"r{n}", "prompt": f"List items of kind {n}."} for n in range(records)]
    config = VerifyConfig(models={}, verification=Verification(variant))  # type: ignore[arg-type]
    players = {"writer": cove_simulated.memory(Memory(right=A, repeats=R))}
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.jsonl"
        found = verify(given, output, config, run=Path(folder) / "r", players=players, show=False)
        rows = [json.loads(line) for line in output.read_text().splitlines()]
    before = [n for row in rows for n in items(row["draft"])]
    after = [n for row in rows for n in items(row["text"])]
    counts = {
        truth: (sum(belongs(n) == truth for n in before), sum(belongs(n) == truth for n in after))
        for truth in (True, False)
    }
    chance = {True: A, False: 1 - A}
    if variant == "joint":
        chance = {truth: R + (1 - R) * value for truth, value in chance.items()}
    at_random = sum(map(belongs, random.Random(0).sample(before, len(after))))
    kept = {
        name: {"kept": rate(counts[t][1], counts[t][0])._asdict(), "predicted": round(chance[t], 4)}
        for name, t in (("right", True), ("wrong", False))
    }
    return {
        "variant": variant, "records": records, "calls a record": found.spent.calls / records,
        **kept,
        "right before": rate(counts[True][0], len(before))._asdict(),
        "right after": rate(counts[True][1], len(after))._asdict(),
        "right, as many deleted at random": rate(at_random, len(after))._asdict(),
        "inside": all(k["kept"]["low"] <= k["predicted"] <= k["kept"]["high"]
                      for k in kept.values()),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--records", type=int, default=400)
    arguments = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    rows = []
    for variant in VARIANTS:
        path = RESULTS / f"{variant}-{arguments.records}.json"
        if not path.exists():
            keep(path, measured(variant, arguments.records))
        rows.append(json.loads(path.read_text()))
        print(json.dumps(rows[-1]), flush=True)
    made = {
        "simulated": True, "answers right without the draft": A, "repeats its draft": R,
        "variants": rows, "command": command(), "versions": versions(),
        "sources": source_hash(Path(__file__), ("refine",)),
    }  # fmt: skip
    keep(RESULTS / "simulated.json", made)


if __name__ == "__main__":
    main()
