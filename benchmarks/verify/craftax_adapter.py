"""Craftax through its adapter: steps equal the package's own, and PPO learns.

    uv run --extra craftax python benchmarks/verify/craftax_adapter.py [--tiny]

First 10,000 steps of random actions in each of Craftax-Classic and Craftax, the adapter beside the
package's own `reset` and `step`: observation, reward, end and the whole state, compared by value
(whole numbers and truth values equal; fractions within 1e-6, as two compilations round them).
Then `cairn train craftax-classic` with PPO, and with the policy that does not learn; the return of
both on 64 worlds that are the same for all seeds. Under half an hour on two cores; parts that are
on file are skipped, and a run that was stopped is resumed. Exits with 1 if anything differs or if
a seed gains less than MARGIN.
"""

import argparse
import json
import os
import platform
import re
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import cairn
from cairn.bench.figures import sources
from cairn.core.stats import bootstrap
from cairn.envs.catalogue import find

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "other-environments.md"
MARK = re.compile(r"<!-- craftax -->\n.*?<!-- end -->", re.DOTALL)
STEPS, COLUMNS = 10_000, 20
MARGIN = 2.0
"""Return, in achievements: what PPO must gain over random actions with every seed."""
PPO = {
    "memory": "none",
    "hidden": 256,
    "head": 64,
    "learning_rate": 7e-4,
    "gamma": 0.99,
    "gae_lambda": 0.8,
    "entropy_weight": 0.01,
    "epochs": 4,
    "minibatches": 8,
    "batch": 32,
    "turns": 4,
    "steps_per_cycle": 256,
    "log_every": 4,
    "evaluate_every": 5,
    "checkpoint_every": 1,
}
TINY = {"hidden": 8, "head": 8, "batch": 2, "turns": 1, "steps_per_cycle": 8, "epochs": 1}
TINY |= {"minibatches": 1, "log_every": 1, "evaluate_every": 0, "limit": 20}
BUDGET, TINY_BUDGET = 500_000, 16


class Gaps(NamedTuple):
    """The largest differences so far, infinite if shapes differ."""

    whole: float = 0
    """Of integers and truth values."""
    fraction: float = 0

    def over(self, one: object, other: object) -> "Gaps":
        """With the differences between two trees."""
        largest = list(self)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            gap = np.inf
            if (a.shape, a.dtype) == (b.shape, b.dtype):
                gap = np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)).max()
            kind = int(jnp.issubdtype(a.dtype, jnp.floating))
            largest[kind] = float(max(largest[kind], gap))
        return Gaps(*largest)


def steps_equal(name: str, steps: int) -> dict:
    """Play `steps` random steps in columns beside the package; whatever ends begins anew."""
    env = find(name)()
    package, params = env._made
    columns = min(COLUMNS, steps)
    ours = jax.jit(jax.vmap(env.reset)), jax.jit(jax.vmap(env.step))
    theirs = (
        jax.jit(jax.vmap(lambda seed: package.reset(jax.random.PRNGKey(seed), params))),
        jax.jit(jax.vmap(lambda key, *rest: package.step(jax.random.key_data(key), *rest, params))),
    )
    seeds = jnp.arange(columns, dtype=jnp.uint32)
    keys = jax.random.split(jax.random.key(0), columns)
    state, seen = ours[0](keys, seeds)
    own_seen, own_state = theirs[0](seeds)
    gaps, ends = Gaps().over((state, seen), (own_state, own_seen)), 0
    for time_step in range(steps // columns):
        key = jax.random.fold_in(jax.random.key(1), time_step)
        keys = jax.random.split(key, columns)
        action = jax.random.randint(key, (columns,), 0, env.action_spec.size)
        played = ours[1](keys, state, action)
        own_seen, own_state, reward, done, _ = theirs[1](keys, own_state, action)
        gaps = gaps.over(
            (played.state, played.observation, played.reward), (own_state, own_seen, reward)
        ).over(played.terminated | played.truncated, done)
        state = played.state
        if bool(done.any()):
            ends += int(done.sum())
            seeds = jnp.where(done, seeds + columns, seeds)
            state = choose(done, ours[0](keys, seeds)[0], state)
            own_state = choose(done, theirs[0](seeds)[1], own_state)
    return {"steps": steps // columns * columns, "episodes": ends, **gaps._asdict()}


def choose(where: jax.Array, new: object, old: object) -> object:
    """`new` in the columns `where`, else `old`."""
    pick = lambda n, o: jnp.where(where.reshape(-1, *[1] * (n.ndim - 1)), n, o)  # noqa: E731
    return jax.tree.map(pick, new, old)


def learn(method: str, seeds: int, tiny: bool, folder: Path) -> dict:
    """Train, or go on with, a run of `method`; the return of each seed as it went."""
    run, budget = folder / method, TINY_BUDGET if tiny else BUDGET
    settings = PPO | (TINY if tiny else {})
    if method == "random":  # nothing changes while it plays
        budget = settings["batch"] * settings["steps_per_cycle"]
        settings.pop("turns")
    experiment = cairn.experiment(
        "craftax-classic", method=method, seeds=seeds, steps=budget, **settings
    )
    begun = time.monotonic()
    if (run / "config.json").exists():
        cairn.resume(run, say=print)
    else:
        cairn.train(experiment, run, say=print)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    tests = [(line["ledger"]["training"][0], line) for line in lines if "evaluation" in line]
    timing = [json.loads(line) for line in (run / "timing.jsonl").read_text().splitlines()]
    return {
        "steps_per_seed": tests[-1][0],
        "seconds_in_chunks": round(sum(line["seconds"] for line in timing)),
        "seconds_of_the_last_process": round(time.monotonic() - begun),
        "return": tests[-1][1]["evaluation"]["random"]["return"],
        "length": tests[-1][1]["evaluation"]["random"]["length"],
        "curve": [
            {"steps": steps, "return": line["evaluation"]["random"]["return"]}
            for steps, line in tests
        ],
    }


def main() -> int:
    """Do what is not on file yet, then report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results/craftax.json")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs/verify-craftax")
    given = parser.parse_args()
    found = json.loads(given.results.read_text()) if given.results.exists() else {}
    steps = 4 if given.tiny else STEPS
    parts = {
        "equal_classic": lambda: steps_equal("craftax-classic", steps),
        "random": lambda: learn("random", given.seeds, given.tiny, given.runs),
        "ppo": lambda: learn("dr", given.seeds, given.tiny, given.runs),
        "equal_full": lambda: steps_equal("craftax", steps),
    }
    if given.tiny:
        del parts["equal_full"]  # a minute of compiling
    for name, measure in parts.items():
        if name not in found:
            found[name] = measure()
            found["made_by"] = made_by(given.seeds, given.tiny)
            given.results.write_text(json.dumps(found, indent=1) + "\n")
    return report(found)


def made_by(seeds: int, tiny: bool) -> dict:
    """Command, sources, versions, machine and settings of what is on file."""
    names = ("cairn", "jax", "jaxlib", "craftax")
    return {
        "command": f"benchmarks/verify/craftax_adapter.py --seeds {seeds}"
        + (" --tiny" if tiny else ""),
        "settings": PPO | (TINY if tiny else {}),
        "sources": sources(),
        "versions": {name: metadata.version(name) for name in names},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def report(found: dict) -> int:
    """Print it, and put it on the page; 1 if the claims do not hold."""
    print(described(found))
    if "--tiny" not in found["made_by"]["command"]:
        block = f"<!-- craftax -->\n{described(found)}<!-- end -->"
        PAGE.write_text(MARK.sub(lambda _: block, PAGE.read_text()))
    return 0 if holds(found) else 1


def described(found: dict) -> str:
    """The figures in Markdown."""
    lines = [
        "| | steps for each seed | return, mean (95 % interval) | by seed |",
        "|---|---|---|---|",
    ]
    gain = np.subtract(found["ppo"]["return"], found["random"]["return"]).tolist()
    steps = f"{found['ppo']['steps_per_seed']:,}"
    for name, spent, values in (
        ("random actions", "0", found["random"]["return"]),
        ("PPO", steps, found["ppo"]["return"]),
        ("gain", "", gain),
    ):
        mean = bootstrap(np.asarray(values)[:, None])
        by_seed = ", ".join(f"{value:.2f}" for value in values)
        interval = f"{mean.value:.2f}"
        if len(values) > 1:
            interval += f" ({mean.low:.2f} to {mean.high:.2f})"
        lines.append(f"| {name} | {spent} | {interval} | {by_seed} |")
    lines += [
        "",
        "| beside the package | random steps | episodes ended | whole numbers differ by | ",
    ]
    lines[-1] += "fractions differ by |"
    lines.append("|---|---|---|---|---|")
    for name in ("equal_classic", "equal_full"):
        if name in found:
            part = found[name]
            title = {"equal_classic": "Craftax-Classic", "equal_full": "Craftax"}[name]
            lines.append(
                f"| {title} | {part['steps']:,} | {part['episodes']} | {part['whole']:g} | "
                f"at most {part['fraction']:.1g} |"
            )
    minutes = found["ppo"]["seconds_in_chunks"] / 60
    made = found["made_by"]
    lines += [
        "",
        f"Mean return of one attempt at each of 64 worlds, the same for all. {made['machine']}; "
        f"{len(gain)} seeds in one program took {minutes:.0f} minutes of training beside what "
        f"else the machine did. {'Every' if holds(found) else 'NOT every'} seed gains at least "
        f"{MARGIN:g}.",
        "",
        f"    {made['command']}",
        "",
    ]
    return "\n".join(lines)


def holds(found: dict) -> bool:
    """Whether steps are equal, and each seed gains what it must."""
    equal = [value for name, value in found.items() if name.startswith("equal")]
    gain = np.subtract(found["ppo"]["return"], found["random"]["return"])
    tiny = "--tiny" in found["made_by"]["command"]
    same = all(part["whole"] == 0 and part["fraction"] <= 1e-6 for part in equal)
    return same and (tiny or bool(gain.min() >= MARGIN))


if __name__ == "__main__":
    sys.exit(main())
