from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import RunError
from cairn.core.lineage import Lineage


class Level(NamedTuple):
    walls: jax.Array
    goal: jax.Array


SOURCES = ("new", "replay", "mutated")
ONE = Level(jnp.zeros((2, 3), bool), jnp.zeros(2, jnp.int32))


def levels(shape: tuple[int, ...], start: int = 0) -> Level:
    count = int(np.prod(shape))
    number = np.arange(start, start + count)
    walls = (number[:, None] >> np.arange(6)) & 1 == 1
    goal = np.stack([number, -number], 1).astype(np.int32)
    return Level(jnp.asarray(walls.reshape(*shape, 2, 3)), jnp.asarray(goal.reshape(*shape, 2)))


def append(lineage: Lineage, ids, parents, seed=0, cycle=0) -> None:
    ids = np.asarray(ids)
    lineage.append(
        np.ones(ids.shape, bool),
        levels(ids.shape, start=int(ids.flat[0])),
        id=ids,
        parent=np.maximum(parents, 0),
        has_parent=np.asarray(parents) >= 0,
        source=np.where(np.asarray(parents) >= 0, 2, 0),
        score=ids / 2,
        generation=0,
        seed=seed,
        cycle=cycle,
    )


@pytest.fixture
def lineage(tmp_path):
    return Lineage.create(tmp_path / "lineage.bin", ONE, SOURCES)


def test_masked_rows_of_several_cycles_and_seeds_come_back_in_order(lineage):
    inserted = np.zeros((2, 2, 3), bool)  # (cycles, seeds, batch)
    inserted[0, 0, 1] = inserted[0, 1] = inserted[1, 0, 2] = True
    level = levels(inserted.shape)
    lineage.append(
        jnp.asarray(inserted),
        level,
        id=jnp.arange(12, dtype=jnp.uint32).reshape(2, 2, 3),
        parent=jnp.uint32(0),
        has_parent=False,
        source=1,
        score=jnp.linspace(0, 1, 12).reshape(2, 2, 3),
        generation=jnp.int32(4),
        seed=np.arange(2)[:, None],
        cycle=np.array([7, 8])[:, None, None],
    )
    records = Lineage.open(lineage.path).records()
    assert records["id"].tolist() == [1, 3, 4, 5, 8]
    assert records["seed"].tolist() == [0, 1, 1, 1, 0]
    assert records["cycle"].tolist() == [7, 7, 7, 7, 8]
    assert records["generation"].tolist() == [4] * 5
    np.testing.assert_array_equal(
        records["score"], np.asarray(jnp.linspace(0, 1, 12))[[1, 3, 4, 5, 8]]
    )
    got = lineage.levels(records, ONE)
    assert isinstance(got, Level) and got.walls.dtype == bool and got.goal.dtype == np.int32
    np.testing.assert_array_equal(got.walls, np.asarray(level.walls)[inserted])
    np.testing.assert_array_equal(got.goal, np.asarray(level.goal)[inserted])
    assert Lineage.open(lineage.path).sources == SOURCES


def test_nothing_inserted_writes_nothing(lineage):
    size = lineage.path.stat().st_size
    append(lineage, [5], [-1])
    lineage.append(np.zeros(3, bool), levels((3,)), **dict.fromkeys(lineage.dtype.names[:8], 0))
    assert len(lineage.records()) == 1
    assert lineage.path.stat().st_size == size + lineage.dtype.itemsize


def test_half_a_record_is_no_record_and_is_cut_before_going_on(lineage):
    append(lineage, [0, 1], [-1, -1])
    with lineage.path.open("ab") as file:
        file.write(b"half")
    assert lineage.damaged_bytes == 4
    assert lineage.records()["id"].tolist() == [0, 1]
    assert lineage.cut_damage() == 4 and lineage.damaged_bytes == 0
    append(lineage, [2], [-1])
    assert lineage.records()["id"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"not JSON\n", b'{"format": 1}\n'])
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(RunError, match="not a lineage file, or it is damaged"):
        Lineage.open(tmp_path / "x")


def test_a_field_that_does_not_exist_is_refused(lineage):
    fields = dict.fromkeys(lineage.dtype.names[:8], 0)
    with pytest.raises(TypeError, match="no field 'colour'"):
        lineage.append(np.ones(1, bool), levels((1,)), **fields, colour=1)
