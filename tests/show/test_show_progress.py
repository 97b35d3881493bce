"""`cairn progress` and its panel, on a run written without training."""

import json
import shutil

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.cli.main import run as command
from cairn.core.errors import RunError
from cairn.core.rundir import config_hash
from cairn.engine import loop
from cairn.runs.open import open_run
from cairn.runs.progress import drawn, progress
from cairn.show.look import Opened, look

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def aged_run(accel_run, tmp_path_factory):
    """The same with checkpoints of cycles 0, 20 and 40."""
    path = shutil.copytree(accel_run, tmp_path_factory.mktemp("aged") / "run")
    run = open_run(path)
    for chunk, cycle in enumerate((0, 20)):
        state = eqx.tree_at(lambda s: s.cycle, run.state, jnp.full(2, cycle, jnp.int32))
        state = jax.tree.map(lambda leaf: leaf, state)
        loop.save(run.directory, state, config_hash(run.directory.config), chunk, None)
    return path


def test_two_checkpoints_or_no_archive_are_refused(accel_run):
    with pytest.raises(RunError, match=r"keeps 1 checkpoints, and progress needs three or more"):
        progress(accel_run)


def test_levels_are_counted_in_the_epoch_whose_checkpoint_comes_after_them(aged_run):
    run = open_run(aged_run)
    records = np.array([5, 0])  # write_accel: all levels entered at one cycle
    entered, epoch, sample = drawn(run, np.array([0, 20, 40]), 0, 3, 0)
    assert sorted(entered.tolist(), reverse=True) == records.tolist()
    assert len(epoch) == 3 == sample.heading.shape[0]
    last, _, _ = drawn(run, np.array([0, 1, 40]), 0, 3, 0)
    assert last.sum() == 5


def test_it_says_how_students_of_all_times_fare_and_the_run_keeps_it(aged_run, capsys):
    opened = Opened(aged_run)
    assert look(opened, "progress", {}) is None
    flags = ["--levels", "2", "--attempts", "2"]
    assert command(["progress", str(aged_run), *flags, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert np.array(told["success"], float).shape == (3, 2)
    assert sum(told["entered"]) == 5 and len(told["annecs"]) == 3
    assert told["interval_over"] == "seeds" and len(told["steps"]) == 3
    # All three are one and the same student: nothing was learned but by chance of two attempts.
    assert told["annecs"][0] == 0
    assert (aged_run / "pictures" / "progress.png").stat().st_size > 10_000
    assert json.loads((aged_run / "progress.json").read_text())["success"] == told["success"]
    section = look(opened, "progress", {})
    assert section is not None
    kinds = [type(part).__name__ for part in section.parts]
    assert kinds == ["Choices", "Words", "Heat", "Chart", "Chart"]


def test_attempts_too_few_to_divide_are_refused(aged_run, capsys):
    assert command(["progress", str(aged_run), "--attempts", "1"]) == 2
    assert "attempts must be at least 2, got 1" in capsys.readouterr().err
