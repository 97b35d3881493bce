"""Runs that cannot be resumed, or begun, are refused in one line, and nothing is lost."""

import json
import shutil

import jax
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import house
from cairn.cli import main
from cairn.core import checkpoint
from cairn.core.rundir import RunDir
from cairn.runs import train as training
from cairn.runs.presets import experiment
from cairn.runs.train import Outcome, train


def begin(path, init_from=None, **changed):
    """A run at its first checkpoint: everything but the training."""
    chosen = experiment("maze", method="dr", **(house.settings("dr") | changed))

    def stop(experiment, program, compiled, run, state, show, say):
        return Outcome(run, state, done=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_advance", stop)
        return train(chosen, path, init_from=init_from)


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    return begin(tmp_path_factory.mktemp("runs") / "run").directory.path


@pytest.fixture
def run(begun, tmp_path):
    return shutil.copytree(begun, tmp_path / "run")


def refused(capsys, *command):
    assert main.run([*map(str, command)]) == 2
    printed = capsys.readouterr().err.strip()
    assert printed.startswith("cairn: ") and "\n" not in printed
    return printed


def test_a_flipped_bit_is_found_and_named(run, capsys):
    path = checkpoint.latest(run / "checkpoints")
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert "was altered" in refused(capsys, "train", "--resume", run)
    assert "was altered" in refused(capsys, "digest", run)


def test_a_checkpoint_cut_short_is_found(run, capsys):
    path = checkpoint.latest(run / "checkpoints")
    path.write_bytes(path.read_bytes()[:-100])
    assert "cut short or altered" in refused(capsys, "train", "--resume", run)


def test_a_leaf_of_another_type_is_found_and_named(run, capsys):
    path = checkpoint.latest(run / "checkpoints")
    with safe_open(path, "numpy") as file:
        record = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    name = "state.cycle"
    tensors[name] = tensors[name].astype(np.int64)
    save_file(tensors, path, record)
    assert f"leaf {name} was altered" in refused(capsys, "train", "--resume", run)


def test_a_changed_config_is_found(run, capsys):
    config = json.loads((run / "config.json").read_text())
    config["student"]["gamma"] = 0.5
    (run / "config.json").write_text(json.dumps(config))
    assert "belongs to another config" in refused(capsys, "train", "--resume", run)


def test_a_config_of_another_release_is_refused(run, capsys):
    config = json.loads((run / "config.json").read_text())
    config["student"]["brain"] = 3
    (run / "config.json").write_text(json.dumps(config))
    assert "does not fit this release" in refused(capsys, "train", "--resume", run)


def test_lost_lines_are_found(run, capsys):
    state = begin(run.with_name("other")).state
    checkpoint.save(
        run / "checkpoints",
        1,
        state,
        {"sizes": {"metrics.jsonl": 999}, "chunk": 1},
        config_hash=training.config_hash(RunDir(run).config),
    )
    assert "it was cut or replaced" in refused(capsys, "train", "--resume", run)


def test_a_run_that_another_process_trains_is_left_alone(run, capsys):
    with RunDir.open(run).lock():
        assert "in use by process" in refused(capsys, "train", "--resume", run)


def test_a_new_run_never_writes_into_an_existing_directory(run, capsys):
    before = sorted(path.name for path in run.iterdir())
    said = refused(capsys, "train", "maze", *house.flags("dr"), "--run", run)
    assert "already exists" in said and f"--resume {run}" in said
    assert sorted(path.name for path in run.iterdir()) == before


def test_a_directory_that_cannot_be_made_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    said = refused(capsys, "train", "maze", *house.flags("dr"), "--run", tmp_path / "file" / "run")
    assert "is a file where a folder is needed" in said


@pytest.mark.parametrize("command", [["train", "--resume"], ["digest"]])
def test_a_directory_that_is_no_run_is_refused(tmp_path, capsys, command):
    assert "is not a run of cairn" in refused(capsys, *command, tmp_path)
    assert "does not exist" in refused(capsys, *command, tmp_path / "nothing")


def test_settings_beside_resume_are_refused(run, capsys):
    said = refused(capsys, "train", "--resume", run, "--hidden", "5")
    assert "but --hidden came too" in said and f"--init-from {run}" in said
    assert "but --seeds" in refused(capsys, "train", "maze", "--resume", run, "--seeds", "2")
    assert "is a run of maze" in refused(capsys, "train", "other", "--resume", run)


def test_a_budget_is_only_ever_raised(run, capsys):
    before = (run / "config.json").read_bytes()
    said = refused(capsys, "train", "--resume", run, "--steps", house.RUN["steps"] - 1)
    assert f"expected at least its {house.RUN['steps']}" in said
    assert "expects a whole number" in refused(capsys, "train", "--resume", run, "--steps", "x")
    # What cannot go on keeps the budget it had.
    newest = checkpoint.latest(run / "checkpoints")
    newest.write_bytes(newest.read_bytes()[:-100])
    assert "cut short" in refused(capsys, "train", "--resume", run, "--steps", 10**6)
    assert (run / "config.json").read_bytes() == before


def test_a_method_that_cannot_be_imported_any_more_is_named_and_nothing_is_lost(run, capsys):
    config = json.loads((run / "config.json").read_text())
    config["experiment"]["method"] = "lost_package.methods:METHOD"
    (run / "config.json").write_text(json.dumps(config))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    said = refused(capsys, "train", "--resume", run)
    assert "Cannot import 'lost_package.methods' for method 'lost_package.methods:METHOD'" in said
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_run_of_an_older_format_is_refused(run, capsys):
    versions = json.loads((run / "versions.json").read_text())
    (run / "versions.json").write_text(json.dumps(versions | {"format": 1}))
    for command in (["train", "--resume"], ["evaluate"], ["digest"]):
        assert "was written by an older cairn" in refused(capsys, *command, run)


def test_a_run_before_its_first_checkpoint_says_so(run, capsys):
    for path in (run / "checkpoints").iterdir():
        path.unlink()
    assert "no checkpoint" in refused(capsys, "train", "--resume", run)


def test_students_start_from_those_of_another_run(begun, tmp_path):
    source = begin(tmp_path / "source", seed=7).state.learner
    started = begin(tmp_path / "started", seeds=2, init_from=tmp_path / "source")
    for ours, theirs in zip(leaves(started.state.learner), leaves(source), strict=True):
        assert ours.shape[0] == 2
        assert all((row == theirs[0]).all() for row in ours)
    assert started.directory.config["init_from"]["run"] == str(tmp_path / "source")


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"--hidden": "9"}, "has an array"), ({"--memory": "lstm"}, "has other layers")],
)
def test_students_of_another_structure_are_refused(begun, tmp_path, capsys, changed, said):
    command = ["train", "maze", *house.flags("dr"), "--init-from", begun, "--run", tmp_path / "new"]
    for flag, value in changed.items():
        command += [flag, value]
    assert said in refused(capsys, *command)
    assert not (tmp_path / "new").exists()


def test_another_number_of_students_is_refused(begun, tmp_path, capsys):
    two = begin(tmp_path / "two", seeds=2).directory.path
    command = ["train", "maze", *house.flags("dr"), "--seeds", "3", "--init-from", two]
    assert "has 2 students, expected 1 or 3" in refused(capsys, *command)


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
