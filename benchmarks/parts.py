"""Where the time of a training cycle goes: the rollout, an epoch, and the products they consist of.

    uv run benchmarks/parts.py --out benchmarks/results/parts.json

The reference preset is timed with one epoch and with five, in turns; a straight line through the
two gives the cost of an epoch and of all the rest. Beside them, in the same rounds: the processor's
peak, and the recurrent product alone, one batch of columns per core, as the LSTM's scans call it.
"""

import argparse
import dataclasses
import os
import time
from pathlib import Path

os.environ.setdefault("JAX_NUM_CPU_DEVICES", str(len(os.sched_getaffinity(0))))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import jax
import jax.numpy as jnp

from cairn.bench import driver, figures, flops
from cairn.core.axes import COLUMNS
from cairn.engine import devices

MANY = 5
"""Epochs of the preset."""


def cycle(epochs, size):
    """A function that plays and learns `updates` times, and the experiment."""
    chosen = driver.reference({"name": "dr", **size})
    student = dataclasses.replace(chosen.student, epochs=epochs)
    chosen = dataclasses.replace(chosen, student=student)
    work, _ = driver.cycles(chosen)
    return work["run"], chosen


def recurrent_product(columns, hidden, repeats):
    """`repeats` products (columns × hidden) · (hidden × 4 hidden), each needing the last one."""
    mesh = devices.plan(devices.usable(1, columns), 1, columns).columns

    def chain(h, weights):
        def once(_, h):
            return (h @ weights).reshape(h.shape[0], 4, -1).sum(axis=1) * jnp.float32(0.5)

        return jax.lax.fori_loop(0, repeats, once, h)

    spec = devices.along(COLUMNS)
    run = jax.jit(devices.over(mesh, chain, (spec, devices.WHOLE), spec))
    h = jnp.ones((columns, hidden), jnp.float32)
    weights = jax.random.normal(jax.random.key(0), (hidden, 4 * hidden), jnp.float32) / hidden
    return lambda: jax.block_until_ready(run(h, weights))


def seconds(run):
    """One run by the clock."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def main():
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--updates", type=int, default=4)
    parser.add_argument("--tiny", action="store_true", help="shows that it works, not how fast")
    arguments = parser.parse_args()
    tiny = arguments.tiny
    size = {"envs": 2 if tiny else 32, "length": 16 if tiny else 256, "amount": arguments.updates}
    few, chosen = cycle(1, size)
    many, _ = cycle(MANY, size)
    peak = driver.peak({"size": 64 if tiny else 2048, "amount": 4})
    products = 20 if tiny else 20_000
    hidden, columns = chosen.student.hidden, chosen.algorithm.batch
    product = recurrent_product(columns, hidden, products)
    for run in (few, many, peak["run"], product):  # compiled, and run twice
        run()
        run()

    spec, actions = chosen.env.observation_spec, chosen.env.actions
    costs = flops.training_step(
        spec,
        actions,
        dataclasses.replace(chosen.student, epochs=1),
        batch=columns,
        length=size["length"],
    )
    steps = columns * chosen.algorithm.steps_per_cycle * arguments.updates
    played, learned = (
        steps * sum(cost.flop for name, cost in costs.items() if name.startswith(part))
        for part in ("rollout", "epochs")
    )
    rounds = {"peak": [], "rollout": [], "epoch": [], "product": []}
    shares = []
    for _ in range(arguments.repeats):
        one, five = seconds(few), seconds(many)
        epoch = (five - one) / (MANY - 1)
        rest = one - epoch
        before = peak["count"]()["operations"]
        taken = seconds(peak["run"])
        rounds["peak"].append((peak["count"]()["operations"] - before) / taken)
        rounds["rollout"].append(played / rest)
        rounds["epoch"].append(learned / epoch)
        rounds["product"].append(products * 8 * columns * hidden**2 / seconds(product))
        shares.append(rest / five)
    result = figures.record(
        "parts",
        arguments.repeats,
        {
            "flop_per_second": {name: figures.spread(values) for name, values in rounds.items()},
            "of_peak": {
                name: figures.ratios(values, rounds["peak"])
                for name, values in rounds.items()
                if name != "peak"
            },
            "rollout_share_of_cycle": figures.spread(shares),
            "versions": {"jax": jax.__version__},
        },
    )
    result["command"] = "uv run benchmarks/parts.py --out benchmarks/results/parts.json"
    figures.write(arguments.out, result)
    for name, spread in result["flop_per_second"].items():
        print(name, figures.between(spread, lambda x: f"{x / 1e9:.0f} GFLOP/s"))
    share = figures.between(result["rollout_share_of_cycle"], lambda x: f"{x:.0%}")
    print("rollout and the rest, of a cycle:", share)


if __name__ == "__main__":
    main()
