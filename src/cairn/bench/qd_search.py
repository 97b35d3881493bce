"""The searches of the quality-diversity benchmarks: an algorithm on a problem, in chunks."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp

from cairn.archive import cvt
from cairn.archive.grid import Grid
from cairn.core.keys import stream
from cairn.sampler.emitters import cma_emitter, cma_mae, cma_me, map_elites
from cairn.sampler.emitters.problems import Arm, Sphere

Algorithm = Literal["map-elites", "line", "cvt", "cma-me", "cma-mae", "cma-mae-no-path"]
Problem = Literal["sphere", "arm"]


@dataclass(frozen=True)
class Size:
    """How much work; the defaults are the published benchmark's."""

    iterations: int = 10_000
    """Steps of the loop."""
    emitters: int = 15
    """Emitters; MAP-Elites draws all their children at once."""
    batch: int = 36
    """Children per emitter and step."""
    side: int = 100
    """Cells along each of the two axes; side² centroids for CVT."""
    chunk: int = 1_000
    """Steps per compiled call, after each of which the curve gets a point."""


PUBLISHED_SIZE = Size()


class Search:
    """One algorithm on one problem, run in chunks; `state` holds all that changes."""

    def __init__(self, problem: Problem, algorithm: Algorithm, seed: int, size: Size):
        task = {"sphere": Sphere, "arm": Arm}[problem]()
        self.key = jax.random.key(seed)
        self.tessellation = task.grid(size.side)
        # Steps fit the sphere's unbounded box of ±5.12; the arm's joints live in [0, 1].
        scale = {"sphere": 1.0, "arm": 0.1}[problem]
        if algorithm == "cvt":
            # The centroids belong to the problem, not to the seed: scores stay comparable.
            self.tessellation = centroids(self.tessellation, size.side**2)
        batch = size.emitters * size.batch
        searches: dict[str, Any] = {"emitters": size.emitters, "batch": size.batch}
        searches["sigma"] = 0.5 * scale
        if algorithm == "cma-me":
            module, config = cma_me, cma_emitter.Config(**searches)
        elif algorithm in ("cma-mae", "cma-mae-no-path"):
            emitter = cma_emitter.Config(
                **searches,
                rank_by="improvement",
                parents="half",
                restart="converged",
                rank_one=algorithm == "cma-mae",
            )
            module, config = cma_mae, cma_mae.Config(emitter=emitter)
        else:
            module = map_elites
            line = 0.2 if algorithm == "line" else 0.0
            config = map_elites.Config(batch=batch, iso=0.5 * scale, line=line)
        example: dict[str, Any] = {"descriptor": jnp.zeros(2)}
        if module is not map_elites:
            example["config"] = config
        self.state: Any = module.init(self.tessellation, task.start(), **example)
        self.advance = partial(
            module.run, config=config, evaluate=task.evaluate, tessellation=self.tessellation
        )

    def run(self, steps: int) -> Any:
        """Go on for so many steps, and wait for them."""
        self.state, metrics = self.advance(self.state, self.key, steps=steps)
        return jax.block_until_ready(metrics)


def centroids(grid: Grid, cells: int) -> cvt.Cvt:
    """`cells` centroids of the grid's box, from ten uniform samples per cell."""
    low, high = jnp.array(grid.lower, jnp.float32), jnp.array(grid.upper, jnp.float32)
    key = stream(jax.random.key(0), "qd.cvt")
    uniform = jax.random.uniform(key, (10 * cells, 2), jnp.float32)
    samples = low[None] + (high - low)[None] * uniform
    return cvt.fit(jax.random.key(1), samples, cells=cells, iterations=20)
