"""A run whose metrics also go to a tracker, from Python."""

import sys
import types

import pytest

import cairn
from cairn.core.errors import MissingExtraError

SPHERE = {"steps": 128, "batch": 64, "log_every": 1, "seeds": 1}


def test_a_tracker_that_is_not_there_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match="uv sync --extra wandb"):
        cairn.train(cairn.experiment("sphere", method="map-elites"), tmp_path / "run", log="wandb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_run_that_goes_on_is_logged_into_the_same_remote_run(tmp_path, monkeypatch):
    calls = []
    tracker = types.ModuleType("wandb")
    tracker.__dict__.update(
        init=lambda **given: calls.append(given),
        log=lambda figures: calls.append(figures["environment_steps"]),
        finish=lambda: calls.append("finish"),
    )
    monkeypatch.setitem(sys.modules, "wandb", tracker)
    sphere = cairn.experiment("sphere", method="map-elites", **SPHERE)
    cairn.train(sphere, tmp_path / "run", log="wandb")
    cairn.resume(tmp_path / "run", steps=256, log="wandb")
    first, *steps, second = calls[:5]
    assert (steps, second["resume"]) == ([64, 128, "finish"], "allow")
    assert second["id"] == first["id"] and calls[5:] == [192, 256, "finish"]
