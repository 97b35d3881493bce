"""A transformer on eight devices computes and learns what it does on one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.nn.language import sharding
from cairn.nn.language.block import Shape

PROBE = Path(__file__).parent / "sharding_probe.py"


@pytest.fixture(scope="module")
def found():
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "8"}
    told = subprocess.run(
        [sys.executable, PROBE], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(told.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["8x1", "2x4"])
def test_loss_and_a_step_of_learning_are_those_of_one_device(found, layout):
    assert found["devices"] == 8 and found["step"] > 5e-3
    assert abs(found[layout]["loss"] - found["loss"]) < 1e-5
    assert found[layout]["model"] < 1e-5 and found[layout]["optimiser"] < 1e-5


@pytest.mark.slow
def test_weights_and_moments_lie_in_parts_on_the_devices_and_stay_so(found):
    parts = {key: found["2x4"][key] for key in ("qkv", "moments", "norm", "updated")}
    assert parts == {"qkv": 0.25, "moments": 0.25, "norm": 1.0, "updated": 0.25}
    assert found["8x1"]["qkv"] == 1.0


@pytest.mark.parametrize(
    ("sides", "told"), [({"data": 64}, "64 × 1"), ({"model": 0}, "1 × 0"), ({"data": -1}, "-1 × 1")]
)
def test_a_mesh_that_cannot_be_is_refused(sides, told):
    with pytest.raises(ConfigError, match=f"A mesh of {told} devices: JAX sees"):
        sharding.mesh(Shape(vocabulary=8), **sides)


@pytest.mark.parametrize("change", [{"kv_heads": 1}, {"inner": 7}])
def test_heads_and_widths_that_cannot_be_cut_are_refused(monkeypatch, change):
    monkeypatch.setattr(jax, "devices", lambda: [object()] * 2)
    with pytest.raises(ConfigError, match=r"Over 2 devices .* must be a multiple of 2"):
        sharding.mesh(Shape(vocabulary=8, **change), model=2)


def test_texts_that_cannot_be_shared_out_evenly_are_refused():
    twice = np.asarray(jax.devices()[:1] * 2).reshape(2, 1)
    two = jax.sharding.Mesh(twice, (sharding.DATA, sharding.MODEL))
    with pytest.raises(ConfigError, match="3 texts cannot be shared out evenly over 2 devices"):
        sharding.share(jnp.zeros((3, 2)), two)
