"""Is a checkout as fast as another? Steps per second of both in alternation, method by method.

    python benchmarks/verify/same_speed.py OLD [NEW] [--rounds 5] [--methods dr accel plr]

OLD and NEW are checkouts (NEW: this one). Reference network and batch, all cores, each measurement
in a process of its own with this interpreter. Prints the median ratio NEW / OLD and its range,
with the seconds until the first chunk is compiled (cold, in the first round) and the peak memory.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parents[1] / "results" / "same_speed.json"
CYCLES = 4


def measure(method: str, chunks: int) -> dict[str, float]:
    """Seconds of a chunk once compiled, and of the start."""
    import resource
    import time

    import jax

    import cairn

    begun = time.monotonic()
    settings = {"log_every": CYCLES, "steps": 10**8, "preset": "reference"}
    archive = {} if method == "dr" else {"capacity": 256, "minimum_fill": 0.1}
    experiment = cairn.experiment("maze", method=method, **settings, **archive)
    compiled = experiment.compiled()
    state = compiled.init()
    compiled = compiled.ready(state)
    started = time.monotonic() - begun
    state, _ = jax.block_until_ready(compiled.advance(state))
    times = []
    for _ in range(chunks):
        begun = time.monotonic()
        state, _ = jax.block_until_ready(compiled.advance(state))
        times.append(time.monotonic() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"chunk_s": statistics.median(times), "start_s": started, "peak_mb": peak}


def ask(tree: Path, method: str, chunks: int, cache: str) -> dict[str, float]:
    """`measure` in another process on the package of the checkout `tree`."""
    environment = os.environ | {
        "PYTHONPATH": str(tree / "src"),
        "JAX_NUM_CPU_DEVICES": str(len(os.sched_getaffinity(0))),
        "JAX_COMPILATION_CACHE_DIR": cache,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.05",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, __file__, "--ask", method, "--chunks", str(chunks)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{tree.name}, {method}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Alternate, print, and keep what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", nargs="?", type=Path)
    parser.add_argument("new", nargs="?", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--methods", nargs="+", default=["dr", "accel", "plr"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunks", type=int, default=4)
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ask:
        print(json.dumps(measure(asked.ask, asked.chunks)))
        return
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for method in asked.methods:
            rounds = [
                {
                    name: ask(tree, method, asked.chunks, f"{folder}/{name}")
                    for name, tree in (("old", asked.old), ("new", asked.new))
                }
                for _ in range(asked.rounds)
            ]
            ratios = [each["old"]["chunk_s"] / each["new"]["chunk_s"] for each in rounds]
            found[method] = {
                "ratio": statistics.median(ratios),
                "range": [min(ratios), max(ratios)],
                "cold_start_s": {name: rounds[0][name]["start_s"] for name in ("old", "new")},
                "warm_start_s": {
                    name: statistics.median(each[name]["start_s"] for each in rounds[1:] or rounds)
                    for name in ("old", "new")
                },
                "peak_mb": {
                    name: statistics.median(each[name]["peak_mb"] for each in rounds)
                    for name in ("old", "new")
                },
                "rounds": rounds,
            }
            short = {name: value for name, value in found[method].items() if name != "rounds"}
            print(f"{method}: {json.dumps(short)}", flush=True)
    load = os.getloadavg()
    RESULT.write_text(json.dumps({"load": load, "methods": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
