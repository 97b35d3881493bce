"""A run goes on beyond its budget with archive, ledger and learner, and resumes exactly there."""

import json

import jax
import numpy as np
import pytest

import cairn
import house
from cairn.core.rundir import RunDir
from cairn.runs.digest import digest
from cairn.runs.open import open_run


@pytest.mark.slow
def test_a_finished_run_goes_on_and_a_run_that_went_on_in_one_go_is_the_same(tmp_path):
    chosen = house.settings("plr") | {"decay": "none", "evaluate_every": 0}
    paths = [tmp_path / name for name in ("at once", "in two")]
    for path in paths:
        cairn.train(cairn.experiment("maze", method="plr", **chosen), path)
    before = open_run(paths[0])
    longer = 2 * house.RUN["steps"]
    cairn.resume(paths[0], steps=longer)
    cairn.resume(paths[1], steps=longer - 700)
    cairn.resume(paths[1], steps=longer)
    after = open_run(paths[0])
    spent = after.state.ledger.totals()["training"][0]
    assert spent >= longer > before.state.ledger.totals()["training"][0]
    assert int(after.state.archive.next_id[0]) > int(before.state.archive.next_id[0])
    lines = RunDir.open(paths[0]).metrics()
    assert np.all(np.diff([line["ledger"]["training"][0] for line in lines]) > 0)
    config = json.loads((paths[0] / "config.json").read_text())
    assert config["run"]["steps"] == longer and config["extended"] == [house.RUN["steps"]]
    # With a constant learning rate, how the budget grew leaves its mark in the config, and in the
    # ledger the tests at each end: nowhere else.
    ours, theirs = (open_run(path).state for path in paths)
    same = jax.tree.map(
        lambda a, b: bool((a == b).all()), *((s.learner, s.archive) for s in (ours, theirs))
    )
    assert all(jax.tree.leaves(same))
    assert digest(paths[0]) != digest(paths[1])
