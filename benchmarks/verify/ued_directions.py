"""Do the methods of environment design pull in the directions they claim?

    uv run python benchmarks/verify/ued_directions.py [--tiny] [--results DIR] [--arms a,b]

Writes one JSON file per arm and seed and skips those that exist, so it may be stopped and started
again. Then prints each claim with its mean and spread over seeds. The claims:

- dr: domain randomisation solves fresh mazes that the random policy does not;
- plr, robust-plr, parallel-plr: of a finite set of levels of which 30 % cannot be solved and 30 %
  are solved by a step, those solved sometimes have more than their share of the best quarter of
  the scores (`learnable_best`). Their share of the replay probability (`learnable_mass`) is on file
  too, but says little: one level has 61 % of it, and is solved sometimes or is not;
- accel, parallel-accel: started from empty rooms, what is replayed gains walls and length, while
  what domain randomisation plays (dr-empty) cannot;
- sfl: the levels it selects are more learnable on fresh rollouts than new ones.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from provenance import command, keep, source_hash, versions

from cairn.archive import replay
from cairn.engine.compiled import compile_program
from cairn.engine.devices import Layout
from cairn.envs.maze import generate
from cairn.envs.maze.cells import ahead, at
from cairn.envs.maze.env import Maze, MazeSpace
from cairn.envs.maze.level import EAST, MazeLevel
from cairn.envs.maze.solve import UNREACHABLE, shortest_path
from cairn.learners.ppo import PPOConfig
from cairn.runs import catalogue
from cairn.runs.experiment import Experiment, RunConfig
from cairn.score import episode_statistics
from cairn.ued import parts, sfl
from cairn.ued.method import problem_of

SOURCES = ("core", "engine", "envs", "learners", "nn", "sampler", "archive", "score", "ued")


STUDENT = PPOConfig(hidden=64, learning_rate=1e-3, epochs=4, minibatches=2, entropy_weight=0.01)


@dataclass(frozen=True)
class Size:
    """How large the mazes, the student and the runs are."""

    side: int = 9
    """Cells of a side."""
    walls: int = 15
    limit: int = 64
    """Steps of an episode, and of a rollout."""
    batch: int = 32
    steps: int = 600_000
    """Environment steps of a run, scoring and mutation included."""
    capacity: int = 256
    kinds: int = 200
    """Levels of the finite set."""
    levels: int = 512
    """Fresh levels for each measurement."""
    attempts: int = 10
    """Time limits that a level is played for to estimate its success rate."""
    chunk: int = 10
    """Cycles compiled together."""
    seeds: int = 5
    student: PPOConfig = STUDENT


TINY = Size(
    side=5,
    walls=4,
    limit=8,
    batch=4,
    steps=400,
    capacity=16,
    kinds=20,
    levels=8,
    attempts=2,
    chunk=2,
    seeds=1,
    student=PPOConfig(memory="none", hidden=8, head=4, filters=2, epochs=1),
)


class FiniteSpace(MazeSpace):
    """A finite set of levels: 30 % cannot be solved, 30 % take one step, the others are mazes."""

    def sample(self, key: jax.Array) -> MazeLevel:
        """One of the set, uniformly."""
        return self.level(jax.random.randint(key, (), 0, self.maze.kinds))

    def level(self, number: jax.Array) -> MazeLevel:
        """The level with that number: first the hopeless, then the trivial, then the mazes."""
        maze = self.maze
        key, cell_key, goal_key = jax.random.split(jax.random.fold_in(jax.random.key(1), number), 3)
        shape, size = (maze.height, maze.width), {"height": maze.height, "width": maze.width}
        ordinary = generate.random_walls(key, **size, walls=maze.walls)
        x = jax.random.randint(cell_key, (2,), 0, maze.width - 2, jnp.int32)
        y = jax.random.randint(goal_key, (2,), 0, maze.height, jnp.int32)
        # The goal in the first column, walled in; the agent two columns away or more.
        goal, agent = jnp.stack([jnp.int32(0), y[0]]), jnp.stack([x[1] + 2, y[1]])
        near = at(goal, shape)
        around = ahead(near, 0) | ahead(near, 1) | ahead(near, 2) | ahead(near, 3)
        walls = (ordinary.walls | around) & ~near & ~at(agent, shape)
        hopeless = MazeLevel(walls, agent, ordinary.heading, goal)
        # The goal is the cell the agent looks at.
        agent = jnp.stack([x[0], y[0]])
        goal = agent + jnp.array([1, 0], jnp.int32)
        walls = ordinary.walls & ~at(goal, shape) & ~at(agent, shape)
        trivial = MazeLevel(walls, agent, jnp.int32(EAST), goal)
        kind = (number * 10) // maze.kinds
        choose = lambda a, b, c: jnp.where(kind < 3, a, jnp.where(kind < 6, b, c))  # noqa: E731
        return jax.tree.map(choose, hopeless, trivial, ordinary)


class FiniteMaze(Maze):
    """A maze whose space is a finite set."""

    kinds: int = eqx.field(static=True, default=200)

    @property
    def space(self) -> FiniteSpace:
        """The finite set."""
        return FiniteSpace(self)


ARMS = {
    "random": "random",
    "dr": "dr",
    "dr-empty": "dr",
    "plr": "plr",
    "robust-plr": "robust-plr",
    "parallel-plr": "parallel-plr",
    "accel": "accel",
    "parallel-accel": "parallel-accel",
    "sfl": "sfl",
}
"""Name of each arm, and the method it runs."""


def experiment(arm: str, size: Size) -> Experiment:
    """What an arm trains, on what."""
    room = {
        "height": size.side,
        "width": size.side,
        "limit": size.limit,
        "view": min(5, size.side),
        "walls": size.walls,
    }
    if arm.endswith("plr"):
        env = FiniteMaze(**room, kinds=size.kinds)
    elif "accel" in arm or arm == "dr-empty":
        env = Maze(**room, generator="empty")
    else:
        env = Maze(**room)
    wanted = {
        "batch": size.batch,
        "steps_per_cycle": size.limit,
        "capacity": size.capacity,
        "minimum_fill": 0.25,
        "refresh": 20,
        "candidates": 2 * size.capacity,
        "scoring_steps": size.limit * 4,
        "keep": size.capacity // 4,
        "selected": size.batch // 2,
    }
    config = catalogue.method(ARMS[arm]).sections["algorithm"]
    known = {name: wanted[name] for name in wanted if name in config.__dataclass_fields__}
    if arm.endswith("plr"):
        known["capacity"] = size.kinds  # the whole set fits
    run = RunConfig(steps=size.steps, log_every=size.chunk)
    sections = {"task": env, "algorithm": config(**known), "student": size.student}
    return Experiment("maze", ARMS[arm], sections, run)


class Runner:
    """One arm, compiled once for all seeds."""

    def __init__(self, arm: str, size: Size):
        self.size = size
        self.arm = experiment(arm, size)
        self.problem = problem_of(self.arm.setup(None), learns=self.arm.method != "random")
        self._advance = self._compiled(0).advance
        self._figures = jax.jit(self._measure)
        self._select = jax.jit(self._selected)

    def start(self, seed: int) -> parts.State:
        """The state before the first cycle."""
        return jax.tree.map(lambda leaf: leaf[0], self._compiled(seed).init())

    def train(self, seed: int) -> parts.State:
        """The state once the budget is spent."""
        state = self._compiled(seed).init()
        while _spent(state) < self.size.steps:
            state, _ = self._advance(state)
        return jax.tree.map(lambda leaf: leaf[0], state)

    def figures(self, state: parts.State, seed: int) -> dict[str, float]:
        """What the claims are about."""
        figures = self._figures(state, jax.random.key(10_000 + seed))
        return {name: float(value) for name, value in figures.items()}

    def selected(self, state: parts.State, seed: int) -> dict[str, float]:
        """What SFL would select for the student of `state`, whoever trained it."""
        # The same structure for every method's state: archives and buffers play no part.
        bare = dataclasses.replace(state, archive=None, extra=None)
        figures = self._select(bare, jax.random.key(20_000 + seed))
        return {name: float(value) for name, value in figures.items()}

    def _compiled(self, seed: int) -> Any:
        size = self.size
        return compile_program(
            self.arm.program,
            seed=seed,
            seeds=1,
            cycles=size.chunk,
            budget=size.steps,
            layout=Layout(),
        )

    def _measure(self, state: parts.State, key: jax.Array) -> dict[str, jax.Array]:
        solve, archive, select = jax.random.split(key, 3)
        figures = {"solve_rate": self._solve_rate(state, solve)}
        if state.archive is not None:
            figures |= self._replayed(state, archive)
        if isinstance(state.extra, sfl.Buffer):
            figures |= self._selected(state, select)
        return figures

    def _success(self, state: parts.State, levels: MazeLevel, key: jax.Array) -> Any:
        steps = self.size.attempts * self.size.limit
        return parts.play(self.problem, state.learner, levels, key, steps)

    def _solve_rate(self, state: parts.State, key: jax.Array) -> jax.Array:
        """First episodes on fresh solvable mazes with `walls` walls."""
        size = self.size
        draw = lambda k: generate.random_walls(  # noqa: E731
            k, height=size.side, width=size.side, walls=size.walls
        )
        level_key, play_key = jax.random.split(key)
        levels = jax.vmap(draw)(jax.random.split(level_key, size.levels))
        can = jax.vmap(shortest_path)(levels) < UNREACHABLE
        # As many steps as an episode may have: exactly one first episode ends in each column.
        trace = parts.play(self.problem, state.learner, levels, play_key, size.limit)
        first = jnp.argmax(trace.done, axis=0)
        solved = jnp.take_along_axis(trace.solved, first[None], axis=0)[0]
        return jnp.sum(solved & can, dtype=jnp.float32) / jnp.sum(can, dtype=jnp.float32)

    def _replayed(self, state: parts.State, key: jax.Array) -> dict[str, jax.Array]:
        """Which levels the archive would replay: how learnable, how full, how long, how old."""
        archive, config = state.archive, self.arm.algorithm
        chance = replay.probabilities(archive, config)
        held = archive.occupied.astype(jnp.float32) / archive.count.astype(jnp.float32)
        facts = episode_statistics(self._success(state, archive.levels, key))
        p = facts.success_rate
        learnable = ((p > 0) & (p < 1) & archive.occupied).astype(jnp.float32)
        quarter = jnp.maximum(archive.count // 4, 1)
        best = (archive.occupied & (archive.ranks < quarter)).astype(jnp.float32)
        length = jax.vmap(shortest_path)(archive.levels)
        can = (length < UNREACHABLE).astype(jnp.float32)
        path = jnp.where(can > 0, length, 0).astype(jnp.float32)
        walls = archive.levels.walls.sum(axis=(1, 2)).astype(jnp.float32)
        return {
            "learnable_mass": jnp.sum(chance * learnable),
            "learnable_share": jnp.sum(held * learnable),
            "learnable_best": jnp.sum(best * learnable) / quarter.astype(jnp.float32),
            "solvable_mass": jnp.sum(chance * can),
            "walls": jnp.sum(chance * walls),
            "path": jnp.sum(chance * path) / jnp.maximum(jnp.sum(chance * can), 1e-6),
            "generation": jnp.sum(chance * archive.generation.astype(jnp.float32)),
        }

    def _selected(self, state: parts.State, key: jax.Array) -> dict[str, jax.Array]:
        """Learnability, on rollouts not used to select, of a selection and of new levels."""
        select, new, again, other = jax.random.split(key, 4)
        config = self.arm.algorithm
        now = dataclasses.replace(state, key=select, archive=None, extra=None)
        buffer = sfl.select(self.problem, config, now)
        keys = jax.random.split(new, config.keep)
        fresh = jax.vmap(self.problem.env.space.sample)(keys)

        def estimate(levels: MazeLevel, key: jax.Array) -> tuple[jax.Array, jax.Array]:
            trace = self._success(state, levels, key)
            score, eligible = sfl.learnability(trace)
            weight = eligible.astype(jnp.float32)
            n = jnp.sum(weight)
            mean = jnp.sum(score * weight) / n
            return mean, jnp.sum((score - mean) ** 2 * weight) / (n - 1) / n

        (chosen, chosen_error), (plain, plain_error) = (
            estimate(buffer.levels, again),
            estimate(fresh, other),
        )
        return {
            "learnability_selected": chosen,
            "learnability_new": plain,
            "standard_errors": (chosen - plain) / jnp.sqrt(chosen_error + plain_error + 1e-12),
        }


def empty_path(size: Size) -> float:
    """Mean shortest path of empty rooms: what domain randomisation from empty plays for ever."""
    draw = lambda k: shortest_path(generate.empty_room(k, height=size.side, width=size.side))  # noqa: E731
    return float(jnp.mean(jax.vmap(draw)(jax.random.split(jax.random.key(3), 4096))))


def _spent(state: parts.State) -> int:
    totals = state.ledger.totals()
    return sum(totals[name][0] for name in ("training", "scoring", "mutation"))


def run(results: Path, size: Size, arms: list[str]) -> None:
    """Fill `results` with the arms and seeds it lacks."""
    results.mkdir(parents=True, exist_ok=True)
    for arm in arms:
        paths = {seed: results / f"{arm}-seed{seed}.json" for seed in range(size.seeds)}
        missing = [seed for seed, path in paths.items() if not path.exists()]
        runner = Runner(arm, size) if missing else None
        for seed in missing:
            assert runner is not None
            begun = time.monotonic()
            state = runner.train(seed)
            result = {
                "arm": arm,
                "seed": seed,
                "figures": runner.figures(state, seed),
                "ledger": state.ledger.totals(),
                "seconds": round(time.monotonic() - begun, 1),
                "size": dataclasses.asdict(size),
                "command": command(),
                "versions": versions(device=jax.devices()[0].device_kind),
                "sources": source_hash(Path(__file__), SOURCES),
            }
            keep(paths[seed], result)
            print(f"{arm} seed {seed}: {result['seconds']} s {result['figures']}", flush=True)


def claims(results: Path, size: Size) -> Iterator[tuple[str, np.ndarray, float]]:
    """(claim, one figure per seed, what each should exceed)."""

    def of(arm: str, name: str) -> np.ndarray:
        paths = [results / f"{arm}-seed{seed}.json" for seed in range(size.seeds)]
        rows = [json.loads(path.read_text()) for path in paths if path.exists()]
        return np.array([row["figures"][name] for row in rows])

    yield "dr solves more than random", of("dr", "solve_rate") - of("random", "solve_rate"), 0.5
    for arm in ("plr", "robust-plr", "parallel-plr"):
        gain = of(arm, "learnable_best") - of(arm, "learnable_share")
        yield f"{arm} scores best what is learnable", gain, 0.0
    for arm in ("accel", "parallel-accel"):
        yield f"{arm} gains walls", of(arm, "walls"), 0.0
        yield f"{arm} gains length", of(arm, "path") - empty_path(size), 0.0
        transfer = of(arm, "solve_rate") - of("dr-empty", "solve_rate")
        yield f"{arm} carries over to walls better than dr-empty", transfer, 0.0
    yield "sfl selects what is learnable (standard errors)", of("sfl", "standard_errors"), 3.0


def main() -> None:
    """Run what is missing, then print the claims."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "ued")
    parser.add_argument("--arms", default=",".join(ARMS), help="comma-separated")
    arguments = parser.parse_args()
    size, arms = TINY if arguments.tiny else Size(), arguments.arms.split(",")
    unknown = sorted(set(arms) - set(ARMS))
    if unknown:
        parser.error(f"unknown arm {unknown[0]!r}: expected some of {', '.join(ARMS)}")
    run(arguments.results, size, arms)
    if arms == list(ARMS):
        for claim, values, bound in claims(arguments.results, size):
            spread = values.std(ddof=1) if len(values) > 1 else float("nan")
            print(
                f"{claim}: mean {values.mean():.3f}, spread {spread:.3f}, least "
                f"{values.min():.3f} of {len(values)} seeds (should exceed {bound:g})"
            )


if __name__ == "__main__":
    main()
