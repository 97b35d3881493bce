"""The same work on one, two and eight devices."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.engine import devices
from cairn.learners.ppo import PPOConfig, minibatches

PROBE = Path(__file__).parent / "devices_probe.py"


@pytest.fixture(scope="module")
def found():
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "8"}
    told = subprocess.run(
        [sys.executable, PROBE], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(told.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_probe_learns_something(found):
    assert found["columns"]["replayed"] == 1 and found["columns"]["moved"] > 1e-3


@pytest.mark.slow
def test_columns_on_several_devices_give_the_archive_and_the_parameters_of_one(found):
    # Sums over columns are taken in another order, so parameters differ by rounding.
    assert found["columns"]["8"]["archive"] and found["columns"]["8"]["distance"] < 1e-6


@pytest.mark.slow
def test_columns_on_several_devices_fare_and_go_on_as_on_one(found):
    assert found["rollouts"]


@pytest.mark.slow
def test_seeds_on_several_devices_are_the_seeds_of_one(found):
    assert found["seeds"]["8"]["archive"] and found["seeds"]["8"]["distance"] < 1e-6


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(ConfigError, match="devices is 64, but JAX sees"):
        devices.plan(64, seeds=64, columns=64)


@pytest.mark.parametrize(
    ("seeds", "columns", "count"), [(1, 7, 7), (1, 12, 6), (8, 7, 8), (5, 9, 5), (1, 11, 1)]
)
def test_usable_is_the_most_devices_that_divide_seeds_or_columns(
    monkeypatch, seeds, columns, count
):
    monkeypatch.setattr(jax, "devices", lambda: [None] * 8)
    assert devices.usable(seeds=seeds, columns=columns) == count


def test_every_epoch_uses_every_column_once_whatever_the_lanes():
    config = PPOConfig(epochs=3, minibatches=2)
    groups = np.asarray(minibatches(jax.random.key(0), 12, config)).reshape(3, 12)
    assert (np.sort(groups, axis=1) == np.arange(12)).all()
    assert (groups[0] != groups[1]).any()
