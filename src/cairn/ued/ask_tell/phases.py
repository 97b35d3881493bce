"""The phases of a curriculum's ask and tell: drawing, editing, recording, choosing.

Batches are padded; rows that are not live leave no mark.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, UInt32

from cairn.archive import replay
from cairn.archive.replay import Remembering, Replay
from cairn.core import branches, trees
from cairn.core.keys import stream
from cairn.core.trace import Trace
from cairn.sampler import segments
from cairn.sampler.segments import NEW, REPLAY, Segment
from cairn.score import STUDENT, Score
from cairn.score.told import Told
from cairn.ued import accel, parts, sfl
from cairn.ued.ask_tell.state import Curriculum, Design, Parents, Played, Selection


def scoring(design: Design) -> Score:
    """Its score; where nothing is scored, one that remembers nothing."""
    return Told() if design.scoring is None else design.scoring


def as_state(state: Curriculum) -> parts.State:
    """As the phases of the compiled methods take it."""
    return parts.State(state.key, state.cycle, (), state.archive, state.ledger, None)


def rank(batch: Segment) -> UInt32[Array, " rows"]:
    """How many rows before each want an id of their own."""
    own = (batch.source != REPLAY).astype(jnp.uint32)
    return jnp.cumsum(own) - own


def fresh(batch: Segment, live: Bool[Array, " rows"]) -> UInt32[Array, ""]:
    """How many live rows want an id of their own."""
    return jnp.sum((batch.source != REPLAY) & live, dtype=jnp.uint32)


def replayed(
    design: Design, archive: Replay, key: Key[Array, ""], wanted: Bool[Array, " rows"]
) -> tuple[Replay, Segment]:
    """Draws for all rows, of which those `wanted`, the first ones, leave their mark."""
    rows, K = wanted.shape[0], archive.scores.shape[0]
    _, old = segments.replayed(archive, key, rows, design.kept, jnp.bool_(False))
    ticks = archive.clock + 1 + jnp.arange(rows, dtype=jnp.int32)
    stamps = archive.stamps.at[jnp.where(wanted, old.slots, K)].max(ticks, mode="drop")
    clock = archive.clock + jnp.sum(wanted, dtype=jnp.int32)
    return eqx.tree_at(lambda a: (a.stamps, a.clock), archive, (stamps, clock)), old


def edited(
    design: Design,
    archive: Replay,
    batch: Segment,
    extra: PyTree,
    asked: Bool[Array, ""],
    n: Int[Array, ""],
    key: Key[Array, ""],
) -> tuple[Segment, PyTree, Bool[Array, " rows"]]:
    """With children in some rows: of the levels told last, or of those replayed beside them."""
    rows = batch.ids.shape[0]
    place = jnp.arange(rows, dtype=jnp.int32)
    if isinstance(extra, Parents):
        any_ = extra.there > 0
        parents = trees.take(extra.segment, place % jnp.maximum(extra.there, 1))
        born = jnp.full(rows, any_)
        extra = extra._replace(there=jnp.int32(0))
    else:
        third = (n + 2) // 3
        parents = trees.take(batch, jnp.maximum(place - third, 0) % jnp.maximum(third, 1))
        born = asked & (place >= third) & (place < 2 * third)
    children = segments.mutated(archive, design.space, scoring(design), parents, key)[1]
    return trees.where(born, children, batch), extra, born


def to_edit(
    design: Design,
    state: Curriculum,
    before: Parents,
    batch: Segment,
    stored: Bool[Array, " B"],
    trace: Trace,
) -> Parents:
    """The parents for the next ask, if levels of the archive were told."""
    config = design.config
    assert isinstance(config, accel.Config)
    coin = jax.random.uniform(stream(state.key, "edit?", state.cycle)) < config.mutation_probability
    if config.parents == "batch":
        order = jnp.argsort(~stored, stable=True)[: config.batch]  # those of the archive first
        chosen, rows = trees.take(batch, order), order.shape[0]
        count = jnp.minimum(jnp.sum(stored, dtype=jnp.int32), rows)
    else:
        known = trace._replace(terminated=trace.terminated & stored[None])
        chosen, rows = accel.choose_parents(batch, known, config), config.batch
        count = jnp.where(known.terminated.any(), rows, 0)
    put = lambda old, new: old.at[:rows].set(new)  # noqa: E731
    now = Parents(jax.tree.map(put, before.segment, chosen), count)
    return trees.where(coin & (count > 0), now, before)


def record(
    design: Design,
    archive: Replay,
    batch: Segment,
    live: Bool[Array, " B"],
    trace: Trace,
    played: Played,
) -> tuple[Replay, Segment, Bool[Array, " B"], Float[Array, " B"]]:
    """Score the levels; renew those of the archive, offer the others."""
    score, config = design.scoring, design.kept
    assert score is not None
    # Between ask and tell a level may have lost its slot: then it is offered like any other.
    there = (archive.ids[batch.slots] == batch.ids) & archive.occupied[batch.slots]
    stored = live & batch.stored & there
    source = jnp.where(stored, REPLAY, jnp.where(batch.stored, NEW, batch.source))
    memory = trees.where(stored, trees.take(archive.memory, batch.slots), score.unseen(len(live)))
    batch = batch._replace(source=source, memory=memory)
    if isinstance(score, Told):
        score = score.of(played.score, played.scored)
    scored = score({STUDENT: trace}, memory, 1.0, 1.0)
    scored = scored._replace(valid=scored.valid & live)

    def offer(archive: Replay) -> tuple[Replay, Bool[Array, " B"]]:
        after, inserted = segments.record(archive, batch, scored, config, score)
        return after, inserted.entered

    def renew(archive: Replay) -> tuple[Replay, Bool[Array, " B"]]:
        # Offers go through the archive one by one, which takes its time: not where there is none.
        how = Remembering(score.merge, score.renew)
        seen = scored.score, scored.valid, scored.seen
        return replay.update(archive, batch.slots, *seen, stored, how), jnp.zeros_like(live)

    offered = (scored.valid & ~stored).any()
    archive, entered = branches.when(offered, offer, renew, archive)
    return archive, batch, entered, scored.score


def selected(
    design: Design,
    extra: Selection,
    batch: Segment,
    live: Bool[Array, " rows"],
    key: Key[Array, ""],
) -> tuple[Segment, Bool[Array, " rows"], Selection, Bool[Array, " rows"]]:
    """New levels to be judged; or, between two choices, some out of the buffer, which the last
    tells."""
    config = design.config
    assert isinstance(config, sfl.Config)
    judging = extra.given >= config.refresh * config.batch
    count = extra.given + jnp.arange(live.shape[0], dtype=jnp.int32)
    share = lambda count: count * config.selected // config.batch  # noqa: E731
    chosen = ~judging & (share(count + 1) > share(count))
    places = jax.random.randint(key, chosen.shape, 0, config.keep)
    levels = trees.where(chosen, trees.take(extra.buffer.levels, places), batch.levels)
    given = jnp.where(judging, extra.given, extra.given + jnp.sum(live, dtype=jnp.int32))
    return batch._replace(levels=levels), ~judging & live, extra._replace(given=given), chosen


def judged(
    design: Design,
    extra: Selection,
    batch: Segment,
    candidates: Bool[Array, " B"],
    trace: Trace,
) -> tuple[Selection, Float[Array, " B"]]:
    """Keep the most learnable candidates; with enough of them, they are the buffer."""
    config = design.config
    assert isinstance(config, sfl.Config)
    judging = extra.given >= config.refresh * config.batch  # told too late, it counts no more
    candidates &= judging
    learnability, eligible = sfl.learnability(trace)
    found = sfl.Buffer(batch.levels, learnability, eligible & candidates)
    best = sfl.the_best(extra.found, found)
    told = extra.told + jnp.sum(candidates, dtype=jnp.int32)
    done = told >= config.candidates * config.candidate_batches
    empty = best._replace(
        learnability=jnp.zeros_like(best.learnability), eligible=jnp.zeros_like(best.eligible)
    )
    after = Selection(
        buffer=trees.where(done, best, extra.buffer),
        found=trees.where(done, empty, best),
        told=jnp.where(done, 0, told),
        given=jnp.where(done, 0, extra.given),
    )
    return after, learnability
