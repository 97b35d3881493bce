"""Spaces without an environment: bounds are kept, edits are small, nonsense is refused."""

import json

import jax
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.spaces import Box, Finite, Product, from_dict

SPACE = Product(
    {
        "numbers": Box({"x": (-1.0, 3.0), "y": (0.01, 100.0, "log")}, edit=0.05),
        "list": Finite(["a", "b", "c"]),
        "row": Finite([10, 20, 30, 40], ordered=True),
    }
)


@pytest.fixture(scope="module")
def drawn():
    keys = jax.random.split(jax.random.key(0), 500)

    @jax.jit
    def both(keys):
        levels = jax.vmap(SPACE.sample)(keys)
        return levels, jax.vmap(SPACE.mutate)(keys, levels)

    return jax.device_get(both(keys))


def test_levels_and_edits_stay_within_their_bounds_and_fill_them(drawn):
    for levels in drawn:
        x, y = levels["numbers"]["x"], levels["numbers"]["y"]
        assert x.min() >= -1 and x.max() <= 3 and y.min() >= 0.01 and y.max() <= 100
        assert set(levels["list"].tolist()) == {0, 1, 2}
        assert set(levels["row"].tolist()) == {0, 1, 2, 3}
    assert abs(drawn[0]["numbers"]["x"].mean() - 1) < 0.15
    assert abs(np.median(np.log10(drawn[0]["numbers"]["y"]))) < 0.2  # as many below 1 as above


def test_an_edit_changes_one_part_that_has_small_edits_and_a_little(drawn):
    before, after = drawn
    moved = before["numbers"]["x"] != after["numbers"]["x"]
    stepped = before["row"] != after["row"]
    assert (moved ^ stepped).all() and 150 < moved.sum() < 350
    assert (before["list"] == after["list"]).all()
    assert set(np.abs(after["row"] - before["row"]).tolist()) == {0, 1}
    steps = (after["numbers"]["x"] - before["numbers"]["x"])[moved]
    assert 0.1 < steps.std() < 0.3  # 0.05 of the range
    ratios = np.log10(after["numbers"]["y"] / before["numbers"]["y"])[moved]
    assert 0.1 < ratios.std() < 0.3


def test_what_a_space_says_survives_json():
    assert from_dict(json.loads(json.dumps(SPACE.to_dict()))) == SPACE
    level = {"numbers": {"x": np.float32(1), "y": np.float32(2)}, "list": 1, "row": 3}
    told = {"list.item": "b", "numbers.x": 1.0, "numbers.y": 2.0, "row.item": 40}
    assert SPACE.describe(level) == told
    assert SPACE.parts[0].values(np.array([2, 0])) == ["c", "a"]
    assert SPACE.edits and not SPACE.parts[0].edits


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Box({}), "at least one number"),
        (lambda: Finite([]), "at least one item, got an empty list"),
        (lambda: Product({}), "at least one part"),
        (lambda: Box({"x": (1.0, 0.0)}), "bounds of 'x' must be low < high, got 1 and 0"),
        (lambda: Box({"x": (0.0, 1.0, "log")}), "needs low > 0, got 0 for 'x'"),
        (lambda: Box({"x": (0.0, float("inf"))}), "bounds of 'x' must be .low, high. or"),
        (lambda: Box({"x": (0.0, 1.0)}, edit=0.0), "edit must lie in .0, 1., a share"),
    ],
)
def test_what_is_no_space_is_refused(make, reason):
    with pytest.raises(ConfigError, match=reason):
        make()
