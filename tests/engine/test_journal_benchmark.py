"""The benchmark of the engine runs; its figures are not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "journal.py"


def test_the_benchmark_runs_tiny_and_replays_everything_from_the_journal(tmp_path):
    out = tmp_path / "result.json"
    arguments = [sys.executable, str(SCRIPT), "--tiny", "--out", str(out)]
    subprocess.run(arguments, check=True, timeout=120)
    record = json.loads(out.read_text())
    assert set(record["memory"]["resident_mib"]) == {"tenth", "half", "whole"}
    assert record["busy"]["calls"] == 24 and record["replay"]["cached_calls_per_s"] > 0
