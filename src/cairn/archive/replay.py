"""Prioritised level replay: K levels with a score each; the best and the stalest come back.

Jiang et al. 2021, arXiv:2010.03934; eviction and duplicates as in Jiang et al. 2021,
arXiv:2110.02439 and Parker-Holder et al. 2022, arXiv:2203.01302.

Everything happens as if one level at a time, so batches cannot change the outcome:

- Every draw and every valid offer is one tick of the clock. A level is stamped with the time
  just reached when it is drawn, enters, or is offered again: its staleness is then 0.
- An offer equal to a level of the archive (all leaves) refreshes that level's score and memory.
- Otherwise it takes the next empty slot or, in a full archive, contests the level least likely
  to be replayed by the *combined* distribution, and wins ties of score (as in minimax and DCD).
  Probabilities within one millionth of the least count as equal; the worst-ranked goes.
- A level without a valid score never enters, and never overwrites a score.

Slots fill from 0 up and are emptied all at once, if ever. Memory (what a score remembers of a
level) is merged as the score says, visit by visit (`Remembering`); where the memory alone tells the
score, the level is scored anew with each visit.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, UInt32

from cairn.archive.draw import draw
from cairn.archive.fingerprint import fingerprint
from cairn.archive.memory import MAXIMUM, Remembering, merge_rows, put_row
from cairn.archive.ranks import move, rerank
from cairn.archive.weights import ReplayConfig, mixture, score_probabilities
from cairn.core import trees

__all__ = [
    "MAXIMUM", "Candidates", "Inserted", "Remembering", "Replay", "ReplayConfig", "draws",
    "emptied", "empty", "fill", "find", "insert", "new_ids", "probabilities", "sample", "update",
    "warm",
]  # fmt: skip

_NEAR = 1 + 1e-6


class Replay(eqx.Module):
    """The archive. Rows from `count` on are empty: mask with `occupied` before reading."""

    levels: PyTree[Array]
    """Every leaf (K, ...)."""
    memory: PyTree[Array]
    """Every leaf (K, ...)."""
    ids: UInt32[Array, " K"]
    parents: UInt32[Array, " K"]
    """Id of the level it was mutated from; meaningless unless `has_parent`."""
    has_parent: Bool[Array, " K"]
    generation: Int[Array, " K"]
    """Mutations between a fresh level and this one."""
    scores: Float[Array, " K"]
    ranks: Int[Array, " K"]
    """0 for the best score; a tie goes to the lower slot. Kept in step with `scores`, so that
    drawing and inserting need no sort: change scores through `update` only."""
    stamps: Int[Array, " K"]
    """Clock at the last draw or offer."""
    fingerprints: UInt32[Array, "K 2"]
    clock: Int[Array, ""]
    """Ticks so far; int32, so about 6·10⁷ batches of 32."""
    count: Int[Array, ""]
    """Occupied slots."""
    next_id: UInt32[Array, ""]

    @property
    def occupied(self) -> Bool[Array, "*batch K"]:
        """Which slots hold a level."""
        slots = jax.lax.broadcasted_iota(jnp.int32, self.scores.shape, self.scores.ndim - 1)
        return slots < jnp.expand_dims(self.count, -1)


class Candidates(NamedTuple):
    """B levels offered to the archive."""

    levels: PyTree[Array]
    """Every leaf (B, ...)."""
    ids: UInt32[Array, " B"]
    parents: UInt32[Array, " B"]
    has_parent: Bool[Array, " B"]
    generation: Int[Array, " B"]
    scores: Float[Array, " B"]
    valid: Bool[Array, " B"]
    """False: not scored, so the offer does not take place. A score not finite is not valid."""
    seen: PyTree[Array]
    """What the rollout has shown, to be remembered. Every leaf (B, ...)."""


class Inserted(NamedTuple):
    """What became of B offers."""

    slot: Int[Array, " B"]
    """Where it went; where neither `entered` nor `duplicate`, the slot it would have contested."""
    entered: Bool[Array, " B"]
    duplicate: Bool[Array, " B"]
    """Equal to the level at `slot`, whose score and memory it refreshed."""
    evicted: Bool[Array, " B"]
    """It entered in the place of another."""
    evicted_id: UInt32[Array, " B"]
    """Id of that other; meaningless unless `evicted`. May be an earlier one of the same batch."""


def empty(
    level_example: PyTree[Array], memory_example: PyTree[Array], config: ReplayConfig
) -> Replay:
    """An archive of `config.capacity` free slots; the examples give shapes and dtypes."""
    K = config.capacity

    def rows(leaf: Array) -> Array:
        return jnp.zeros((K, *jnp.shape(leaf)), jnp.asarray(leaf).dtype)

    return Replay(
        levels=jax.tree.map(rows, level_example),
        memory=jax.tree.map(rows, memory_example),
        ids=jnp.zeros(K, jnp.uint32),
        parents=jnp.zeros(K, jnp.uint32),
        has_parent=jnp.zeros(K, bool),
        generation=jnp.zeros(K, jnp.int32),
        scores=jnp.zeros(K, jnp.float32),
        ranks=jnp.arange(K, dtype=jnp.int32),
        stamps=jnp.zeros(K, jnp.int32),
        fingerprints=jnp.zeros((K, 2), jnp.uint32),
        clock=jnp.zeros((), jnp.int32),
        count=jnp.zeros((), jnp.int32),
        next_id=jnp.zeros((), jnp.uint32),
    )


def emptied(archive: Replay) -> Replay:
    """What `empty` gave once, but ids go on."""
    places = jnp.arange(archive.ranks.shape[0], dtype=jnp.int32)
    nothing = jax.tree.map(jnp.zeros_like, archive)
    return eqx.tree_at(lambda a: (a.ranks, a.next_id), nothing, (places, archive.next_id))


def fill(archive: Replay) -> Float[Array, ""]:
    """Share of the slots that hold a level, in [0, 1]."""
    return archive.count.astype(jnp.float32) / archive.scores.shape[0]


def warm(archive: Replay, config: ReplayConfig) -> Bool[Array, ""]:
    """Whether at least `minimum_fill` of the slots are filled, so that replay may start."""
    return fill(archive) >= config.minimum_fill


def new_ids(archive: Replay, n: int) -> tuple[Replay, UInt32[Array, " n"]]:
    """`n` ids never given before (they only grow; uint32, so 4·10⁹ of them)."""
    ids = archive.next_id + jnp.arange(n, dtype=jnp.uint32)
    return eqx.tree_at(lambda a: a.next_id, archive, archive.next_id + jnp.uint32(n)), ids


def probabilities(archive: Replay, config: ReplayConfig) -> Float[Array, " K"]:
    """Chance of each slot to be the next draw; sums to 1 unless the archive is empty (then 0)."""
    return mixture(
        archive.scores, archive.ranks, archive.stamps, archive.clock, archive.occupied, config
    )


def sample(
    archive: Replay, key: Key[Array, ""], n: int, config: ReplayConfig
) -> tuple[Replay, Int[Array, " n"]]:
    """Draw `n` slots, with replacement, each from the `probabilities` after the one before.

    An empty archive has nothing to draw: ask `warm` first. It gives slot 0 and stays as it is.
    """
    return draws(archive, jax.random.uniform(key, (n, 2)), config)


def draws(
    archive: Replay, uniforms: Float[Array, "n 2"], config: ReplayConfig
) -> tuple[Replay, Int[Array, " n"]]:
    """`sample` with the randomness as an argument, in [0, 1): component, then position."""
    cumulative = jnp.cumsum(
        score_probabilities(archive.scores, archive.ranks, archive.occupied, config)
    )
    by_score = jnp.searchsorted(cumulative, uniforms[:, 1] * cumulative[-1], side="right")
    by_score = jnp.clip(by_score.astype(jnp.int32), 0, jnp.maximum(archive.count - 1, 0))
    slots, stamps, clock = draw(
        by_score,
        uniforms[:, 0] >= config.staleness,
        uniforms[:, 1],
        archive.stamps,
        archive.clock,
        archive.count,
    )
    return eqx.tree_at(lambda a: (a.stamps, a.clock), archive, (stamps, clock)), slots


def update(
    archive: Replay,
    slots: Int[Array, " B"],
    scores: Float[Array, " B"],
    valid: Bool[Array, " B"],
    seen: PyTree[Array],
    mask: Bool[Array, " B"],
    how: Remembering = MAXIMUM,
) -> Replay:
    """Write back what replaying the levels at `slots` has shown, without comparing scores.

    Columns outside `mask` are ignored. A score is overwritten where `valid` and finite; of several
    columns that played one level the last valid one counts, as if they had come one by one. What
    was `seen` is merged in every case; where `how` can renew, it alone gives the scores. Update
    before inserting: that may reassign the slot.
    """
    K = archive.scores.shape[0]
    memory = merge_rows(archive.memory, slots, seen, mask, how)
    if how.renew is not None:
        scores, valid = how.renew(trees.take(memory, slots)), mask
    valid = valid & mask & jnp.isfinite(scores)
    writes = valid & ~_overtaken(slots, valid)
    put = jnp.where(writes, slots, K)  # K is out of range: the scatter drops it
    after = archive.scores.at[put].set(_plain(scores), mode="drop")
    ranks = rerank(archive.ranks, archive.scores, after, archive.occupied, slots, writes)
    return eqx.tree_at(lambda a: (a.scores, a.ranks, a.memory), archive, (after, ranks, memory))


class _Table(NamedTuple):
    """The small part of the archive that insertion goes through level by level."""

    scores: Float[Array, " K"]
    ranks: Int[Array, " K"]
    stamps: Int[Array, " K"]
    ids: UInt32[Array, " K"]
    clock: Int[Array, ""]
    taken: Int[Array, ""]
    """Occupied slots."""
    place: Int[Array, " B"]
    """Slot that holds the level equal to candidate b, K if none. By first equal candidate."""
    memory: PyTree[Array] | None
    """Where visits are merged in turn; else None, and all are merged at the end."""


class _Offer(NamedTuple):
    score: Float[Array, ""]
    valid: Bool[Array, ""]
    id: UInt32[Array, ""]
    group: Int[Array, ""]
    seen: PyTree[Array] | None


def insert(
    archive: Replay, candidates: Candidates, config: ReplayConfig, how: Remembering = MAXIMUM
) -> tuple[Replay, Inserted]:
    """Offer the candidates one after the other, by the rules at the head of this file."""
    prints = fingerprint(candidates.levels)
    place, group = _find_equal(archive, candidates.levels, prints)
    valid = candidates.valid & jnp.isfinite(candidates.scores)
    seen = candidates.seen if how.in_turn else None
    offers = _Offer(_plain(candidates.scores), valid, candidates.ids, group, seen)
    table = _Table(
        scores=archive.scores,
        ranks=archive.ranks,
        stamps=archive.stamps,
        ids=archive.ids,
        clock=archive.clock,
        taken=archive.count,
        place=place,
        memory=archive.memory if how.in_turn else None,
    )
    table, result = jax.lax.scan(lambda t, o: _offer(t, o, config, how), table, offers)

    # Payloads are scattered once, by the last to enter each slot, not carried through the loop.
    K = archive.scores.shape[0]
    standing = ~_overtaken(result.slot, result.entered)
    put = jnp.where(result.entered & standing, result.slot, K)

    def write(old: PyTree[Array], new: PyTree[Array]) -> PyTree[Array]:
        return jax.tree.map(lambda o, n: o.at[put].set(n, mode="drop"), old, new)

    memory = table.memory
    if memory is None:
        entered = write(archive.memory, candidates.seen)
        again = result.duplicate & standing
        memory = merge_rows(entered, result.slot, candidates.seen, again, how)
    return Replay(
        levels=write(archive.levels, candidates.levels),
        memory=memory,
        ids=table.ids,
        parents=write(archive.parents, candidates.parents),
        has_parent=write(archive.has_parent, candidates.has_parent),
        generation=write(archive.generation, candidates.generation),
        scores=table.scores,
        ranks=table.ranks,
        stamps=table.stamps,
        fingerprints=write(archive.fingerprints, prints),
        clock=table.clock,
        count=table.taken,
        next_id=archive.next_id,
    ), result


def _offer(
    table: _Table, offer: _Offer, config: ReplayConfig, how: Remembering
) -> tuple[_Table, Inserted]:
    """One level knocks."""
    K = table.scores.shape[0]
    index = jnp.arange(K, dtype=jnp.int32)
    occupied = index < table.taken
    full = table.taken == K
    chance = mixture(table.scores, table.ranks, table.stamps, table.clock, occupied, config)
    # Plain maxima: an argmax is a slower, scalar loop on CPU. Ranks differ, so `least` is one slot.
    nearly_least = chance <= jnp.min(chance) * _NEAR
    worst = jnp.max(jnp.where(nearly_least, table.ranks, -1))
    least = jnp.max(jnp.where(nearly_least & (table.ranks == worst), index, 0))
    known = table.place[offer.group]
    duplicate = offer.valid & (known < K)
    slot = jnp.where(duplicate, known, jnp.where(full, least, jnp.minimum(table.taken, K - 1)))
    entered = offer.valid & ~duplicate & (~full | (offer.score >= table.scores[slot]))
    written = entered | duplicate
    score, memory = offer.score, table.memory
    if memory is not None:
        held = trees.take(memory, slot)
        now = trees.where(duplicate, how.merge(held, offer.seen), offer.seen)
        if how.renew is not None:
            score = jnp.where(duplicate, _plain(how.renew(now)), score)
        memory = put_row(memory, slot, trees.where(written, now, held))
    clock = table.clock + offer.valid.astype(jnp.int32)
    result = Inserted(slot, entered, duplicate, entered & full, table.ids[slot])

    def put(array: Array, value: Array, where: Array = written) -> Array:
        return array.at[slot].set(jnp.where(where, value, array[slot]))

    # Whoever stood at the slot stands there no more; then the newcomer does.
    place = jnp.where(entered & (table.place == slot), K, table.place)
    place = place.at[offer.group].set(jnp.where(entered, slot, place[offer.group]))
    ranks = move(table.ranks, table.scores, occupied, slot, score)
    return _Table(
        scores=put(table.scores, score),
        ranks=jnp.where(written, ranks, table.ranks),
        stamps=put(table.stamps, clock),
        ids=put(table.ids, offer.id, entered),
        clock=clock,
        taken=table.taken + (entered & ~full).astype(jnp.int32),
        place=place,
        memory=memory,
    ), result


def find(archive: Replay, levels: PyTree[Array]) -> Int[Array, " B"]:
    """The slot of each of B levels (every leaf (B, ...)) in the archive; K of those it lacks."""
    return _find_equal(archive, levels, fingerprint(levels))[0]


def _find_equal(
    archive: Replay, levels: PyTree[Array], prints: UInt32[Array, "B 2"]
) -> tuple[Int[Array, " B"], Int[Array, " B"]]:
    """For each candidate: its slot in the archive (K if none), and the first equal candidate."""
    K, B = archive.scores.shape[0], prints.shape[0]

    def matches(table: Array) -> Array:
        return (prints[:, None, 0] == table[None, :, 0]) & (prints[:, None, 1] == table[None, :, 1])

    stored = matches(archive.fingerprints) & archive.occupied[None]
    index = jax.lax.broadcasted_iota(jnp.int32, (B, K), 1)
    found = jnp.max(jnp.where(stored, index, -1), axis=1)
    same = trees.equal_rows(trees.take(archive.levels, jnp.maximum(found, 0)), levels)
    place = jnp.where((found >= 0) & same, found, K)
    first = jnp.argmax(matches(prints), axis=1).astype(jnp.int32)
    same = trees.equal_rows(trees.take(levels, first), levels)
    return place, jnp.where(same, first, jnp.arange(B, dtype=jnp.int32))


def _overtaken(slots: Int[Array, " B"], writes: Bool[Array, " B"]) -> Bool[Array, " B"]:
    """Which entries are followed by a later one that `writes` to the same slot."""
    order = jnp.arange(slots.shape[0], dtype=jnp.int32)
    later = (slots[:, None] == slots[None]) & (order[:, None] < order[None]) & writes[None]
    return later.any(axis=1)


def _plain(scores: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Finite scores, with -0.0 as 0.0: sorting would tell them apart, comparing would not."""
    return jnp.where(jnp.isfinite(scores) & (scores != 0), scores, 0.0)
