"""A curriculum that moves the start back, from near the end of a demonstration to the true start.

Windows of distances from the end, [1, 4), [4, 8), [8, 16), ... (Resnick et al. 2018,
arXiv:1807.06919), advanced on a schedule or by success (Salimans & Chen 2018, arXiv:1812.03381).
Where no window is left, and at the end of a run, episodes start at the true start.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.trace import Trace
from cairn.envs.midway import Start
from cairn.envs.protocol import Level
from cairn.ued import demonstrations
from cairn.ued.demonstrations import Demonstrations


@dataclass(frozen=True)
class Windows:
    """How the start moves back."""

    advance: Literal["schedule", "success"] = "schedule"
    """When the next window comes: after an equal share of the run each (Backplay), or when at least
    `threshold` of the last `over` starts succeeded (Salimans & Chen)."""
    first: int = 8
    """Distances below this make the first window."""
    growth: float = 1.0
    """Upper end of a window by its lower one; but none is narrower than `first`, so that 1 makes
    all as wide."""
    threshold: float = 0.2
    """Success from which the next window comes (Salimans & Chen: 0.2)."""
    over: int = 128
    """Starts to judge by, in blocks: the first episode of each column of a cycle."""
    finish: float = 0.2
    """Share of the run, at its end, with true starts alone."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "growth", "over")
        checks.at_least(self, 2, "first")
        checks.share(self, "threshold")
        if not 0 < self.finish <= 1:
            raise ConfigError(
                f"finish must lie in (0, 1], got {self.finish}: without a last phase from true "
                f"starts the student has only seen other states than it will be tested from."
            )

    def edges(self, steps: int) -> Int[np.ndarray, " edges"]:
        """Where windows begin, the last past `steps`: window k is [edges[k], edges[k + 1])."""
        edges = [1, self.first]
        while edges[-1] <= steps:
            edges.append(edges[-1] + max(self.first, int((self.growth - 1) * edges[-1])))
        return np.array(edges, np.int32)


class Curriculum(NamedTuple):
    """How far the start has moved back."""

    shown: Demonstrations
    longest: Int[Array, ""]
    """Demonstration so far, in actions."""
    window: Int[Array, ""]
    """Reached by success."""
    starts: Int[Array, ""]
    """Judged since the last look."""
    successes: Int[Array, ""]


def begin(shown: Demonstrations) -> Curriculum:
    """Before the first start."""
    zero = jnp.int32(0)
    return Curriculum(shown, zero, zero, zero, zero)


def showing(now: Curriculum, shown: Demonstrations) -> Curriculum:
    """With other demonstrations."""
    return now._replace(shown=shown, longest=jnp.maximum(now.longest, jnp.max(shown.lengths)))


def phase(
    config: Windows, now: Curriculum, steps: int, behind: Float[Array, ""]
) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """The window of this cycle, and whether it is the last phase: true starts alone.

    `steps` is the time limit, `behind` how much of the run is.
    """
    windows = jnp.sum(jnp.asarray(config.edges(steps)[:-1]) < now.longest, dtype=jnp.int32)
    window = now.window
    if config.advance == "schedule":
        share = behind / max(1.0 - config.finish, 1e-6)
        window = jnp.floor(share * windows.astype(jnp.float32)).astype(jnp.int32)
    window = jnp.minimum(window, windows)
    last = (window == windows) | (behind >= 1.0 - config.finish) | (now.shown.held == 0)
    return window, last


def draw(
    config: Windows,
    now: Curriculum,
    window: Int[Array, ""],
    levels: Level,
    fresh: Bool[Array, " B"],
    key: Key[Array, ""],
    steps: int,
) -> tuple[Start, Float[Array, "turns B"]]:
    """A start in the window for each turn and column, and how many actions from the end it is.

    In the columns `fresh` it is the beginning of that one of `levels`, whose leaves are
    (turns, B, ...); only there do they mean anything.
    """
    shape = jax.tree.leaves(levels)[0].shape[:2]
    chance = jax.random.uniform(key, (2, *shape))
    edges = jnp.asarray(config.edges(steps))
    window = jnp.minimum(window, edges.shape[0] - 2)  # there is none in the last phase
    low, width = edges[window], edges[window + 1] - edges[window]
    distance = low + jnp.floor(chance[0] * width.astype(jnp.float32)).astype(jnp.int32)
    states, observations, distance = demonstrations.at(now.shown, distance, chance[1])
    start = Start(levels, states, observations, jnp.broadcast_to(fresh, shape))
    return start, distance.astype(jnp.float32)


def judge(
    config: Windows,
    now: Curriculum,
    window: Int[Array, ""],
    trace: Trace,
    midway: Bool[Array, " B"],
) -> tuple[Curriculum, Float[Array, ""]]:
    """The curriculum after the starts of the columns `midway`, and how many of them succeeded.

    The first episode of a column counts and no other: it always ends within a cycle, where later
    ones are cut off the more often the longer they are, and failures are long.
    """
    end = jnp.argmax(trace.done, axis=0)
    solved = jnp.take_along_axis(trace.solved, end[None], axis=0)[0] & midway
    share = jnp.sum(solved) / jnp.maximum(jnp.sum(midway), 1)
    starts = now.starts + jnp.sum(midway, dtype=jnp.int32)
    successes = now.successes + jnp.sum(solved, dtype=jnp.int32)
    full = starts >= config.over
    enough = successes.astype(jnp.float32) >= config.threshold * starts.astype(jnp.float32)
    return now._replace(
        window=jnp.where(full & enough, window + 1, now.window),
        starts=jnp.where(full, 0, starts),
        successes=jnp.where(full, 0, successes),
    ), share.astype(jnp.float32)
