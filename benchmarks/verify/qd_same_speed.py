"""Are the quality-diversity searches of a checkout as fast as another's? Both in alternation.

    python benchmarks/verify/qd_same_speed.py OLD [NEW] [--rounds 5] [--searches line ...]

OLD and NEW are checkouts (NEW: this one). The sphere in 100 dimensions, each measurement in a
process of its own with this interpreter. Seconds are those of the chunks after the first, which
compiles; a ratio above 1 says that NEW is faster. The scores are kept too: from one seed they
may differ where a descriptor fell on the border of a cell and changed sides.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from cairn.bench.qd_search import Algorithm, Size

RESULT = Path(__file__).parents[1] / "results" / "qd_same_speed.json"
ITERATIONS: dict[Algorithm, int] = {
    "map-elites": 3_000,
    "line": 3_000,
    "cma-me": 600,
    "cma-mae": 600,
}


def measure(search: Algorithm) -> dict[str, float]:
    """Seconds of the chunks once compiled, and what the search came to."""
    from cairn.bench import qd

    count = ITERATIONS[search]
    record = qd.search("sphere", search, 0, Size(iterations=count, chunk=count // 3))
    return {"seconds": sum(record["other_chunks_s"]), "qd_score": record["qd_score"]}


def ask(tree: Path, search: str) -> dict[str, float]:
    """`measure` in another process on the package of the checkout `tree`."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OPENBLAS_NUM_THREADS": "1"}
    environment = os.environ | quiet | {"PYTHONPATH": str(tree / "src")}
    command = [sys.executable, __file__, "--ask", search]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{tree.name}, {search}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def compared(rounds: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Median and range of the ratios, round by round."""
    ratios = [each["old"]["seconds"] / each["new"]["seconds"] for each in rounds]
    return {
        "ratio": statistics.median(ratios),
        "range": [min(ratios), max(ratios)],
        "rounds": rounds,
    }


def main() -> None:
    """Alternate, print, and keep what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", nargs="?", type=Path)
    parser.add_argument("new", nargs="?", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--searches", nargs="+", default=list(ITERATIONS), choices=ITERATIONS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ask", choices=ITERATIONS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ask:
        print(json.dumps(measure(asked.ask)))
        return
    if asked.old is None:
        parser.error("expected the old checkout")
    found = {}
    for search in asked.searches:
        rounds = []
        for number in range(asked.rounds):
            sides = [("old", asked.old), ("new", asked.new)]
            turns = sides if number % 2 == 0 else sides[::-1]
            rounds.append({name: ask(tree, search) for name, tree in turns})
        found[search] = compared(rounds)
        low, high = found[search]["range"]
        print(f"{search}: {found[search]['ratio']:.2f} ({low:.2f} to {high:.2f})", flush=True)
    RESULT.write_text(json.dumps({"iterations": ITERATIONS, "searches": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
