"""Does the benchmark of `cairn refine` find again what a simulated refiner was told to do wrong?

    uv run python benchmarks/verify/refine_recovers.py [--records 5000] [--results FILE]

Everything here is simulated: a scripted refiner that works from labels and errs at known rates, and
a verifier that misses a known share of leaks. Three parts, on documents of the held-out forms:

1. One pass at several settings of all five errors. Each injected rate must lie in the interval
   (95 %) of the rate that is found; of so many intervals a few miss by chance, so the share that
   holds is told, and how far off those are that do not.
2. Verify and retry: what leaks among accepted documents must follow e m / (1 - e (1 - m)), where e
   is the chance that one pass leaks (of each document: 1 - (1 - leak)^groups, over its groups of
   values that are left together) and m the verifier's misses.
3. Retries that are told which check failed, against retries that are not, at equal settings.
"""

import argparse
import sys
import time
from collections import Counter
from importlib import metadata
from pathlib import Path

from provenance import command, keep, source_hash, versions

from cairn.core.stats import rate, wilson
from cairn.refine.bench import Benchmark
from cairn.refine.made.records import make
from cairn.refine.rewriting_score import leaks
from cairn.refine.simulated import Errors, SimulatedRefiner, SimulatedVerifier, groups
from cairn.refine.tasks.base import Task

RESULTS = Path(__file__).parent / "results" / "refine_recovers.json"
SETTINGS = (
    Errors(),
    Errors(leak=0.005, over=0.002, refuse=0.01, invent=0.01, cut=0.005),
    Errors(leak=0.02, over=0.01, refuse=0.03, invent=0.02, cut=0.02),
    Errors(leak=0.05, over=0.03, refuse=0.05, invent=0.05, cut=0.05),
    Errors(leak=0.15, over=0.06, refuse=0.1, invent=0.1, cut=0.08),
    Errors(leak=0.4, over=0.12, refuse=0.3, invent=0.25, cut=0.2),
)
VERIFIED = ((0.05, 0.1), (0.05, 0.5), (0.2, 0.1), (0.2, 0.3), (0.2, 1.0), (0.4, 0.3))
"""Pairs of leak and miss."""


def recovered(records, errors: Errors) -> dict:
    bench = Benchmark(records)
    players = {"refiner": SimulatedRefiner(records, errors).model()}
    made = bench.rewrite("simulated", Task("one-pass", "Rewrite.", tries=1), players)
    score = bench.rewriters["simulated"]
    became = Counter(rewrite.outcome for rewrite in made)
    found = {
        "leak": score.leaks["any kind"],
        "over": score.over_edited,
        "refuse": score.outcomes["refused"],
        "invent": score.added,
        "cut": rate(
            became["cut"], len(made) - became["refused"]
        ),  # of the answers that were no refusals
    }
    return {
        name: {
            "injected": getattr(errors, name),
            "found": share.value,
            "interval": [share.low, share.high],
            "of": share.of,
            "holds": bool(share.low <= getattr(errors, name) <= share.high),
        }
        for name, share in found.items()
    }


def residual(records, leak: float, miss: float, heed: float, tries: int) -> dict:
    private = [record for record in records if record.spans]
    refiner = SimulatedRefiner(private, Errors(leak=leak, heed=heed))
    check = SimulatedVerifier(private, miss=miss, seed=1)
    task = Task("verified", "Rewrite.", checks=(check,), tries=tries)
    made = Benchmark(private).rewrite("verified", task, {"refiner": refiner.model()})
    pairs = [(r, w) for r, w in zip(private, made, strict=True) if w.text is not None]
    leaked = sum(bool(leaks(record, rewrite.text or "")) for record, rewrite in pairs)
    expected = accepted = attempts = 0.0
    for record in private:
        e = 1 - (1 - leak) ** groups(record)
        again = e * (1 - miss)  # the chance that a try is turned down
        accepted += 1 - again**tries
        # Of accepted documents the share that leaks is the same at every try.
        expected += (1 - again**tries) * e * miss / (1 - again)
        attempts += (1 - again**tries) / (1 - again)
    low, high = wilson(leaked, len(pairs))
    share = expected / accepted
    return {
        "leak": leak, "miss": miss, "heed": heed, "tries": tries, "documents": len(private),
        "accepted": len(pairs), "accepted_expected": round(accepted, 1),
        "leaking": leaked / len(pairs), "interval": [low, high], "formula": share,
        "holds": bool(low <= share <= high),
        "tries_mean": sum(rewrite.tries for rewrite in made) / len(made),
        "tries_expected": attempts / len(private),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    began = time.process_time()
    records = list(make(asked.records, seed=15))
    one_pass = [recovered(records, errors) for errors in SETTINGS]
    checked = [row for setting in one_pass for row in setting.values() if row["injected"] > 0]
    none = one_pass[0]
    verified = [residual(records, leak, miss, 0.0, 20) for leak, miss in VERIFIED]
    retries = [residual(records, 0.2, 0.1, heed, 3) for heed in (0.0, 0.5, 0.9)]
    for row in retries[1:]:  # of retries that heed there is no formula here
        for name in ("accepted_expected", "formula", "holds", "tries_expected"):
            del row[name]
    result = {
        "simulated": True,
        "command": command(),
        "source": source_hash(Path(__file__), ["refine"]),
        "versions": versions(faker=metadata.version("faker")),
        "cpu_s": round(time.process_time() - began, 1),
        "documents": len(records),
        "one_pass": one_pass,
        "intervals": len(checked),
        "intervals_that_hold": sum(row["holds"] for row in checked),
        "without_errors": {name: row["found"] for name, row in none.items()},
        "verified": verified,
        "feedback": retries,
    }
    keep(asked.results, result)
    for row in (row for setting in one_pass for row in setting.items()):
        print(row)
    for row in (*verified, *retries):
        print(row)
    print(f"{result['intervals_that_hold']} of {result['intervals']} intervals hold")
    enough = result["intervals_that_hold"] >= 0.85 * len(checked)
    follow = sum(row["holds"] for row in verified)
    print(f"{follow} of {len(verified)} follow the formula")
    return 0 if enough and follow >= len(verified) - 1 else 1


if __name__ == "__main__":
    sys.exit(main())
