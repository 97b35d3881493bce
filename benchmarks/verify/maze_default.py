"""What `cairn train maze` with no flags reaches, and how long it takes on this machine.

    uv run python benchmarks/verify/maze_default.py [--tiny] [--seeds 5] [--results DIR]

For each seed, one after the other: trains in a process of its own with an empty compilation cache,
timed from outside from start to exit, then tests the run with `cairn evaluate --suite all`. One
JSON file per seed; those that exist are skipped. Then prints means with 95 % intervals over seeds.
"""

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import numpy as np
from provenance import keep

from cairn.bench.figures import sources
from cairn.core.stats import bootstrap

ROOT = Path(__file__).parents[2]
CAIRN = [sys.executable, "-c", "from cairn.cli.main import main; main()"]
TINY = shlex.split(
    "--width 7 --height 7 --walls 5 --limit 20 --turns 1 --batch 4 --steps-per-cycle 16 "
    "--hidden 8 --minibatches 1 --epochs 1 --steps 1280 --log-every 10"
)


def measure(seed: int, tiny: bool, keep: Path | None) -> dict:
    """Train and test one seed; its run directory is kept under `keep`."""
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{scratch}/cache"}
        run = f"{keep or scratch}/seed-{seed}"
        train = ["train", "maze", "--seed", str(seed), "--run", run, *(TINY if tiny else [])]
        begun = time.monotonic()
        subprocess.run(CAIRN + train, env=environment, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begun
        suite = ["--suite", "random", "--attempts", "1"] if tiny else ["--suite", "all"]
        evaluate = ["evaluate", run, *suite, "--json", "-"]
        told = subprocess.run(CAIRN + evaluate, env=environment, check=True, capture_output=True)
        lines = [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]
    evaluation = json.loads(told.stdout) | {"run": Path(run).name}
    for name, suite_result in evaluation["suites"].items():
        if name != "named":  # a thousand levels a seed would be a megabyte of results
            del suite_result["levels"]
    return {
        "seed": seed,
        "command": "cairn " + " ".join(train[:4]),
        "train_s": seconds,
        "evaluation": evaluation,
        "curve": [
            {
                "steps": line["ledger"]["training"][0],
                **{name: test["solve_rate"][0] for name, test in line["evaluation"].items()},
            }
            for line in lines
            if "evaluation" in line
        ],
        "sources": sources(),
        "versions": {name: metadata.version(name) for name in ("cairn", "jax", "jaxlib")},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def report(results: list[dict]) -> None:
    """Means over seeds."""
    for suite in results[0]["evaluation"]["suites"]:
        rates = [result["evaluation"]["suites"][suite]["solve_rate"] for result in results]
        estimate = bootstrap(np.asarray(rates)[:, None])
        print(f"{suite:12} {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]", rates)
    print("train_s     ", [round(result["train_s"]) for result in results])


def main() -> None:
    """Measure what is missing, then report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=100, help="fresh ones: others chose")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results/maze_default")
    parser.add_argument("--keep", type=Path, help="folder to keep the run directories in")
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    results = []
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        path = given.results / f"seed-{seed}.json"
        if not path.exists():
            keep(path, measure(seed, given.tiny, given.keep))
        results.append(json.loads(path.read_text()))
    report(results)


if __name__ == "__main__":
    main()
