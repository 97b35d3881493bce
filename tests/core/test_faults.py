"""Kills at every fault point: what is on the disk afterwards is the old or the new, whole."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from cairn.core import checkpoint, faults
from cairn.core.errors import ConfigError

# One process forks a victim per point: importing JAX is what takes long. NumPy leaves only,
# because a JAX that has started its threads must not fork.
SAVE = """
import os, sys, warnings
from pathlib import Path
import numpy as np
warnings.simplefilter("ignore")
from cairn.core import checkpoint
for folder, point in zip(sys.argv[1::2], sys.argv[2::2]):
    child = os.fork()
    if child == 0:
        os.environ["CAIRN_FAULT"] = point
        for step in (1, 2, 3, 4):
            checkpoint.save(Path(folder), step, {"x": np.full(1000, step, np.int32)}, {})
        os._exit(0)
    print(os.waitpid(child, 0)[1])
"""
APPEND = """
import sys
from pathlib import Path
from cairn.core import files
for i in range(4):
    files.append(Path(sys.argv[1]), f"line {i}\\n".encode(), "metrics")
"""
# Steps with a whole checkpoint when the third save dies at this point.
SURVIVORS = {
    "before-write": [1, 2],
    "before-sync": [1, 2],
    "before-rename": [1, 2],
    "after-rename": [1, 2, 3],
    "before-prune": [1, 2, 3],
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    folders = {name: tmp_path_factory.mktemp(name) for name in SURVIVORS}
    pairs = [(str(folder), f"checkpoint:{name}:3") for name, folder in folders.items()]
    arguments = [text for pair in pairs for text in pair]
    done = subprocess.run(
        [sys.executable, "-c", SAVE, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(int(signal.SIGKILL))] * len(SURVIVORS)
    return folders


@pytest.mark.parametrize("name", SURVIVORS)
def test_a_kill_while_saving_leaves_whole_checkpoints_and_the_next_save_tidies(killed, name):
    folder, steps = killed[name], SURVIVORS[name]
    assert [int(path.stem[5:]) for path in sorted(folder.glob("step-*"))] == steps
    like = {"x": np.zeros(1000, np.int32)}
    state, _ = checkpoint.load(checkpoint.latest(folder), like)
    assert (state["x"] == steps[-1]).all()
    checkpoint.save(folder, 4, like, {})
    assert len(list(folder.iterdir())) == checkpoint.KEEP


@pytest.mark.parametrize(
    ("name", "left"),
    [("before", "line 0\nline 1\n"), ("mid", "line 0\nline 1\nlin"), ("after", None)],
)
def test_a_kill_while_appending_leaves_whole_lines_and_at_most_half_a_line(tmp_path, name, left):
    file = tmp_path / "metrics.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", APPEND, str(file)], env={"CAIRN_FAULT": f"metrics:{name}:3"}
    )
    assert done.returncode == -signal.SIGKILL
    assert file.read_text() == (left or "line 0\nline 1\nline 2\n")


def test_without_the_variable_a_point_does_nothing(monkeypatch):
    monkeypatch.delenv(faults.VARIABLE, raising=False)
    faults._fault.cache_clear()
    faults._off.clear()
    faults.point("anything")


@pytest.mark.parametrize("text", ["name", "name:0", "name:x", ":1"])
def test_a_fault_that_names_no_pass_is_refused(monkeypatch, text):
    monkeypatch.setenv(faults.VARIABLE, text)
    faults._fault.cache_clear()
    faults._off.clear()
    try:
        with pytest.raises(ConfigError, match='must be "point:count"'):
            faults.point("anything")
    finally:
        faults._fault.cache_clear()
