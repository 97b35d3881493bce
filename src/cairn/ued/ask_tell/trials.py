"""What a Teacher keeps outside its programs, and the programs: once for all that are alike."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int, PyTree, UInt32

from cairn.ued.ask_tell import curriculum
from cairn.ued.ask_tell.outcomes import Told
from cairn.ued.ask_tell.state import Curriculum, Design, Played

SMALLEST = 16
"""Rows of the smallest program: batches are padded to powers of two from here on."""


class Levels(NamedTuple):
    """Levels and where they come from, a row each, in NumPy."""

    id: UInt32[np.ndarray, " n"]
    """The level's own."""
    parent: UInt32[np.ndarray, " n"]
    """Meaningless unless `has_parent`."""
    has_parent: Bool[np.ndarray, " n"]
    generation: Int[np.ndarray, " n"]
    source: Int[np.ndarray, " n"]
    """Place in `cairn.sampler.segments.SOURCES`."""
    level: PyTree[np.ndarray]
    """Every leaf (n, ...)."""


class Trials(NamedTuple):
    """Levels that were asked for and not yet told."""

    ids: Int[np.ndarray, " n"]
    """Of the asking: they only grow, and are never given again."""
    segment: Any
    """As the programs have them."""
    learn: Bool[np.ndarray, " n"]
    """Whether they may be learned from."""

    @property
    def levels(self) -> Levels:
        """The levels themselves."""
        s = self.segment
        return Levels(s.ids, s.parents, s.has_parent, s.generation, s.source, s.levels)


class Entered(NamedTuple):
    """Levels that entered the archive, in their order."""

    levels: Levels
    score: np.ndarray
    cycle: np.ndarray
    """Asks and tells until then."""


class Counts(NamedTuple):
    """What the ledger of the programs does not count."""

    asked: int = 0
    """Levels."""
    episodes: int = 0
    """Finished ones, told."""
    untimed: int = 0
    """Levels told without their steps: what they cost is in no count."""


class Compiled(NamedTuple):
    """The programs of one design, and nothing as they would give it."""

    begin: Callable[..., Curriculum]
    ask: Callable[..., Any]
    tell: Callable[..., Any]
    no_trial: Trials
    no_entry: Entered


def compiled(design: Design) -> Compiled:
    """The same for all teachers of one design, where spaces can be told to be the same."""
    try:
        return _remembered(design)
    except TypeError:  # a space that holds arrays
        return _compiled(design)


def _compiled(design: Design) -> Compiled:
    """Compiled at their first use, for each number of rows."""
    begin = lambda seed: curriculum.begin(design, jax.random.key(seed))  # noqa: E731
    ask = lambda rows, state, n: curriculum.ask(design, rows, state, n)  # noqa: E731
    state = jax.eval_shape(begin, jnp.uint32(0))
    _, *made = jax.eval_shape(partial(ask, 1), state, jnp.int32(1))
    segment, learn = jax.tree.map(lambda leaf: np.zeros((0, *leaf.shape[1:]), leaf.dtype), made)
    none = Trials(np.zeros(0, np.int64), segment, learn)
    return Compiled(
        jax.jit(begin),
        jax.jit(ask, static_argnums=0, donate_argnums=1),
        jax.jit(partial(curriculum.tell, design), donate_argnums=0),
        none,
        Entered(none.levels, np.zeros(0, np.float32), np.zeros(0, np.uint32)),
    )


_remembered = lru_cache(maxsize=16)(_compiled)


def padded(n: int) -> int:
    """Rows of the program for `n` levels."""
    return max(SMALLEST, _power(n))


def rows(tree: Any, chosen: np.ndarray) -> Any:
    """Some rows of every leaf."""
    return jax.tree.map(lambda leaf: leaf[chosen], tree)


def joined(trees: Sequence[Any]) -> Any:
    """The rows of all of them."""
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *trees)


def wider(leaf: np.ndarray, size: int) -> np.ndarray:
    """With rows of zeros at the end, `size` in all."""
    if leaf.shape[0] == size:
        return leaf
    wide = np.zeros((size, *leaf.shape[1:]), leaf.dtype)
    wide[: leaf.shape[0]] = leaf
    return wide


def played(told: Told, trials: Trials) -> Played:
    """What was told, as wide and as long as the program wants it."""
    n, episodes = len(trials.ids), _power(told.finished.shape[0])
    learned = trials.learn if told.learned is None else told.learned
    steps = np.zeros(n, np.uint32) if told.steps is None else told.steps.astype(np.uint32)
    wide = partial(wider, size=padded(n))
    table = lambda leaf: wide(wider(leaf, episodes).T).T  # noqa: E731
    # NumPy where the program wants arrays: it takes them as they are.
    arrays: tuple[Any, ...] = (
        *map(table, (told.returns, told.solved, told.values, told.finished)),
        *map(wide, (told.score, told.scored, learned, ~trials.learn, steps)),
    )
    return Played(*arrays)


def _power(n: int) -> int:
    """The next power of two."""
    return 1 << (n - 1).bit_length()
