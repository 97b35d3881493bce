"""What do the checks of the task `anonymize` turn down of a refiner that makes no error?

    uv run python benchmarks/verify/refine_checks.py [--records 770] [--results FILE]

Simulated: a scripted refiner replaces exactly what the labels of the held-out forms say, and
nothing else. So whatever is rejected is a false alarm of a check, or of the detectors behind it;
and what is public in a rejected document is lost. Beside it one that lets 5 % of the values stay:
what leaks through all checks is what no detector finds.
"""

import argparse
import sys
import time
from collections import Counter
from importlib import metadata
from pathlib import Path

from provenance import command, keep, source_hash, versions

from cairn.refine.bench import Benchmark, plain
from cairn.refine.made.records import make
from cairn.refine.rewriting_score import leaks
from cairn.refine.simulated import Errors, SimulatedRefiner
from cairn.refine.tasks.catalogue import task

RESULTS = Path(__file__).parent / "results" / "refine_checks.json"
ABOUT = ("plain", "negatives", "adversarial", "profile")
ERRORS = {"without errors": Errors(), "5 % of values stay": Errors(leak=0.05)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=770)
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    began = time.process_time()
    records = list(make(asked.records, seed=15, split="held", about=ABOUT))
    benchmark, turned_down = Benchmark(records), {}
    for name, errors in ERRORS.items():
        players = {"refiner": SimulatedRefiner(records, errors).model()}
        made = benchmark.rewrite(name, task("anonymize"), players)
        pairs = list(zip(records, made, strict=True))
        about = Counter(record.form.split("/")[0] for record in records)
        lost = Counter(r.form.split("/")[0] for r, w in pairs if w.text is None)
        leaked = Counter(kind for r, w in pairs if w.text for kind, _ in leaks(r, w.text))
        turned_down[name] = {
            "by_check": Counter(w.reason for _, w in pairs if w.text is None),
            "rejected_of": {part: [lost[part], about[part]] for part in ABOUT},
            "kinds_that_leaked": dict(leaked.most_common()),
        }
    result = {
        "simulated": True,
        "command": command(),
        "source": source_hash(Path(__file__), ["refine"]),
        "versions": versions(faker=metadata.version("faker")),
        "cpu_s": round(time.process_time() - began, 1),
        "turned_down": turned_down,
        **plain(benchmark),
    }
    keep(asked.results, result)
    for name, its in turned_down.items():
        print(name, its)
    return 0


if __name__ == "__main__":
    sys.exit(main())
