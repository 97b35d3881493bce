"""A clone does what was done in the data, counts what it read, and goes on exactly as it was."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from signs import STEPS, Levers, Recall, Signs, known

import cairn
from cairn.cli import main
from cairn.core.errors import ConfigError, DatasetError
from cairn.core.ledger import Ledger
from cairn.offline.method import Rows, State, windows
from cairn.runs.collect import collect
from cairn.runs.evaluate import evaluate
from cairn.runs.presets import experiment
from cairn.runs.train import resume, train

SMALL = {"hidden": 16, "head": 8, "embedding": 3, "batch": 8, "window": 6}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Datasets of what is right, by the name of their environment."""
    folder = tmp_path_factory.mktemp("data")
    return {
        kind.__name__: collect(known(kind), folder / kind.__name__, episodes=12).path
        for kind in (Signs, Recall, Levers)
    }


def chosen(data, kind, **changed):
    settings = SMALL | {"steps": 40, "log_every": 10, "evaluate_every": 0} | changed
    return experiment(f"signs:{kind}", method="bc", data=str(data[kind]), **settings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Signs", {"memory": "none", "steps": 150}),
        ("Recall", {"memory": "lstm", "steps": 300}),
        ("Levers", {"memory": "none", "steps": 400}),
    ],
)
def test_a_clone_does_what_a_known_policy_does(data, tmp_path, kind, settings):
    many = chosen(data, kind, log_every=50, learning_rate=1e-2, **settings)
    outcome = train(many, tmp_path / "run")
    assert outcome.done
    report = evaluate(tmp_path / "run", actions="greedy", attempts=1)["suites"]["random"]
    assert report["return"] == STEPS, "every action is the right one"
    losses = [line["metrics"]["loss"][0] for line in outcome.directory.metrics()]
    assert losses[-1] < losses[0] - 0.5


@pytest.mark.slow
def test_updates_and_rows_are_counted_exactly_and_a_second_budget_goes_on(data, tmp_path):
    run = chosen(data, "Signs", memory="none", seeds=2)
    directory = train(run, tmp_path / "run").directory
    ledger = directory.metrics()[-1]["ledger"]
    assert ledger["updates"] == [40, 40] and ledger["rows"] == [40 * 8 * 6] * 2
    assert ledger["environment_steps"] == ledger["evaluation"]
    about = json.loads((data["Signs"] / "dataset.json").read_text())
    assert directory.config["dataset"] == {"digest": about["digest"]}
    resume(directory.path, steps=60)
    assert directory.metrics()[-1]["ledger"]["rows"] == [60 * 8 * 6] * 2


class StoppedError(Exception):
    pass


@pytest.mark.slow
def test_a_stopped_clone_resumes_bit_for_bit_and_only_with_its_data(data, tmp_path):
    run = chosen(data, "Recall", seeds=2, checkpoint_every=1)
    train(run, tmp_path / "whole")

    def stop(status):
        if status.steps == 20:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(run, tmp_path / "stopped", show=stop)
    path = data["Recall"]
    kept = path.rename(path.with_name("kept"))
    with pytest.raises(DatasetError, match="is no dataset"):
        resume(tmp_path / "stopped")
    collect(known(Recall), path, episodes=13)
    with pytest.raises(DatasetError, match="not the one this run began with"):
        resume(tmp_path / "stopped")
    assert cairn.load(tmp_path / "stopped"), "reading a run needs no data"
    path.rename(path.with_name("other"))
    kept.rename(path)
    assert resume(tmp_path / "stopped").done
    assert cairn.digest(tmp_path / "stopped") == cairn.digest(tmp_path / "whole")


def test_without_data_or_with_too_little_no_run_is_begun(data, tmp_path):
    for changed, said in (({"data": ""}, "give --data DIR"), ({"window": 37}, "has 36 steps")):
        run = chosen(data, "Signs").changed(changed)
        with pytest.raises((ConfigError, DatasetError), match=said):
            train(run, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_task_of_black_boxes_has_nobody_to_clone(capsys):
    assert main.run(["train", "sphere", "--method", "bc"]) == 2
    assert "it is not an environment of one player" in capsys.readouterr().err


def test_windows_are_neighbours_that_forget_at_a_beginning_and_go_round():
    rows = Rows(jnp.arange(7), jnp.arange(7), jnp.arange(7) % 3 == 0)
    config = experiment("signs:Signs", method="bc", batch=64, window=5).algorithm
    state = State(jax.random.key(1), jnp.int32(4), None, Ledger.zero(("updates",)))
    drawn = windows(rows, state, config)
    assert drawn.first.shape == (5, 64)
    seen = np.asarray(drawn.observation)
    assert np.array_equal(seen[1:], (seen[:-1] + 1) % 7)
    assert set(seen[0].tolist()) == set(range(7)), "every row may come first"
    assert np.array_equal(np.asarray(drawn.first), seen % 3 == 0)
    again = windows(rows, state, config)
    assert np.array_equal(seen, np.asarray(again.observation))
