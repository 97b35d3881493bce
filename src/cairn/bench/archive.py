"""`cairn bench archive`: what keeping and choosing levels costs, by the size of the archive."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Key, PyTree

from cairn.archive import replay
from cairn.archive.fingerprint import fingerprint
from cairn.archive.replay import Candidates, Inserted, Replay, ReplayConfig
from cairn.bench import driver, figures
from cairn.envs.maze.level import MazeLevel
from cairn.score import unseen


@dataclass(frozen=True)
class Config:
    """The prioritised archive when it is full: draws, updates and offers of a batch of levels."""

    capacities: tuple[int, ...] = (4_000, 65_536, 1_048_576)
    """Levels held."""
    batch: int = 32
    """Levels drawn, updated or offered at once."""
    calls: int = 20
    """Batches in one repeat, in one program."""
    repeats: int = 5
    """Rounds; in each, every size does everything once."""
    json: Path | None = None
    """File for the figures."""
    tiny: bool = False
    """Everything once, as small as possible: shows that it works, says nothing about speed."""


def run(config: Config) -> dict[str, Any]:
    """Measure, print, write. The first size is also compared with an update of the student."""
    if config.tiny:
        config = replace(config, capacities=(8,), batch=2, calls=1, repeats=1)
    works = {K: _works(K, config) for K in config.capacities}
    update = _update(config)
    for each in (*(w for kinds in works.values() for w in kinds.values()), update):
        each()  # compiles
    taken: dict[int, dict[str, list[float]]] = {K: {n: [] for n in works[K]} for K in works}
    updates = []
    for _ in range(config.repeats):
        updates.append(_seconds(update))
        for K, kinds in works.items():
            for name, work in kinds.items():
                taken[K][name].append(_seconds(work) / config.calls)
    rows = [_describe(K, taken[K], updates) for K in config.capacities]
    facts = {
        "batch": config.batch,
        "update_s": figures.spread(updates),
        "rows": rows,
        "versions": {"jax": jax.__version__, "device": jax.devices()[0].device_kind},
    }
    result = figures.record("archive", config.repeats, facts)
    figures.write(config.json, result)
    _show(rows)
    return result


def full(key: Key[Array, ""], capacity: int) -> Replay:
    """An archive without a free slot: random levels, scores and stamps."""
    config = ReplayConfig(capacity=capacity)
    keys = jax.random.split(key, 3)
    levels = _levels(keys[0], capacity)
    example = jax.tree.map(lambda leaf: leaf[0], levels)
    archive = replay.empty(example, unseen(), config)
    scores = jax.random.uniform(keys[1], (capacity,), jnp.float32)
    slots = jnp.arange(capacity, dtype=jnp.int32)
    order = jnp.argsort(-scores, stable=True)
    stamps = jax.random.permutation(keys[2], slots)
    return eqx.tree_at(
        lambda a: (
            a.levels,
            a.ids,
            a.scores,
            a.ranks,
            a.stamps,
            a.fingerprints,
            a.clock,
            a.count,
            a.next_id,
        ),
        archive,
        (
            levels,
            slots.astype(jnp.uint32),
            scores,
            jnp.zeros(capacity, jnp.int32).at[order].set(slots),
            stamps,
            fingerprint(levels),
            jnp.int32(capacity),
            jnp.int32(capacity),
            jnp.uint32(capacity),
        ),
    )


def _levels(key: Key[Array, ""], number: int) -> MazeLevel:
    """Scattered walls and nothing else drawn: only shapes matter here, not whether they play."""
    walls = jax.random.bernoulli(key, 0.15, (number, 13, 13))
    place = jnp.zeros((number, 2), jnp.int32)
    return MazeLevel(walls, place, jnp.zeros(number, jnp.int32), place + 12)


def _works(capacity: int, config: Config) -> dict[str, Callable[[], None]]:
    """Each kind of work as a call of `config.calls` batches on an archive of its own."""
    settings = ReplayConfig(capacity=capacity)
    keys = jax.random.split(jax.random.key(0), config.calls)
    kinds = {"sample": _sample, "update": _update_scores, "insert": _insert, "both": _both}
    works = {}
    for name, kind in kinds.items():
        one = partial(kind, settings, config.batch)
        chain = jax.jit(lambda a, one=one: jax.lax.scan(one, a, keys), donate_argnums=0)
        works[name] = _again(chain, full(jax.random.key(1), capacity))
    return works


def _again(chain: Callable, state: PyTree) -> Callable[[], None]:
    held = [state]

    def work() -> None:
        # With the levels that were drawn: a program without them would not fetch any.
        held[0], _ = jax.block_until_ready(chain(held[0]))

    return work


def _sample(
    settings: ReplayConfig, batch: int, archive: Replay, key: Array
) -> tuple[Replay, MazeLevel]:
    archive, slots = replay.sample(archive, key, batch, settings)
    return archive, jax.tree.map(lambda leaf: leaf[slots], archive.levels)


def _update_scores(
    settings: ReplayConfig, batch: int, archive: Replay, key: Array
) -> tuple[Replay, None]:
    slots = jax.random.randint(key, (batch,), 0, settings.capacity, jnp.int32)
    scores = jax.random.uniform(key, (batch,), jnp.float32)
    seen = jax.tree.map(lambda leaf: leaf[slots], archive.memory)
    everywhere = jnp.ones(batch, bool)
    return replay.update(archive, slots, scores, everywhere, seen, everywhere), None


def _insert(
    settings: ReplayConfig, batch: int, archive: Replay, key: Array
) -> tuple[Replay, Inserted]:
    archive, ids = replay.new_ids(archive, batch)
    key = jax.random.fold_in(key, archive.clock)  # other levels in every repeat
    memory = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf[None], (batch, *jnp.shape(leaf))), unseen()
    )
    candidates = Candidates(
        levels=_levels(key, batch),
        ids=ids,
        parents=ids,
        has_parent=jnp.zeros(batch, bool),
        generation=jnp.zeros(batch, jnp.int32),
        # Above all that is held, so that every offer enters and evicts.
        scores=archive.clock.astype(jnp.float32)
        + jax.random.uniform(key, (batch,), jnp.float32, 1.0, 2.0),
        valid=jnp.ones(batch, bool),
        memory=memory,
    )
    return replay.insert(archive, candidates, settings)


def _both(
    settings: ReplayConfig, batch: int, archive: Replay, key: Array
) -> tuple[Replay, MazeLevel]:
    archive, _ = _insert(settings, batch, archive, key)
    return _sample(settings, batch, archive, key)


def _update(config: Config) -> Callable[[], None]:
    """One update of the reference preset, environments and student included."""
    envs = 2 if config.tiny else 32
    return driver.training({"name": "dr", "envs": envs, "length": 256, "amount": 1})["run"]


def _seconds(work: Callable[[], None]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _describe(K: int, taken: dict[str, list[float]], updates: list[float]) -> dict[str, Any]:
    both = figures.spread(taken["both"])
    return {
        "capacity": K,
        "seconds": {name: figures.spread(values) for name, values in taken.items()},
        "share_of_update": figures.ratios(taken["both"], updates),
        "ns_per_n_log_n": both["median"] / (K * math.log2(K)) * 1e9,
    }


def _show(rows: list[dict[str, Any]]) -> None:
    lines = []
    for row in rows:
        times = [f"{t['median'] * 1e3:.3f}" for t in row["seconds"].values()]
        share = figures.between(row["share_of_update"], lambda x: f"{x:.2%}")
        lines.append([f"{row['capacity']:,}", *times, share, f"{row['ns_per_n_log_n']:.2f}"])
    columns = ["levels", "sample ms", "update ms", "insert ms", "insert + sample ms"]
    columns += ["share of an update", "ns / (n log2 n)"]
    figures.show("A full archive, one batch", columns, lines)
