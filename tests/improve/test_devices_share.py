"""Two devices share a cycle's prompts, and come to what one comes to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = Path(__file__).parent / "shared_probe.py"


@pytest.mark.slow
def test_devices_that_share_prompts_sample_and_learn_what_one_does():
    environment = os.environ | {"JAX_NUM_CPU_DEVICES": "2"}
    told = subprocess.run(
        [sys.executable, PROBE], env=environment, capture_output=True, text=True, check=True
    )
    found = json.loads(told.stdout.splitlines()[-1])
    assert found["devices"] == 2 and found["moved"] > 1e-4
    # Gradients are summed in another order, and Adam's first step divides by their size.
    assert found["apart"] < 1e-5
    assert found["length"][0] == found["length"][1] and max(found["mismatch"]) < 1e-5
