"""Run by test_devices.py in a process that sees eight devices: prints what the devices agree on."""

import dataclasses
import json

import jax
import numpy as np

from cairn.core.sections import change
from cairn.runs import presets

TINY = {"width": 5, "height": 5, "walls": 4, "limit": 8, "batch": 8, "steps_per_cycle": 16}
TINY |= {"hidden": 8, "head": 4, "filters": 2, "epochs": 2, "minibatches": 1, "log_every": 3}
TINY |= {"capacity": 16, "minimum_fill": 0.5, "steps": 100_000}


def experiment(devices, seeds):
    made = change(presets.experiment("maze", method="parallel-plr"), **TINY)
    return dataclasses.replace(
        made, run=dataclasses.replace(made.run, devices=devices, seeds=seeds)
    )


def advanced(devices, seeds, state):
    compiled = experiment(devices, seeds).compiled()
    return compiled.advance(jax.tree.map(jax.numpy.copy, state))


def compare(seeds, counts):
    compiled = experiment(1, seeds).compiled()
    state, _ = compiled.advance(compiled.init())  # three cycles: the archive is warm
    one, report = advanced(1, seeds, state)
    found = {"replayed": float(np.mean(report.metrics["replayed"])), "moved": distance(state, one)}
    for devices in counts:
        many, _ = advanced(devices, seeds, state)
        same = [
            np.array_equal(getattr(one.archive, name), getattr(many.archive, name))
            for name in ("ids", "ranks", "stamps", "parents", "count", "clock")
        ]
        found[str(devices)] = {"archive": all(same), "distance": distance(one, many)}
    return found


def distance(a, b):
    pairs = zip(jax.tree.leaves(a.learner), jax.tree.leaves(b.learner), strict=True)
    return max(float(np.max(np.abs(np.asarray(x) - np.asarray(y)))) for x, y in pairs)


print(json.dumps({"columns": compare(1, [8]), "seeds": compare(8, [8])}))
