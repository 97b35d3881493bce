"""`cairn bench archive`: what keeping and choosing levels costs, by the size of the archive.

As in a run, every device holds a copy of the archive and does all the work on it, at once.
"""

import math
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
from cairn.bench import clock, driver, figures
from cairn.bench.clock import Work
from cairn.engine import devices
from cairn.engine.devices import Layout
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
    """Rounds; in each, every size does everything, once before the clock starts."""
    least_s: float = 0.05
    """Seconds that are timed at least: small archives make as many calls as that takes."""
    json: Path | None = None
    """File for the figures."""
    tiny: bool = False
    """Everything once, as small as possible: shows that it works, says nothing about speed."""


def run(config: Config) -> dict[str, Any]:
    """Measure, print, write. The first size is also compared with an update of the student."""
    if config.tiny:
        config = replace(config, capacities=(8,), batch=2, calls=1, repeats=1, least_s=0.0)
    layout = devices.plan(devices.usable(1, config.batch), 1, config.batch)
    kinds_of = {K: works(K, config, layout) for K in config.capacities}
    update = _update(config)
    update(1)  # compiles
    times = {
        K: {name: clock.times(work, config.least_s) for name, work in kinds.items()}
        for K, kinds in kinds_of.items()
    }
    taken: dict[int, dict[str, list[float]]] = {
        K: {n: [] for n in kinds} for K, kinds in kinds_of.items()
    }
    updates = []
    for _ in range(config.repeats):
        updates.append(clock.seconds(update))
        for K, kinds in kinds_of.items():
            for name, work in kinds.items():
                seconds = clock.seconds(work, times[K][name])
                taken[K][name].append(seconds / config.calls)
    rows = [
        _describe(K, taken[K], updates)
        | {"batches": {name: n * config.calls for name, n in times[K].items()}}
        for K in config.capacities
    ]
    facts = {
        "batch": config.batch,
        "copies": 1 if layout.columns is None else layout.columns.size,
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


def works(capacity: int, config: Config, layout: Layout) -> dict[str, Work]:
    """Each kind of work, `config.calls` batches at a time, on an archive of its own."""
    settings = ReplayConfig(capacity=capacity)
    keys = jax.random.split(jax.random.key(0), config.calls)
    kinds = {"sample": _sample, "update": _update_scores, "insert": _insert, "both": _both}
    found = {}
    for name, kind in kinds.items():
        one = partial(kind, settings, config.batch)
        chain = jax.jit(lambda a, one=one: jax.lax.scan(one, a, keys), donate_argnums=0)
        found[name] = _again(chain, layout.put(full(jax.random.key(1), capacity)))
    return found


def kinds(capacity: int) -> tuple[Callable, Callable]:
    """Inserting and drawing, as functions of how many levels, the archive and a key."""
    settings = ReplayConfig(capacity=capacity)
    return partial(_insert, settings), partial(_sample, settings)


def _again(chain: Callable, state: PyTree) -> Work:
    held = [state]

    def work(times: int) -> None:
        drawn = None
        for _ in range(times):
            # With the levels that were drawn: a program without them would not fetch any.
            held[0], drawn = chain(held[0])
        jax.block_until_ready((held[0], drawn))

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
        seen=memory,
    )
    return replay.insert(archive, candidates, settings)


def _both(
    settings: ReplayConfig, batch: int, archive: Replay, key: Array
) -> tuple[Replay, MazeLevel]:
    archive, _ = _insert(settings, batch, archive, key)
    return _sample(settings, batch, archive, key)


def _update(config: Config) -> Work:
    """One update of the reference preset, environments and student included."""
    # Tiny as in `cairn bench parts`: the tests compile it once for both.
    envs, length = (2, 16) if config.tiny else (32, 256)
    run = driver.training({"name": "dr", "envs": envs, "length": length, "amount": 1})["run"]

    def work(times: int) -> None:
        for _ in range(times):
            run()

    return work


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
