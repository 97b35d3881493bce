"""The scripts that make the evidence run, at a tiny size."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "verify"


def test_the_default_run_is_measured_once_and_then_only_reported(tmp_path):
    command = [sys.executable, SCRIPTS / "maze_default.py", "--tiny", "--seeds", "1"]
    command += ["--results", tmp_path]
    call = partial(subprocess.run, command, capture_output=True, text=True)
    first = call(check=True).stdout
    result = json.loads((tmp_path / "seed-0.json").read_text())
    assert result["train_s"] > 0 and result["curve"][-1]["steps"] == 1280
    assert 0 <= result["evaluation"]["suites"]["random"]["solve_rate"] <= 1
    assert call(check=True, timeout=60).stdout == first
