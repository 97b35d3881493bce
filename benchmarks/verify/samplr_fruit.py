"""Who eats which fruit: SAMPLR beside robust PLR, domain randomisation and naive grounding.

    uv run python benchmarks/verify/samplr_fruit.py [--tiny] [--results DIR] [--arms a,b]

The fruit game (`cairn.envs.fruit`): the apple pays 3 and does so nine times in ten, the banana pays
10. Who eats the apple has 2.7 in the ground truth, who regrets least against the worst level eats
it 3 times in 13 and has 1.39, who eats the banana has 1. Twice: with nothing but the choice
(`choice`), and behind up to eight rooms, of which 199 new levels in 200 have all (`rooms`).

Writes one JSON file per game, arm and seed and skips those that exist, so it may be stopped and
started again; then prints the table of docs/methods/samplr.md. All arms have the same student, and
the same budget of environment steps: what they only score, imagine or believe counts.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from provenance import command, keep, source_hash, versions

import cairn
from cairn.archive import replay
from cairn.core.stats import bootstrap, mean
from cairn.envs.fruit.env import APPLE
from cairn.runs.experiment import Experiment
from cairn.ued import parts
from cairn.ued.method import problem_of

SOURCES = ("core", "engine", "envs", "learners", "nn", "sampler", "archive", "score", "ued")
RESULTS = Path(__file__).parents[1] / "results" / "samplr_fruit"
STUDENT = {
    "memory": "none", "hidden": 32, "head": 32, "learning_rate": 3e-3, "decay": "none",
    "epochs": 4, "minibatches": 2, "entropy_weight": 0.01, "gamma": 0.99, "gae_lambda": 0.95,
}  # fmt: skip
GAMES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # A teacher that may go nearly all the way to either level.
        "choice": {"rooms": 0, "steps_per_cycle": 4, "steps": 163_840}
        | {"temperature": 0.3, "staleness": 0.1},
        # One level of 18 must not have it all.
        "rooms": {"rooms": 8, "steps_per_cycle": 16, "steps": 1_966_080}
        | {"temperature": 1.0, "staleness": 0.3},
    }
)
"""Steps are such that every arm spends them to the last."""
REPLAY = ("temperature", "staleness")
CURATED = {"capacity": 20, "minimum_fill": 0.1, "replay_probability": 0.5}
ARMS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "samplr": {"method": "samplr"},
        "robust-plr, perfect regret": {"method": "robust-plr", "score": "perfect-regret"},
        "robust-plr, maxmc": {"method": "robust-plr", "score": "maxmc"},
        "robust-plr, value loss": {"method": "robust-plr", "score": "positive-value-loss"},
        "dr": {"method": "dr", "turns": 1},
        "naive grounding (dr, true odds)": {"method": "dr", "turns": 1, "pays": "prior"},
    }
)
CHUNKS = 20
"""Measurements in a run, at equal distances."""
LATE = 10
"""Of these, the last that a mean over time is of."""
FIGURES = {
    "return": "return under the true odds",
    "reached": "share of attempts that reach the fruits",
    "passed": "rooms passed in an attempt",
    "apple": "share of apples among what is eaten",
    "late_return": "the same return, mean over the second half of the run",
    "late_apple": "the same share of apples, mean over the second half",
    "bananas": "share of banana levels in what is replayed, second half",
}


def experiment(game: str, arm: str, tiny: bool) -> Experiment:
    """What an arm trains."""
    settings = {**STUDENT, "batch": 128, "evaluate_every": 0, **GAMES[game], **ARMS[arm]}
    if ARMS[arm]["method"] == "dr":
        settings = {name: value for name, value in settings.items() if name not in REPLAY}
    else:
        settings |= CURATED
    if tiny:
        settings |= {
            "batch": 8,
            "hidden": 8,
            "head": 4,
            "steps": 20_000 if game == "rooms" else 5_000,
        }
        settings |= {"capacity": 4, "minimum_fill": 0.5} if "capacity" in settings else {}
    return cairn.experiment("fruit", **settings)


class Runner:
    """One arm, compiled once for all seeds."""

    def __init__(self, game: str, arm: str, tiny: bool):
        chosen = experiment(game, arm, tiny)
        self.env, self.config, self.program = chosen.env, chosen.algorithm, chosen.program
        self.problem = problem_of(chosen.setup(None))
        cycles = chosen.run.steps // self.config.least(self.env)
        length = -(-cycles // CHUNKS)
        self.chunk = jax.jit(
            lambda state: jax.lax.scan(
                lambda s, _: (self.program.step(s)[0], None), state, length=length
            )[0]
        )
        self.init = jax.jit(self.program.init)
        suite = self.env.suite("prior", jax.random.key(0))
        self.levels = jax.tree.map(lambda leaf: jnp.repeat(leaf, 10, axis=0), suite.variants)
        self.look = jax.jit(self._look)

    def run(self, seed: int) -> dict[str, Any]:
        """The measurements of one seed, and its ledger."""
        state, curve = self.init(jax.random.key(seed)), []
        for number in range(CHUNKS):
            state = self.chunk(state)
            seen = self.look(state, jax.random.key(1000 * seed + number))
            curve.append({name: float(value) for name, value in seen.items()})
        over = {name: [point[name] for point in curve] for name in curve[0]}
        return {"curve": over, "ledger": state.ledger.totals()}

    def _look(self, state: parts.State, key: jax.Array) -> dict[str, jax.Array]:
        """First episodes on levels under the ground truth."""
        env, steps = self.env, self.env.max_steps
        trace = parts.play(self.problem, state.learner, self.levels, key, steps)
        done = trace.done.astype(jnp.int32)
        first = jnp.cumsum(done, axis=0) == done
        ate = first & (trace.observation[..., env.rooms + 1] > 0)
        apples = jnp.sum(ate & (trace.action % 2 == APPLE))
        behind = jnp.argmax(trace.observation[..., : env.rooms + 1], axis=-1)
        columns = trace.reward.shape[1]
        figures = {
            "return": jnp.sum(jnp.where(first, trace.reward, 0.0)) / columns,
            "reached": jnp.sum(ate) / columns,
            "apple": apples / jnp.maximum(jnp.sum(ate), 1),
            "passed": jnp.sum(jnp.max(jnp.where(first, behind, 0), axis=0)) / columns,
        }
        if state.archive is not None:
            chance = replay.probabilities(state.archive, self.config)
            figures["bananas"] = jnp.sum(jnp.where(state.archive.levels.banana, chance, 0.0))
        return figures


def figures(curve: Mapping[str, list[float]]) -> dict[str, float | None]:
    """What the table shows of a seed; None where nothing was eaten."""
    over = {name: np.array(values) for name, values in curve.items()}
    late = {name: values[-LATE:] for name, values in over.items()}
    ate = late["reached"].sum()
    found = {name: float(over[name][-1]) for name in ("return", "reached", "passed")}
    found |= {
        "apple": float(over["apple"][-1]) if found["reached"] else None,
        "late_return": float(late["return"].mean()),
        "late_apple": float((late["reached"] * late["apple"]).sum() / ate) if ate else None,
    }
    return found | ({"bananas": float(late["bananas"].mean())} if "bananas" in late else {})


def slug(game: str, arm: str, seed: int) -> str:
    """The name of a result's file."""
    words = "".join(letter if letter.isalnum() else " " for letter in arm).split()
    return f"{game}-{'-'.join(words)}-seed{seed}.json"


def run(results: Path, games: list[str], arms: list[str], seeds: int, tiny: bool) -> None:
    """Fill `results` with what it lacks."""
    results.mkdir(parents=True, exist_ok=True)
    for game in games:
        for arm in arms:
            paths = {seed: results / slug(game, arm, seed) for seed in range(seeds)}
            missing = [seed for seed, path in paths.items() if not path.exists()]
            runner = Runner(game, arm, tiny) if missing else None
            for seed in missing:
                assert runner is not None
                begun = time.monotonic()
                result = {"game": game, "arm": arm, "seed": seed} | runner.run(seed)
                result |= {
                    "seconds": round(time.monotonic() - begun, 1),
                    "settings": {**STUDENT, **CURATED, **GAMES[game], **ARMS[arm]},
                    "command": command(),
                    "versions": versions(),
                    "sources": source_hash(Path(__file__), SOURCES),
                }
                keep(paths[seed], result)
                found = figures(result["curve"]).items()
                shown = {name: value and round(value, 3) for name, value in found}
                print(f"{game}, {arm}, seed {seed}: {result['seconds']} s {shown}", flush=True)


def table(results: Path, games: list[str], arms: list[str], seeds: int) -> str:
    """The figures of all that is there, with intervals over seeds."""
    lines = [
        "| game | arm | figure | mean | 95 % interval | by seed |",
        "|---|---|---|---|---|---|",
    ]
    for game in games:
        for arm in arms:
            paths = [results / slug(game, arm, seed) for seed in range(seeds)]
            there = [json.loads(path.read_text()) for path in paths if path.exists()]
            rows = [figures(row["curve"]) for row in there]
            names = [name for name in FIGURES if rows and name in rows[0]]
            lines += [line(game, arm, name, [row[name] for row in rows]) for name in names]
    return "\n".join(lines) + "\n"


def line(game: str, arm: str, name: str, values: list[float | None]) -> str:
    """One row of it; without a mean where some seeds have no such figure."""
    by_seed = " ".join("–" if value is None else f"{value:.2f}" for value in values)
    middle, interval = "–", "–"
    known = [value for value in values if value is not None]
    if len(known) == len(values):
        whole = bootstrap(np.array(known)[:, None], mean)
        middle, interval = f"{whole.value:.2f}", f"{whole.low:.2f} to {whole.high:.2f}"
    return f"| {game} | {arm} | {FIGURES[name]} | {middle} | {interval} | {by_seed} |"


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--games", default=",".join(GAMES), help="comma-separated")
    parser.add_argument("--arms", help="as they are called in the table, separated by ;")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    games, arms = given.games.split(","), given.arms.split(";") if given.arms else list(ARMS)
    for names, known in ((games, GAMES), (arms, ARMS)):
        if unknown := sorted(set(names) - set(known)):
            parser.error(f"unknown name {unknown[0]!r}: expected some of {'; '.join(known)}")
    run(given.results, games, arms, given.seeds, given.tiny)
    print(table(given.results, games, arms, given.seeds), end="")


if __name__ == "__main__":
    main()
