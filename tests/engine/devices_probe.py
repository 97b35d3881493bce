"""Run by test_devices.py in a process that sees eight devices: prints what the devices agree on."""

import json

import jax
import jax.numpy as jnp
import numpy as np
from test_rollout_carry import ALONE, EVERYTHING, KEY, LENGTHS, Drift, play

from cairn.engine import devices as layouts
from cairn.runs import presets

TINY = {"width": 5, "height": 5, "walls": 4, "limit": 8, "batch": 8, "steps_per_cycle": 16}
TINY |= {"hidden": 8, "head": 4, "filters": 2, "epochs": 2, "minibatches": 1, "log_every": 3}
TINY |= {"capacity": 16, "minimum_fill": 0.5, "steps": 100_000}


def experiment(devices, seeds):
    chosen = TINY | {"devices": devices, "seeds": seeds}
    return presets.experiment("maze", method="parallel-plr", **chosen)


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


def rolled(mesh):
    """A rollout that goes on from another, whose columns the devices of `mesh` share."""
    levels = jnp.tile(LENGTHS, (1, 3))[:, :8]
    carry, _ = play(Drift(), ALONE, levels, KEY, steps=6, mesh=mesh)
    return play(Drift(), ALONE, levels, KEY, steps=6, start=carry, keep=EVERYTHING, mesh=mesh)


def same_rollouts():
    one, many = rolled(None), rolled(layouts.plan(8, 1, 8).columns)
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(many), strict=True)
    return all(np.array_equal(a, b) for a, b in leaves)


print(
    json.dumps({"rollouts": same_rollouts(), "columns": compare(1, [8]), "seeds": compare(8, [8])})
)
