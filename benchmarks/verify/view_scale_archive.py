"""A run whose archive is full of levels, for measuring `cairn view`: its checkpoint and lineage."""

import random
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from view_scale_runs import line_of, whole

from cairn.archive import replay
from cairn.archive.fingerprint import fingerprint
from cairn.archive.replay import Replay
from cairn.core.lineage import Lineage
from cairn.core.rundir import RunDir, config_hash
from cairn.engine import loop
from cairn.runs.experiment import Experiment
from cairn.runs.presets import experiment
from cairn.sampler.segments import SOURCES

ARCHIVE = "archive"


def archive(folder: Path, levels: int) -> None:
    """A run of ACCEL on 13x13 mazes whose archive is full, each level an edit of an older one."""
    path = folder / ARCHIVE
    if path.exists():
        return
    with whole(path) as beside:
        small = {"hidden": 8, "head": 4, "filters": 2, "batch": 4, "capacity": levels}
        accel = experiment("maze", method="accel", seeds=1, steps=64 * max(levels, 1000), **small)
        run = RunDir.create(beside, accel.to_dict())
        full, parents = _full(accel, levels)
        state = eqx.tree_at(lambda s: s.archive, accel.compiled().init(), full)
        _lineage(run, full, parents)
        draw = random.Random(2)
        for i in range(1, 41):
            row = line_of("accel", 1, i, 64 * levels * i // 40, i / 40, draw, tested=i % 4 == 0)
            run.append(row, {"cycle": row["cycle"], "seconds": 0.5, "steps_per_second": 4e3})
        loop.save(run, state, config_hash(run.config), 40)


def _full(accel: Experiment, levels: int) -> tuple[Replay, np.ndarray]:
    """The archive, with an axis of one seed in front, and each level's parent."""
    founders = max(levels // 16, 1)
    space, key = accel.env.space, jax.random.key(0)
    made = [jax.jit(jax.vmap(space.sample))(jax.random.split(key, founders))]
    edit = jax.jit(jax.vmap(space.mutate))
    while founders * len(made) < levels:
        key, part = jax.random.split(key)
        made.append(edit(jax.random.split(part, founders), made[-1]))
    drawn = jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:levels], *made)
    ids = np.arange(levels, dtype=np.uint32)
    parents = np.maximum(ids.astype(np.int64) - founders, 0).astype(np.uint32)
    scores = np.random.default_rng(0).gamma(2, 0.05, levels).astype(np.float32)
    ranks = np.argsort(np.argsort(-scores, kind="stable"), kind="stable").astype(np.int32)
    example = jax.tree.map(lambda leaf: leaf[0], drawn)
    empty = replay.empty(example, accel.algorithm.scoring.unseen(), accel.algorithm)
    full = eqx.tree_at(
        lambda a: (a.levels, a.ids, a.parents, a.has_parent, a.generation, a.scores, a.ranks,
                   a.stamps, a.fingerprints, a.clock, a.count, a.next_id),
        empty,
        (drawn, ids, parents, ids >= founders, (ids // founders).astype(np.int32), scores, ranks,
         ids.astype(np.int32), fingerprint(drawn), np.int32(levels), np.int32(levels),
         np.uint32(levels)),
    )  # fmt: skip
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], full), parents


def _lineage(run: RunDir, full: Replay, parents: np.ndarray) -> None:
    """Every level of the archive as it entered."""
    one = jax.tree.map(lambda leaf: leaf[0, 0], full.levels)
    Lineage.create(run.lineage, one, SOURCES).append(
        np.ones(full.ids.shape, bool),
        full.levels,
        id=full.ids,
        parent=parents[None],
        has_parent=full.has_parent,
        source=2 * np.asarray(full.has_parent, np.int32),
        score=full.scores,
        generation=full.generation,
        seed=0,
        cycle=np.asarray(full.ids) // 64 + 1,
    )
