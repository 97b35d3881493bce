"""Every fault point of the loop and its files: killed there and resumed, nothing is lost.

The method only counts (tests/counting.py), so that each process starts, dies and goes on in a
moment. `test_resume_kill.py` kills a real run.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import jax
import pytest

import counting
from cairn.core import checkpoint
from cairn.core.lineage import Lineage
from cairn.core.rundir import RunDir

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "src" / "cairn"
# Faults strike at a later pass: the first leaves something to resume from.
POINTS = [
    *(f"checkpoint:{name}:2" for name in ("before-write", "before-sync", "before-rename")),
    *(f"checkpoint:{name}:2" for name in ("after-rename", "before-prune")),
    *(f"{file}:{name}:3" for file in ("metrics", "timing", "lineage") for name in
      ("before", "mid", "after")),
]  # fmt: skip
ENDS = [*({"fault": point} for point in POINTS), *({"kill": n} for n in (1, 2, 3, 5)),
        {"interrupt": 1}, {"interrupt": 3}]  # fmt: skip
STATUS = {"fault": -signal.SIGKILL, "kill": -signal.SIGKILL, "interrupt": 130}


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """The uninterrupted run, then one stopped again and again, and its last resume."""
    folder = tmp_path_factory.mktemp("counting")
    whole, stopped = str(folder / "whole"), str(folder / "stopped")
    for path in (whole, stopped):
        RunDir.create(path, {"counts": True})
    steps = [{"count": whole, "run": whole}]
    steps += [{"count": stopped, "run": stopped, **end} for end in [*ENDS, {}]]
    done = subprocess.run(
        [sys.executable, HERE / "chain.py", json.dumps(steps)],
        env=os.environ | {"CHAIN_LOG": str(folder / "log")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return folder, json.loads(done.stdout)


@pytest.mark.slow
def test_each_process_ended_as_it_was_told_to(chain):
    folder, statuses = chain
    for end, status in zip([{}, *ENDS, {}], statuses, strict=True):
        expected = STATUS[next(iter(end))] if end else 0
        assert status == expected, f"{end}: exit status {status}\n{(folder / 'log').read_text()}"


@pytest.mark.slow
def test_the_run_ends_as_if_it_had_never_been_stopped(chain):
    folder, _ = chain
    for name in ("metrics.jsonl", "lineage.bin"):
        assert (folder / "stopped" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    newest = [checkpoint.latest(folder / run / "checkpoints") for run in ("whole", "stopped")]
    assert newest[0].name == newest[1].name
    like = jax.eval_shape(counting.compiled().init)
    ours, theirs = (checkpoint.digest(checkpoint.load(path, like)[0]) for path in newest)
    assert ours == theirs
    assert len(Lineage.open(folder / "whole" / "lineage.bin").records()) > 1000


def test_every_fault_point_of_loop_and_files_is_here():
    checkpoints = re.findall(r'point\("(\S+)"\)', (SOURCES / "core/checkpoint.py").read_text())
    growing = re.findall(r'point\(f"{fault}:(\w+)"\)', (SOURCES / "core/files.py").read_text())
    files = {"metrics", "timing", "lineage"}
    known = {*checkpoints, *(f"{file}:{name}" for file in files for name in growing)}
    assert len(checkpoints) == 5 and {point.rpartition(":")[0] for point in POINTS} == known
