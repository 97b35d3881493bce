"""Does ACCEL's complexity grow from empty rooms, and what keeps it from growing?

    uv run python benchmarks/verify/accel_complexity.py [--tiny] [--seeds 5] [--arms a,b]

9×9 mazes, all from empty rooms, the same student and budget. The arms differ in how the archive's
levels are drawn (temperature, staleness) and scored. At ten moments of each run: walls and shortest
path weighted by the replay probability P and over all levels held, how many levels P amounts to
(exp of its entropy), the share of the first, edits since the empty room, how often the first is
solved, and what share of children entered. One JSON file per arm and seed, and those that exist are
skipped, so it may be stopped and started again. `--describe` only prints the table.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from provenance import ROOT, command, into_page, keep, source_hash, versions

import cairn
from cairn.archive import replay
from cairn.core.stats import bootstrap, mean
from cairn.envs.maze import generate
from cairn.envs.maze.solve import UNREACHABLE, shortest_path
from cairn.runs.experiment import Experiment
from cairn.score import episode_statistics
from cairn.ued import parts
from cairn.ued.method import problem_of

SOURCES = ("archive", "core", "engine", "envs", "learners", "nn", "sampler", "score", "ued")
SETTINGS: dict[str, Any] = {
    "width": 9, "height": 9, "limit": 64, "generator": "empty", "walls": 0, "edits": 5,
    "memory": "none", "hidden": 64, "head": 32, "filters": 8, "learning_rate": 1e-3, "epochs": 4,
    "minibatches": 2, "entropy_weight": 0.01, "batch": 32, "steps_per_cycle": 64, "capacity": 256,
    "minimum_fill": 0.25, "steps": 614_400, "log_every": 10,
}  # fmt: skip
ARMS: dict[str, dict[str, Any]] = {
    "maxmc, 0.3": {},
    "maxmc, 1": {"temperature": 1.0},
    "maxmc, 0.3, staleness 0.7": {"staleness": 0.7},
    "learnability, 0.3": {"score": "learnability"},
    "learnability, 1": {"score": "learnability", "temperature": 1.0},
    "perfect-regret, 0.3": {"score": "perfect-regret"},
    "perfect-regret, 1": {"score": "perfect-regret", "temperature": 1.0},
}
"""Score and temperature; the first is the default."""
TINY: dict[str, Any] = {
    "width": 5, "height": 5, "limit": 8, "view": 3, "hidden": 8, "head": 4, "filters": 2,
    "epochs": 1, "minibatches": 1, "batch": 4, "steps_per_cycle": 8, "capacity": 8, "steps": 512,
    "log_every": 2,
}  # fmt: skip
MOMENTS = 10
FIGURES = {
    "walls": "walls by P",
    "path": "shortest path by P",
    "held_walls": "walls of all held",
    "held_path": "shortest path of all held",
    "generation": "mutations by P",
    "levels": "levels in P",
    "first": "P of the first",
    "first_solved": "the first is solved",
    "transfer": "15-wall mazes solved",
}


def made(arm: str, seed: int, tiny: bool) -> Experiment:
    """The run of an arm."""
    settings = SETTINGS | ARMS[arm] | (TINY if tiny else {})
    return cairn.experiment("maze", method="accel", seed=seed, **settings)


def figures(chosen: Experiment, walls: int, mazes: int) -> Any:
    """What to look at in a state: a compiled function of it."""
    problem, config, env = problem_of(chosen.setup(None)), chosen.algorithm, chosen.env
    key = jax.random.key(0)

    def weighted(values: jax.Array, weight: jax.Array) -> jax.Array:
        return jnp.sum(values * weight) / jnp.maximum(jnp.sum(weight), 1e-9)

    @jax.jit
    def look(state: parts.State) -> dict[str, jax.Array]:
        archive = state.archive
        assert archive is not None
        chance = replay.probabilities(archive, config)
        held = archive.occupied.astype(jnp.float32)
        walls_of = archive.levels.walls.sum(axis=(1, 2)).astype(jnp.float32)
        length = jax.vmap(shortest_path)(archive.levels)
        can = (length < UNREACHABLE).astype(jnp.float32)
        length = jnp.where(can > 0, length, 0).astype(jnp.float32)
        steps = 4 * env.max_steps
        played = parts.play(problem, state.learner, archive.levels, key, steps)
        solved = episode_statistics(played).success_rate
        best = jnp.argmax(chance)
        draw = lambda k: generate.random_walls(  # noqa: E731
            k, height=env.height, width=env.width, walls=walls
        )
        fresh = jax.vmap(draw)(jax.random.split(key, mazes))
        able = (jax.vmap(shortest_path)(fresh) < UNREACHABLE).astype(jnp.float32)
        tried = parts.play(problem, state.learner, fresh, key, steps)
        return {
            "walls": jnp.sum(chance * walls_of),
            "path": weighted(length, chance * can),
            "held_walls": weighted(walls_of, held),
            "held_path": weighted(length, held * can),
            "generation": jnp.sum(chance * archive.generation.astype(jnp.float32)),
            "levels": jnp.exp(-jnp.sum(chance * jnp.log(jnp.maximum(chance, 1e-30)))),
            "first": jnp.max(chance),
            "first_walls": walls_of[best],
            "first_path": length[best],
            "first_solved": solved[best],
            "first_id": archive.ids[best].astype(jnp.float32),
            "solved": jnp.sum(chance * solved),
            "learnable": jnp.sum(chance * ((solved > 0) & (solved < 1))),
            "fill": jnp.mean(held),
            "transfer": weighted(episode_statistics(tried).success_rate, able),
        }

    return look


def measure(arm: str, seed: int, tiny: bool) -> dict[str, Any]:
    """A run, looked at `MOMENTS` times."""
    chosen = made(arm, seed, tiny)
    compiled = chosen.compiled()
    look = figures(chosen, 4 if tiny else 15, 8 if tiny else 512)
    begun, state = time.monotonic(), compiled.init()
    curve: list[dict[str, float]] = []
    entered: list[float] = []
    for moment in range(1, MOMENTS + 1):
        while (spent := _spent(state)) < moment * chosen.run.steps / MOMENTS:
            state, report = compiled.advance(state)
            kept, weight = report.metrics["children_kept"], report.weights["children_kept"]
            entered += np.asarray(kept)[np.asarray(weight) > 0].ravel().tolist()
        found = look(jax.tree.map(lambda leaf: leaf[0], state))
        share = float(np.mean(entered)) if entered else 0.0
        curve.append(
            {name: round(float(value), 4) for name, value in found.items()}
            | {"steps": spent, "children_kept": round(share, 4)}
        )
        entered = []
    return {
        "arm": arm,
        "seed": seed,
        "curve": curve,
        "ledger": {name: int(np.sum(count)) for name, count in state.ledger.totals().items()},
        "seconds": round(time.monotonic() - begun, 1),
        "settings": SETTINGS | ARMS[arm] | (TINY if tiny else {}),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "sources": source_hash(Path(__file__), SOURCES),
        "command": command(),
    }


def _spent(state: parts.State) -> int:
    totals = state.ledger.totals()
    return int(np.sum([totals[name] for name in ("training", "scoring", "mutation")]))


def described(results: list[dict[str, Any]]) -> str:
    """The table of the page: each arm's figures, at a tenth of the run → at its end."""
    arms = {arm: [r["curve"] for r in results if r["arm"] == arm] for arm in ARMS}
    arms = {arm: curves for arm, curves in arms.items() if curves}
    seeds = [f"{arm} ({len(curves)})" for arm, curves in arms.items()]
    rows = ["| figure | " + " | ".join(seeds) + " |", "|---" * (len(arms) + 1) + "|"]
    for name, title in FIGURES.items():
        cells = [title]
        for curves in arms.values():
            first, last = (np.array([curve[at][name] for curve in curves]) for at in (0, -1))
            whole = bootstrap(last[:, None], mean)
            interval = f" ({whole.low:.2f} to {whole.high:.2f})" if len(last) > 1 else ""
            cells.append(f"{first.mean():.2f} → {whole.value:.2f}{interval}")
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--describe", action="store_true", help="measure nothing")
    parser.add_argument("--arms", default=";".join(ARMS), help="names with ; between them")
    default = ROOT / "benchmarks/results/accel_complexity"
    parser.add_argument("--results", type=Path, default=default)
    given = parser.parse_args()
    unknown = sorted(set(given.arms.split(";")) - set(ARMS))
    if unknown:
        parser.error(f"unknown arm {unknown[0]!r}: expected some of {'; '.join(ARMS)}")
    given.results.mkdir(parents=True, exist_ok=True)
    results = []
    for seed in range(given.seeds):
        for arm in given.arms.split(";"):
            name = arm.replace(", ", "-").replace(" ", "-")
            path = given.results / f"{name}-seed{seed}.json"
            if not path.exists() and not given.describe:
                found = measure(arm, seed, given.tiny)
                keep(path, found)
            if path.exists():
                results.append(json.loads(path.read_text()))
    print(described(results), end="")
    if given.results == default:
        into_page("accel.md", "complexity", described(results))


if __name__ == "__main__":
    main()
