"""What ask and tell of 64 levels cost, method by method, and that another n compiles nothing.

    uv run python benchmarks/verify/teacher_speed.py

Full archives of the default 4000 levels (and of 1000), 8 episodes a level. A pair is one ask, one
may_learn and one tell. On a machine that does other things the quickest pairs say more than the
median: both are written, with the load.
"""

import argparse
import json
import logging
import os
import platform
import time
from pathlib import Path

import jax
import numpy as np

import cairn

RESULT = Path(__file__).parents[1] / "results" / "teacher" / "speed.json"
SPACE = cairn.Box({"length": (0.05, 5.0, "log"), "force": (0.5, 50.0, "log")})
REPLAY = {"score": "learnability"}
ARMS = {
    "dr": {}, "sfl": {}, "plr": REPLAY, "robust-plr": REPLAY, "accel": REPLAY,
    "parallel-plr": REPLAY, "parallel-accel": REPLAY,
}  # fmt: skip


class Compilations(logging.Handler):
    """How many programs were compiled."""

    number = 0

    def emit(self, record):
        self.number += record.getMessage().startswith("Finished XLA compilation")


def pair(teacher, rng, n):
    """Seconds of one ask and its tell."""
    chance = rng.random((n, 1))
    solved = rng.random((n, 8)) < chance
    outcome = {"returns": solved, "solved": solved, "steps": np.full(n, 100)}
    begin = time.perf_counter()
    ids, _ = teacher.ask(n)
    teacher.may_learn(ids)
    teacher.tell(ids, outcome)
    jax.block_until_ready(teacher._state)
    return time.perf_counter() - begin


def measure(method, capacity, pairs):
    """Milliseconds of pairs with a full archive."""
    sizes = {} if method in ("dr", "sfl") else {"capacity": capacity}
    teacher, rng = cairn.Teacher(SPACE, method, **ARMS[method], **sizes), np.random.default_rng(0)
    for _ in range(capacity // 64 * 3 if sizes else 20):
        pair(teacher, rng, 64)
    jax.config.update("jax_log_compiles", True)
    seen = Compilations()
    logging.getLogger("jax").addHandler(seen)
    times = np.array([pair(teacher, rng, 64) for _ in range(pairs)]) * 1e3
    for n in (64, 63, 50, 33):
        pair(teacher, rng, n)
    logging.getLogger("jax").removeHandler(seen)
    jax.config.update("jax_log_compiles", False)
    quick, median, slow = np.quantile(times, [0.1, 0.5, 0.9]).round(3).tolist()
    return {
        "method": method, "capacity": capacity if sizes else None, "pairs": pairs,
        "ms_quickest_tenth": quick, "ms_median": median, "ms_slowest_tenth": slow,
        "ms_mean": round(float(times.mean()), 3), "compiled_meanwhile": seen.number,
    }  # fmt: skip


def main(pairs, methods, result):
    rows = [
        measure(method, capacity, pairs)
        for method in methods
        for capacity in ((4000,) if method in ("dr", "sfl") else (4000, 1000))
    ]
    told = {
        "command": "python benchmarks/verify/teacher_speed.py",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load_1_min": round(os.getloadavg()[0], 1),
        "jax": jax.__version__,
        "rows": rows,
    }
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(told, indent=1) + "\n")
    for row in rows:
        print(row)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--methods", nargs="+", default=list(ARMS))
    parser.add_argument("--result", type=Path, default=RESULT)
    chosen = parser.parse_args()
    main(chosen.pairs, chosen.methods, chosen.result)
