"""Simulated searches in a process of their own: `simulate_worker.py JOB ...`, JSON to stdout.

Without the type checks of the test process, which would make these loops four times as slow.
A job is a JSON object: name, search (fields of Search), budget, seeds, and whether to audit.
"""

import json
import sys

import numpy as np
from redteam_harness import audit, config, finished, search

from cairn.core.typed import record
from cairn.evaluation.bleu import self_bleu
from cairn.redteam import figures
from cairn.redteam.config import Search, Simulation
from cairn.redteam.simulation import is_unsafe

# Fewer labels than responses (18 x 8), so that the correction has something to infer.
WORLD = Simulation(seed=1, judge_error=0.05, judge_bias=0.1, labelled=80)


def settings(seed, **changes):
    return config(3, 6, search=Search(**changes), simulation=WORLD, seed=seed, responses=8)


def row(seed, changes, budget, audited):
    chosen = settings(seed, **changes)
    world, state = search(chosen, **budget)
    elites = state.held()
    rates = [world.success_rate(entry.prompt) for entry in elites]
    found = {
        "working": sum(rate > 0 for rate in rates) / world.space.cells,
        "success": float(np.mean(rates)),
        "self_bleu": self_bleu([entry.prompt for entry in elites]),
        "filled": len(elites),
    }
    if audited:
        done = finished(chosen, state, audit(chosen, world, state))
        found["figures"] = record(figures.measure_run(done))
        found["selected"] = [is_unsafe(entry.response) for entry in elites]
    return found


if __name__ == "__main__":
    for text in sys.argv[1:]:
        job = json.loads(text)
        rows = [
            row(seed, job["search"], job["budget"], job.get("audited", False))
            for seed in range(job["seeds"])
        ]
        print(json.dumps({"name": job["name"], "rows": rows}), flush=True)
