"""Stopped at any moment and resumed, a run ends as the run that never stopped, bit for bit."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import house
from cairn.core.lineage import Lineage
from cairn.core.rundir import RunDir
from cairn.runs.digest import digest

# As users compile: bits that survive a kill are no claim about another compiler.
pytestmark = [pytest.mark.slow, pytest.mark.as_users, pytest.mark.xdist_group("killed")]
# What ends each process. Every fault point strikes in test_resume_faults.py, where no real method
# has to be compiled; every other method goes on from a checkpoint in test_resume_methods.py.
METHOD = "accel"
"""Archive, scores, mutation and lineage: all there is to resume."""
ENDS = [{"fault": "lineage:mid:4"}, {"kill": 4}, {"interrupt": 1}, {"file_limit": 20_000}]
STATUS = {"fault": -signal.SIGKILL, "kill": -signal.SIGKILL, "interrupt": 130, "file_limit": 2}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """The uninterrupted run, then the run that is stopped again and again, and its last resume."""
    folder = tmp_path_factory.mktemp("kill")
    whole, stopped = str(folder / "whole"), str(folder / "stopped")
    often = {"memory": "lstm", "steps": 8192, "evaluate_every": 0, "checkpoint_every": 2}
    begin = ["train", "maze", *house.flags(METHOD, **often), "--run"]
    commands = [[*begin, stopped]] + [["train", "--resume", stopped]] * len(ENDS)
    steps = [{"command": [*begin, whole], "run": whole}] + [
        {"command": command, "run": stopped, **end}
        for command, end in zip(commands, [*ENDS, {}], strict=True)
    ]
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("chain.py"), json.dumps(steps)],
        env=os.environ | {"CHAIN_LOG": str(folder / "log")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return folder, json.loads(done.stdout)


def test_a_run_stopped_anywhere_and_resumed_has_the_digest_of_the_uninterrupted_run(chain):
    folder, statuses = chain
    log = (folder / "log").read_text()
    for end, status in zip([{}, *ENDS, {}], statuses, strict=True):
        expected = STATUS[next(iter(end))] if end else 0
        assert status == expected, f"{end}: exit status {status}\n{log}"
    assert digest(folder / "stopped") == digest(folder / "whole")
    for name in ("metrics.jsonl", "lineage.bin"):
        assert (folder / "stopped" / name).read_bytes() == (folder / "whole" / name).read_bytes()


def test_ctrl_c_says_how_to_go_on_and_a_full_disk_what_to_do(chain):
    folder, _ = chain
    log = (folder / "log").read_text()
    assert f"Stopped and saved. Go on with: cairn train --resume {folder / 'stopped'}" in log
    assert "cairn: Cannot write" in log and "File too large" in log and "then resume" in log
    assert "Traceback" not in log


def test_the_tiny_run_does_what_it_should_resume(chain):
    # Otherwise equal digests would prove little.
    whole = chain[0] / "whole"
    lines = RunDir(whole).metrics()
    assert any(line["metrics"]["replayed"][0] > 0 for line in lines)
    assert Lineage.open(whole / "lineage.bin").records()["has_parent"].any()
    ledger = lines[-1]["ledger"]
    assert all(ledger[name][0] > 0 for name in ("training", "scoring", "mutation", "evaluation"))
