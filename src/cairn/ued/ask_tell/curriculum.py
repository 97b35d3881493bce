"""Curricula for trainers of other people: which levels next, and what an outcome changes.

The methods of this wing without their rollouts: the same archive, segments, scores and settings,
driven by `ask` and `tell`, two pure functions that are compiled once for each number of rows.
Batches are padded; `live` rows come first, and the others leave no mark on anything.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.archive import replay
from cairn.core import trees
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.core.trace import Trace
from cairn.sampler import segments
from cairn.sampler.segments import MUTATED, REPLAY, Segment
from cairn.ued import accel, parts, sfl
from cairn.ued.ask_tell.phases import (
    as_state,
    edited,
    fresh,
    judged,
    rank,
    record,
    replayed,
    scoring,
    selected,
    to_edit,
)  # fmt: skip
from cairn.ued.ask_tell.state import COUNTS, Curriculum, Design, Parents, Played, Selection
from cairn.ued.config import CurationConfig


def begin(design: Design, key: Key[Array, ""]) -> Curriculum:
    """Nothing asked, nothing told."""
    level = jax.tree.map(jnp.zeros_like, design.space.sample(key))
    memory = () if design.scoring is None else design.scoring.unseen()
    archive = replay.empty(level, memory, design.kept)
    extra = None
    if isinstance(design.config, sfl.Config):
        buffer = sfl.none_yet(design.space, design.config.keep, key)
        due = jnp.int32(design.config.refresh * design.config.batch)
        extra = Selection(buffer, buffer, jnp.int32(0), due)
    elif isinstance(design.config, accel.Config):
        rows = jnp.zeros(design.config.batch, jnp.int32)
        none = segments.replayed(archive, key, rows.shape[0], design.kept, jnp.bool_(False))[1]
        extra = Parents(none, jnp.int32(0))
    return Curriculum(key, jnp.int32(0), archive, Ledger.zero(COUNTS), extra)


def ask(
    design: Design, rows: int, state: Curriculum, n: Int[Array, ""]
) -> tuple[Curriculum, Segment, Bool[Array, " rows"]]:
    """`n` levels in the first of `rows` rows, and which of them may be learned from."""
    place = jnp.arange(rows, dtype=jnp.int32)
    live = place < n
    archive, key = state.archive, lambda name: stream(state.key, name, state.cycle)
    first = archive.next_id
    archive, batch = segments.new(archive, design.space, scoring(design), key("levels"), rows)
    learn, extra = jnp.full(rows, design.rule.learns_new), state.extra
    kept = jnp.zeros(rows, bool)
    if isinstance(extra, Selection):
        batch, learn, extra, kept = selected(design, extra, batch, live, key("replay"))
    elif isinstance(design.config, CurationConfig):
        asked = parts.replay_coin(as_state(state), design.config)
        if isinstance(extra, Parents):  # children of what was replayed come before all else
            asked &= extra.there == 0
        # Replayed rows come first, so that they are the first draws.
        again = asked & (place < (n + design.rule.side_by_side - 1) // design.rule.side_by_side)
        archive, old = replayed(design, archive, key("replay"), again & live)
        batch = trees.where(again, old, batch)
        learn |= again
        if design.edits:
            batch, extra, born = edited(design, archive, batch, extra, asked, n, key("mutate"))
            learn &= ~born
    # Rows that nobody asked for leave no gap in the ids either.
    batch = batch._replace(ids=jnp.where(batch.source == REPLAY, batch.ids, first + rank(batch)))
    archive = eqx.tree_at(lambda a: a.next_id, archive, first + fresh(batch, live))
    # SFL's buffer keeps no ids: what comes out of it has one of its own, and is still replayed.
    batch = batch._replace(source=jnp.where(kept, REPLAY, batch.source))
    batch = batch._replace(memory=())  # the archive's own is newer when the outcome is told
    return Curriculum(state.key, state.cycle + 1, archive, state.ledger, extra), batch, learn


def tell(
    design: Design, state: Curriculum, batch: Segment, live: Bool[Array, " B"], played: Played
) -> tuple[Curriculum, Bool[Array, " B"], Float[Array, " B"]]:
    """After B outcomes: the state, which levels entered the archive, and their scores."""
    archive, extra = state.archive, state.extra
    trace = as_trace(played)
    entered, score = jnp.zeros_like(live), jnp.zeros_like(played.score)
    if isinstance(extra, Selection):
        extra, score = judged(design, extra, batch, live & played.candidate, trace)
    elif design.scoring is not None:
        archive, batch, entered, score = record(design, archive, batch, live, trace, played)
    if isinstance(extra, Parents):
        extra = to_edit(design, state, extra, batch, live & batch.stored, trace)
    counts = {
        "training": played.learned,
        "mutation": ~played.learned & (batch.source == MUTATED),
        "scoring": ~played.learned & (batch.source != MUTATED),
    }
    spent = {
        name: jnp.sum(jnp.where(live & these, played.steps, 0), dtype=jnp.uint32)
        for name, these in counts.items()
    }
    ledger = state.ledger.add(**spent)
    return Curriculum(state.key, state.cycle + 1, archive, ledger, extra), entered, score


def as_trace(played: Played) -> Trace:
    """Episodes as a trace of one step each: all that scores read of whole episodes is in it."""
    none = jnp.zeros_like(played.returns)
    return Trace(
        observation=(),
        action=none,
        log_prob=none,
        value=played.values,
        reward=played.returns,
        terminated=played.finished,
        truncated=jnp.zeros_like(played.finished),
        solved=played.solved,
        final_value=none,
        last_value=none[0],
    )
