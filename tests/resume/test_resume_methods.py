"""Every method: stopped after a few chunks and restored, it goes on as if it never had."""

import pytest

import house
from cairn.core.rundir import RunDir
from cairn.engine import loop
from cairn.engine.loop import Schedule
from cairn.runs.catalogue import WINGS
from cairn.runs.digest import digest
from cairn.runs.presets import experiment

TASKS = {"environment design": "maze", "quality-diversity": "arm", "games": "ipd"}
# What is theirs is who learns from what; how PPO learns is the same for all, and takes longest. It
# is stopped with domain randomisation and with those that cannot do without a maze; PLR goes on
# beyond its budget in test_resume_longer.py, and ACCEL is killed for real in test_resume_kill.py.
LEARNING = ("dr", "samplr", "backplay")
METHODS = [
    (house.QUICK if task == "maze" and method not in LEARNING else task, method)
    for wing, task in TASKS.items()
    for method in WINGS[wing]
]


class StoppedError(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(("task", "method"), METHODS)
def test_restored_from_a_checkpoint_a_run_goes_on_bit_for_bit(tmp_path, task, method):
    chosen = experiment(task, method=method, **house.settings(method, task))
    compiled = chosen.compiled()
    schedule = Schedule(steps=chosen.run.steps, evaluate_every=3, checkpoint_every=2)
    tested = chosen.program.measured is not None

    def go_on(directory, state, stop_after=None):
        def show(status):
            if stop_after and len(directory.metrics()) == stop_after:
                raise StoppedError

        loop.run(
            compiled,
            chosen.program,
            directory,
            schedule,
            state=state,
            evaluate=(lambda state: ({"none": {"solve_rate": [0.0]}}, [7])) if tested else None,
            show=show,
        )

    whole = RunDir.create(tmp_path / "whole", chosen.to_dict())
    go_on(whole, compiled.init())
    stopped = RunDir.create(tmp_path / "stopped", chosen.to_dict())
    with pytest.raises(StoppedError):
        go_on(stopped, compiled.init(), stop_after=5)
    go_on(stopped, loop.restore(stopped, chosen.state_shape()))

    assert len(whole.metrics()) > 5
    assert digest(stopped.path) == digest(whole.path)
