"""The live line, the summary, and what trackers are sent."""

import math
import sys
import types
from pathlib import Path

import pytest

from cairn.cli import watch
from cairn.core.errors import ConfigError, MissingExtraError
from cairn.core.rundir import RunDir
from cairn.core.trackers import open_tracker, scalars, tracking
from cairn.engine.loop import Status
from cairn.runs.experiment import rounded_steps
from cairn.runs.presets import experiment
from cairn.runs.train import Outcome

LINE = {
    "cycle": [20, 20],
    "ledger": {
        "training": [1000, 3000],
        "scoring": [0, 0],
        "mutation": [500, 500],
        "evaluation": [100, 100],
        "environment_steps": [1600, 3600],
        "updates": [10, 10],
    },
    "metrics": {"solve_rate": [0.25, 0.75], "archive_fill": [0.5, 0.5], "loss": [None, 1.0]},
    "evaluation": {"named": {"solve_rate": [0.5, 0.7], "levels": {"a": [0, 1]}}},
}


def install(monkeypatch, name, **contents):
    """A fake package with these contents."""
    module = types.ModuleType(name)
    module.__dict__.update(contents)
    monkeypatch.setitem(sys.modules, name, module)


STATUS = Status(LINE, steps=2500, total=10_000, seconds=9.0, steps_per_second=500.0)


def test_the_live_line_shows_means_over_seeds():
    shown = watch.figures(STATUS, left_s=65)
    assert shown == {
        "steps": "2.5k/10k",
        "speed": "500/s",
        "left": "1m05s",
        "solved": "0.50",
        "archive full": "0.50",
        "spent": "training 2.0k mutation 500 evaluation 100",
    }


def test_a_warm_up_has_no_pace_and_shows_what_it_learns_by():
    line = LINE | {"metrics": {"sft_loss": [1.0, 2.0]}}
    shown = watch.figures(STATUS._replace(line=line, steps=0), left_s=math.inf)
    assert shown["speed"] == "warming up" and "left" not in shown
    assert shown["loss on demonstrations"] == "1.50"


def test_a_metric_that_a_seed_has_not_is_left_out_of_the_live_line():
    metrics = {"solve_rate": [None, 0.75], "archive_score": [None, None]}
    shown = watch.figures(STATUS._replace(line=LINE | {"metrics": metrics}), left_s=0)
    assert shown["solved"] == "0.75" and "score" not in shown


def test_time_left_leaves_compilation_and_the_first_chunk_out(capsys):
    seen = []
    with watch.Watch(experiment("maze", seeds=2)) as live:
        live.show = seen.append
        live(STATUS)  # no pace yet: both seeds share 500 steps a second, so 250 each
        live(STATUS._replace(steps=5000, seconds=19.0))  # 2500 steps in ten seconds
    assert [figures["left"] for figures in seen] == ["30s", "20s"]
    assert seen[1]["test named"] == "0.60"


@pytest.mark.parametrize(("method", "rounded"), [("dr", 61_440), ("accel", 60_000)])
def test_no_budget_is_called_rounded_that_is_not(method, rounded):
    # A cycle of ACCEL costs one rollout or two: no multiple of it is promised.
    asked = experiment("maze", method=method, batch=8, log_every=2, steps=60_000)
    assert rounded_steps(asked) == rounded


def test_the_summary_names_figures_ledger_and_what_to_do_next(tmp_path):
    run = RunDir.create(tmp_path / "run", {})
    run.append(LINE, {"cycle": [20], "seconds": 61.0, "steps_per_second": 1.0})
    text = watch.summary(Outcome(run, None, done=True))
    assert "solved, named   0.600 (seeds: 0.50, 0.70)" in text
    assert "training        2,000 steps" in text and "1m01s" in text
    assert f"cairn evaluate {run.path}" in text and f"cairn show {run.path}" in text
    stopped = watch.summary(Outcome(run, None, done=False))
    assert f"cairn train --resume {run.path}" in stopped


@pytest.mark.parametrize(
    ("replayed", "updates", "said"),
    [
        (
            [0.0, 0.0],
            [0, 0],
            "No level was ever replayed, so nothing was learned: the archive came",
        ),
        (
            [0.0, 0.0],
            [9, 9],
            "No level was ever replayed: the archive came to 20% of its 40 places",
        ),
        ([0.0, 0.5], [0, 9], "In 1 of 2 seeds no level was ever replayed, so nothing was learned"),
        ([0.5, 0.5], [9, 9], ""),
    ],
)
def test_a_run_that_was_too_short_to_replay_says_so_at_its_end(tmp_path, replayed, updates, said):
    run = RunDir.create(tmp_path / "run", {"algorithm": {"capacity": 40, "minimum_fill": 0.25}})
    ledger = LINE["ledger"] | {"updates": updates}
    for now in ([0.0, 0.0], replayed, [0.0, None]):
        metrics = {"replayed": now, "archive_fill": [0.2, 0.1]}
        line = LINE | {"metrics": metrics, "ledger": ledger}
        run.append(line, {"cycle": [20], "seconds": 61.0, "steps_per_second": 1.0})
    text = watch.summary(Outcome(run, None, done=True))
    assert said in text and ("and replay begins at 25%. Give more --steps" in text) == bool(said)
    assert ("replayed" in text) == bool(said)
    if said:  # 4 of 40 places, or 8 in the first seed: half of them, at 25 %
        assert f"or --capacity {16 if any(replayed) else 8} (half of" in text


def test_trackers_get_numbers_by_name_and_seed():
    sent = scalars(LINE)
    assert sent["train/solve_rate/seed-1"] == 0.75
    assert sent["ledger/mutation/seed-0"] == 500
    assert sent["evaluation/named/solve_rate/seed-0"] == 0.5
    assert "train/loss/seed-0" not in sent and sent["train/loss/seed-1"] == 1.0


def remote(monkeypatch, kind, calls):
    """A fake package that knows one run, and calls it as it likes."""

    def init(**given):
        calls.append(("init", given))
        return types.SimpleNamespace(name="its-own-name")

    def log(figures):
        calls.append(("log", figures))

    install(monkeypatch, kind, init=init, log=log, finish=lambda: calls.append(("finish", {})))


@pytest.mark.parametrize("kind", ["wandb", "trackio"])
def test_a_remote_tracker_is_opened_by_the_first_figure_and_closed(kind, monkeypatch, tmp_path):
    calls = []
    remote(monkeypatch, kind, calls)
    run = tmp_path / "run-3"
    open_tracker(kind, run, {}).close()
    assert calls == []  # a run that was refused leaves nothing behind
    run.mkdir()
    with tracking(kind, run, {"method": "dr"}) as send:
        send(64, {"ledger": {}, "metrics": {"solve_rate": [0.5]}})
    (_, given), *rest = calls
    expected = {"project": "cairn", "name": "run-3", "config": {"method": "dr"}, "resume": "never"}
    assert {name: value for name, value in given.items() if name != "id"} == expected
    assert rest == [("log", {"environment_steps": 64, "train/solve_rate": 0.5}), ("finish", {})]


@pytest.mark.parametrize("kind", ["wandb", "trackio"])
def test_a_resumed_run_goes_on_in_the_same_remote_run_and_repeats_nothing(
    kind, monkeypatch, tmp_path
):
    calls = []
    remote(monkeypatch, kind, calls)
    for steps in ([64, 128, 192], [128, 192, 256]):  # killed after 192, its checkpoint at 64
        tracker = open_tracker(kind, tmp_path, {})
        for step in steps:
            tracker.log(step, {})
        tracker.close()
    first, second = [given for name, given in calls if name == "init"]
    assert second["resume"] == "allow" and second["name"] == "its-own-name"
    assert second.get("id") == first.get("id") and ("id" in first) == (kind == "wandb")
    logged = [given["environment_steps"] for name, given in calls if name == "log"]
    assert logged == [64, 128, 192, 256]


def test_trackers_stand_apart_from_what_a_resumed_run_must_preserve(monkeypatch, tmp_path):
    run = RunDir.create(tmp_path / "run", {})
    before = run.sizes()
    remote(monkeypatch, "wandb", [])
    with tracking("wandb", run.path, {}) as send:
        send(64, LINE)
    assert (run.path / "trackers.json").exists() and run.sizes() == before


def test_a_tracker_nobody_knows_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"one of tensorboard, .* got 'wanb'. Did you mean"):
        open_tracker("wanb", tmp_path, {})
    with tracking(None, tmp_path, {}) as send:
        send(64, LINE)
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_writes_into_the_run_directory_and_hides_what_is_repeated(
    monkeypatch, tmp_path
):
    written = []

    class Writer:
        def __init__(self, folder, **options):
            Path(folder).mkdir(exist_ok=True)
            written.append((folder, options))

        def add_scalar(self, *scalar):
            written.append(scalar)

        def close(self):
            written.append("closed")

    install(monkeypatch, "tensorboardX", SummaryWriter=Writer)
    for step in (64, 32):
        tracker = open_tracker("tensorboard", tmp_path, {})
        tracker.log(step, {"train/solve_rate": 0.5})
        tracker.close()
    folder = str(tmp_path / "tensorboard")
    assert written == [
        *[(folder, {}), ("train/solve_rate", 0.5, 64), "closed"],
        *[(folder, {"purge_step": 32}), ("train/solve_rate", 0.5, 32), "closed"],
    ]


def test_a_tracker_that_is_not_installed_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"uv sync --extra wandb"):
        open_tracker("wandb", tmp_path, {})
