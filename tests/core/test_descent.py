"""Who descends from whom, by id, in one seed of a lineage file."""

import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core import descent
from cairn.core.descent import Descent
from cairn.core.errors import RunError
from cairn.core.lineage import Lineage

LEVEL = {"goal": jnp.zeros(2, jnp.int32)}


@pytest.fixture
def lineage(tmp_path):
    return Lineage.create(tmp_path / "lineage.bin", LEVEL, ("new", "mutated"))


def append(lineage, ids, parents, seed=0):
    """`parents`: -1 for none."""
    ids, parents = np.array(ids), np.array(parents)
    lineage.append(
        np.ones(len(ids), bool),
        {"goal": np.stack([ids, -ids], 1).astype(np.int32)},
        id=ids,
        parent=np.maximum(parents, 0),
        has_parent=parents >= 0,
        source=0,
        score=ids / 2,
        generation=0,
        seed=seed,
        cycle=0,
    )


def test_ancestors_lead_to_the_root_and_seeds_do_not_mix(lineage):
    append(lineage, [0, 1, 2, 3], [-1, 0, -1, 1])
    append(lineage, [0, 1, 2, 3], [-1, -1, 1, 2], seed=1)
    first, second = Descent(lineage), Descent(lineage, 1)
    assert first.ancestors(3)["id"].tolist() == [3, 1, 0]
    assert second.ancestors(3)["id"].tolist() == [3, 2, 1]
    assert first.ancestors(2)["has_parent"].tolist() == [False]
    assert first.ancestors(3)["level['goal']"].tolist() == [[3, -3], [1, -1], [0, 0]]
    with pytest.raises(RunError, match="no level 9 of seed 1; expected one of its 4 levels"):
        second.ancestors(9)


def test_children_are_those_that_name_it_and_a_level_without_a_parent_is_nobodys(lineage):
    append(lineage, [0, 1, 2, 3, 4], [-1, 0, -1, 0, 1])
    found = Descent(lineage)
    # The root's own `parent` field holds 0 too, and means nothing.
    assert found.children(0).tolist() == [1, 3]
    assert (found.children(1).tolist(), found.children(4).tolist()) == ([4], [])


def test_ids_in_any_order_are_found_at_their_rows(lineage):
    append(lineage, [7, 2, 9], [-1, 7, 2])
    found = Descent(lineage)
    assert found.rows(np.array([9, 2, 3, 0, 10], np.uint32)).tolist() == [2, 1, -1, -1, -1]
    assert found.ancestors(9)["id"].tolist() == [9, 2, 7]


def test_a_file_is_read_in_blocks_as_if_at_once(lineage, monkeypatch):
    for start in range(0, 12, 3):
        append(lineage, range(start, start + 3), range(start - 1, start + 2), seed=start % 2)
    whole = [Descent(lineage, seed).rows(np.arange(12, dtype=np.uint32)) for seed in (0, 1)]
    monkeypatch.setattr(descent, "BLOCK", 5 * lineage.dtype.itemsize)
    pieces = [Descent(lineage, seed).rows(np.arange(12, dtype=np.uint32)) for seed in (0, 1)]
    assert np.array_equal(whole, pieces)
    assert (np.array(whole).max(axis=0) == np.arange(12)).all()


def test_an_empty_file_has_nobody(lineage):
    found = Descent(lineage)
    assert len(found) == 0 and found.rows(np.array([0], np.uint32)).tolist() == [-1]
    with pytest.raises(RunError, match="no level 0"):
        found.ancestors(0)


@pytest.mark.parametrize("level_id", [-1, 2**32, 2**63])
def test_what_is_no_id_at_all_is_said_as_a_level_that_never_was(lineage, level_id):
    append(lineage, [0, 1], [-1, 0])
    with pytest.raises(RunError, match=rf"no level {level_id} of seed 0"):
        Descent(lineage).ancestors(level_id)


def test_a_level_that_descends_from_itself_is_an_error_and_no_endless_loop(lineage):
    append(lineage, [0, 1], [1, 0])
    with pytest.raises(RunError, match="no level"):
        Descent(lineage).ancestors(0)


def test_a_file_that_was_cut_meanwhile_is_said(lineage):
    append(lineage, [0, 1], [-1, 0])
    found = Descent(lineage)
    with lineage.path.open("r+b") as file:
        file.truncate(lineage.path.stat().st_size - 1)
    with pytest.raises(RunError, match="no record 1: it was cut"):
        found.ancestors(1)
