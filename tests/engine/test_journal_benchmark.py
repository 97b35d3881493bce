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


def test_programs_of_a_driver_that_is_killed_are_not_run_again(tmp_path):
    script = SCRIPT.with_name("verify") / "program_trials.py"
    out = tmp_path / "result.json"
    arguments = [sys.executable, str(script), "kills", "--tiny", "--results", str(out)]
    subprocess.run(arguments, check=True, timeout=120)
    found = json.loads(out.read_text())["kills"]["results_in_files"]
    assert found["kills"] > 0 and found["told"] == 60 and found["ended_and_run_again"] == 0
    assert found["starts"] == 60 + found["cut_by_a_kill"]


def test_the_cost_of_a_call_is_measured_against_a_plain_loop(tmp_path):
    script = SCRIPT.parent / "verify" / "call_cost.py"
    tree, out = SCRIPT.parents[1], tmp_path / "result.json"
    command = [sys.executable, str(script), str(tree), "--calls", "700", "--rounds", "1"]
    subprocess.run([*command, "--out", str(out)], check=True, timeout=120)
    record = json.loads(out.read_text())
    assert record["plain_ms"] > 0 and record["new_scripted_calls_per_core_s"] > 0
    assert 0.2 < record["new_ms"] / record["old_ms"] < 5, "a checkout against itself"
