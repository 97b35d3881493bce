"""Seeds in turns or side by side? Both forms of several seeds, method by method, on this machine.

    python benchmarks/verify/seed_forms.py [--seeds 4] [--methods dr plr ...]

`engine/compiled.py` lets the seeds of a device take turns on a CPU (`map`) and run side by side
elsewhere (`vmap`). Here both are timed in alternation in one process, with the default student and
small batches, on one device; a ratio above 1 says that turns are faster.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import jax

import cairn
from cairn.engine.compiled import SeedForm
from cairn.runs.catalogue import WINGS

RESULT = Path(__file__).parents[1] / "results" / "seed_forms.json"
METHODS = [name for name in WINGS["environment design"] if name != "paired"]
SETTINGS: dict[str, Any] = {
    "steps": 10**8, "log_every": 4, "batch": 8, "steps_per_cycle": 256, "hidden": 64,
    "minibatches": 2, "devices": 1,
}  # fmt: skip
ARCHIVE = {"capacity": 32, "minimum_fill": 0.25}
SFL = {"refresh": 4, "candidates": 32, "keep": 8, "selected": 4}


def seconds(method: str, seeds: int, repeats: int) -> dict[str, list[float]]:
    """Seconds of a chunk in each form, both by turns."""
    extra = SFL if method == "sfl" else {} if method in ("dr", "random") else ARCHIVE
    experiment = cairn.experiment("maze", method=method, seeds=seeds, **SETTINGS, **extra)
    forms: tuple[SeedForm, ...] = ("map", "vmap")
    running = {}
    for form in forms:
        compiled = experiment.compiled(form)
        state = compiled.init()
        compiled = compiled.ready(state)
        state, _ = jax.block_until_ready(compiled.advance(state))
        running[form] = [compiled, state]
    times: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(repeats):
        for form in forms:
            compiled, state = running[form]
            begun = time.monotonic()
            running[form][1], _ = jax.block_until_ready(compiled.advance(state))
            times[form].append(time.monotonic() - begun)
    return times


def main() -> None:
    """Time, print, and keep what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    asked = parser.parse_args()
    found = {}
    for method in asked.methods:
        times = seconds(method, asked.seeds, asked.repeats)
        ratios = [b / a for a, b in zip(times["map"], times["vmap"], strict=True)]
        found[method] = {
            "ratio": statistics.median(ratios), "range": [min(ratios), max(ratios)], **times,
        }  # fmt: skip
        print(
            f"{method}: side by side takes {found[method]['ratio']:.2f} times as long", flush=True
        )
    kept = {"seeds": asked.seeds, "load": os.getloadavg(), "methods": found}
    RESULT.write_text(json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    main()
