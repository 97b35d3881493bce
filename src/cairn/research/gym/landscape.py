"""What stands for operators and programs: a node is a number, its quality, and how far it can go.

Simulated: what holds here is about policies on such landscapes, and not about language models.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from cairn.research.gym.arrays import CROSSOVER, DEBUG, DRAFT, Move, Nodes, Scalar, add, lines


class Landscape(NamedTuple):
    """How good drafts are, and what operators make of a node. Floats, so that all landscapes
    share one compiled program."""

    draft_spread: float = 1.0
    """Of the quality of drafts, about 0."""
    step_mean: float = -0.1
    """What an improvement changes on average ..."""
    step_spread: float = 0.3
    """... and its spread: most make it worse."""
    falling: float = 0.0
    """How much less the average change is for each unit of quality: what is good is hard to
    improve."""
    room: float = 1e9
    """How far above 0 the ceiling of a draft's line lies on average ..."""
    room_spread: float = 0.0
    """... with this spread ..."""
    room_slope: float = 0.0
    """... and this much for each unit of the draft's own quality. Negative: what begins well ends
    early."""
    bug_rate: float = 0.3
    """How often a draft, an improvement or a crossover does not run."""
    mend_rate: float = 0.5
    """How often debugging succeeds."""
    wide: float = 0.0
    """Operators' cue of complexity: this much of the spread less for the first two children of a
    node, and more from the fifth on."""
    noise: float = 0.3
    """Standard deviation of a measurement."""


UNIMODAL = Landscape()
"""A step from anywhere may be as good: no line ends."""
LANDSCAPES = {
    "unimodal": UNIMODAL,
    "ceilings": UNIMODAL._replace(room=1.0, room_spread=1.0),
    "deceptive": UNIMODAL._replace(room=1.5, room_spread=0.5, room_slope=-1.0),
    "diminishing": UNIMODAL._replace(falling=0.15),
}
"""By name. On all but the last the sheet has an expectation; `benchmarks/verify/search_gym.py`
says what came out."""


def grow(
    landscape: Landscape, nodes: Nodes, move: Move, key: Key[Array, ""]
) -> tuple[Nodes, Int[Array, ""]]:
    """One evaluation: the nodes with one more, and its index.

    The draws belong to the index, so that searches with one key meet the same luck in the same
    place, whatever their policies.
    """
    at = nodes.size
    normal = jax.random.normal(jax.random.fold_in(key, at), (5,))
    luck = jax.random.uniform(jax.random.fold_in(key, at + (1 << 20)), (2,))
    drafted = landscape.draft_spread * normal[0]
    room = (
        landscape.room
        + landscape.room_slope * drafted
        + landscape.room_spread * normal[1]
    )  # fmt: skip
    quality, ceiling = _made(landscape, nodes, move, normal[2], luck[0] < 0.5)
    quality = jnp.where(move.operator == DRAFT, jnp.minimum(drafted, room), quality)
    ceiling = jnp.where(move.operator == DRAFT, room, ceiling)
    wrong = jnp.where(
        move.operator == DEBUG, luck[1] >= landscape.mend_rate, luck[1] < landscape.bug_rate
    )
    seen = quality + landscape.noise * normal[3]
    return add(nodes, move, quality, ceiling, seen, wrong), at


def _made(
    landscape: Landscape, nodes: Nodes, move: Move, normal: Scalar, best: Array
) -> tuple[Scalar, Scalar]:
    """Quality and ceiling of what improve, crossover and debug make of their parents."""
    first, second = nodes.quality[move.first], nodes.quality[move.second]
    ceiling = nodes.ceiling[move.first]
    crossed = jnp.where(best, jnp.maximum(first, second), (first + second) / 2)
    crossing = move.operator == CROSSOVER
    begin = jnp.where(crossing, crossed, first)
    ceiling = jnp.where(crossing, jnp.maximum(ceiling, nodes.ceiling[move.second]), ceiling)
    children = lines(nodes)[move.first]
    cue = jnp.where(children < 2, -1.0, jnp.where(children < 4, 0.0, 1.0))
    spread = landscape.step_spread * (1 + landscape.wide * cue)
    step = landscape.step_mean - landscape.falling * begin + spread * normal
    made = jnp.where(move.operator == DEBUG, first, begin + step)
    return jnp.minimum(made, ceiling), ceiling


def chosen(nodes: Nodes) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    """After each evaluation: the true quality of the node that measured best, and that of the
    truly best one; NaN before the first that runs."""
    good = ~nodes.buggy & (jnp.arange(nodes.buggy.size) < nodes.size)

    def best(carry: tuple[Scalar, Scalar, Scalar], node: tuple[Array, ...]):
        top, quality, oracle = carry
        fine, seen, true = node
        better = fine & (seen > top)
        top, quality = jnp.where(better, seen, top), jnp.where(better, true, quality)
        oracle = jnp.where(fine, jnp.maximum(oracle, true), oracle)
        return (top, quality, oracle), (quality, oracle)

    low = jnp.float32(-jnp.inf)
    _, curves = jax.lax.scan(best, (low, low, low), (good, nodes.seen, nodes.quality))
    quality, oracle = (jnp.where(jnp.isfinite(curve), curve, jnp.nan) for curve in curves)
    return quality, oracle
