"""The searches of the quality-diversity benchmarks: an algorithm on a problem, in chunks."""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cairn.archive import cvt
from cairn.archive.elites import Elites, best, coverage, qd_score
from cairn.archive.grid import Grid
from cairn.core.keys import stream
from cairn.engine import devices
from cairn.engine.compiled import compile_program
from cairn.qd import cma_mae, cma_me, map_elites
from cairn.qd.tasks import TASKS, Task
from cairn.runs.method import Method, Setup

Algorithm = Literal["map-elites", "line", "cvt", "cma-me", "cma-mae", "cma-mae-no-path"]
TaskName = Literal["sphere", "arm"]


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
    """One algorithm on one problem, run in chunks; `state` holds all that changes, for one seed."""

    def __init__(self, problem: TaskName, algorithm: Algorithm, seed: int, size: Size):
        task: Task = TASKS[problem](side=size.side)  # pyright: ignore[reportCallIssue]
        if algorithm == "cvt":
            task = centroidal(task)
        method, config = settings(algorithm, size)
        sections = {"task": task, "algorithm": config}
        self.program = method.program(Setup(task, sections, size.iterations * config.children))
        # The seed's own key and not a stream of it: the published figures were made so.
        state = self.program.init(jax.random.key(seed))
        self._states: Any = jax.tree.map(lambda leaf: leaf[None], state)
        self._compiled: dict[int, Any] = {}

    @property
    def state(self) -> Any:
        """The method's state."""
        return jax.tree.map(lambda leaf: leaf[0], self._states)

    def run(self, steps: int) -> dict[str, float]:
        """Go on for so many steps, and wait for them. Returns the map's figures."""
        if steps not in self._compiled:
            layout = devices.plan(1, 1, 1)
            self._compiled[steps] = compile_program(
                self.program, seed=0, seeds=1, cycles=steps, budget=2**62, layout=layout
            )
        advanced = self._compiled[steps].advance(self._states)
        self._states, report = jax.block_until_ready(advanced)
        return {
            "evaluations": self._states.ledger.totals()["evaluations"][0],
            "entered": int(np.sum(report.metrics["entered"])),
            **{name: value.item() for name, value in _figures(self._states.elites).items()},
        }


@jax.jit
def _figures(elites: Elites) -> dict[str, Array]:
    """How good the map of one seed is, taken from the map itself."""
    one = jax.tree.map(lambda leaf: leaf[0], elites)
    return {"qd_score": qd_score(one), "coverage": coverage(one), "best": best(one)}


def settings(algorithm: Algorithm, size: Size) -> tuple[Method, Any]:
    """The method of this wing that an algorithm is, and how it is set."""
    searches: dict[str, Any] = {"emitters": size.emitters, "batch": size.batch}
    if algorithm == "cma-me":
        return cma_me.METHOD, cma_me.Config(**searches)
    if algorithm in ("cma-mae", "cma-mae-no-path"):
        return cma_mae.METHOD, cma_mae.Config(**searches, rank_one=algorithm == "cma-mae")
    line = 0.2 if algorithm == "line" else 0.0
    return map_elites.METHOD, map_elites.Config(batch=size.emitters * size.batch, line=line)


class Centroidal(Task):
    """A task whose cells are those of centroids."""

    task: Task
    centroids: cvt.Cvt

    @property
    def tessellation(self) -> cvt.Cvt:
        """The centroids' cells."""
        return self.centroids

    @property
    def start(self) -> Float[Array, " dims"]:
        """The task's own."""
        return self.task.start

    @property
    def scale(self) -> float:
        """The task's own."""
        return self.task.scale

    def evaluate(self, solutions: Float[Array, "batch dims"]) -> tuple[Array, Array]:
        """The task's own."""
        return self.task.evaluate(solutions)


def centroidal(task: Task) -> Centroidal:
    """The task with as many centroids as its grid has cells, from ten uniform samples per cell."""
    grid = task.tessellation
    assert isinstance(grid, Grid)
    low, high = jnp.array(grid.lower, jnp.float32), jnp.array(grid.upper, jnp.float32)
    # The centroids belong to the problem, not to the seed: scores stay comparable.
    key = stream(jax.random.key(0), "qd.cvt")
    uniform = jax.random.uniform(key, (10 * grid.cells, 2), jnp.float32)
    samples = low[None] + (high - low)[None] * uniform
    fitted = cvt.fit(jax.random.key(1), samples, cells=grid.cells, iterations=20)
    return Centroidal(task, fitted)
