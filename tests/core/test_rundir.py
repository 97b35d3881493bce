import json
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core import files
from cairn.core.directory import RunDirectory
from cairn.core.errors import RunError
from cairn.core.rundir import FORMAT, RunDir, config_hash

CONFIG = {"method": "plr", "size": (13, 13), "ppo": {"lr": 1e-4}}


@pytest.fixture
def run(tmp_path):
    return RunDir.create(tmp_path / "deep" / "run", CONFIG)


def test_a_new_run_explains_itself(run):
    reopened = RunDir.open(run.path)
    assert reopened.config == {"method": "plr", "size": [13, 13], "ppo": {"lr": 1e-4}}
    assert reopened.versions["format"] == FORMAT
    assert {"cairn", "jax", "jaxlib", "numpy", "python", "devices"} <= set(reopened.versions)
    readme = (run.path / "README.txt").read_text()
    for file in (*run.path.iterdir(), run.lineage):
        assert file.name in readme or file.name == "README.txt"
    assert [p.name for p in run.path.parent.iterdir()] == ["run"]


def test_nothing_in_a_run_names_the_machine(run, tmp_path):
    text = "".join(file.read_text() for file in run.path.glob("*.*"))
    assert str(tmp_path) not in text


@pytest.mark.parametrize("kind", ["run", "empty directory", "file", "broken link"])
def test_a_new_run_never_writes_where_something_is(run, tmp_path, kind):
    path = run.path if kind == "run" else tmp_path / "taken"
    if kind == "empty directory":
        path.mkdir()
    elif kind == "file":
        path.touch()
    elif kind == "broken link":
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(
        RunError,
        match=r"already exists, and a new run never .* --resume|is a file, and a run is",
    ):
        RunDir.create(path, CONFIG)


def test_a_run_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "sync", full)
    with pytest.raises(RunError, match=r"Cannot write .*run: No space left on device"):
        RunDir.create(tmp_path / "run", CONFIG)
    assert list(tmp_path.iterdir()) == []


def test_opening_something_else_says_what_it_is(tmp_path):
    with pytest.raises(RunError, match="nowhere does not exist; expected the directory of a run"):
        RunDir.open(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file is a file; expected the directory"):
        RunDir.open(tmp_path / "file")
    with pytest.raises(RunError, match=r"not a run of cairn: it has no config\.json"):
        RunDir.open(tmp_path)


@pytest.mark.parametrize(("found", "age"), [(FORMAT + 1, "a newer"), (0, "an older")])
def test_another_format_is_refused_with_the_reason(run, found, age):
    versions = run.versions | {"format": found, "cairn": "9.9"}
    (run.path / "versions.json").write_text(json.dumps(versions))
    with pytest.raises(RunError, match=rf"{age} cairn \(9\.9\): its format is {found}"):
        RunDir.open(run.path)


def test_a_damaged_config_is_named(run):
    (run.path / "config.json").write_text('{"method": ')
    with pytest.raises(RunError, match=r"config\.json cannot be read"):
        _ = RunDir.open(run.path).config


def test_a_second_process_is_refused_while_the_first_trains(run):
    # The other process speaks to the operating system only, which is what must refuse it.
    script = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    command = [sys.executable, "-c", script, str(run.path / "lock")]
    with run.lock():
        other = subprocess.run(command, capture_output=True, text=True)
        with pytest.raises(RunError, match=r"is in use by process \d+"):
            RunDir(run.path).lock().__enter__()
    assert "BlockingIOError" in other.stderr
    with RunDir(run.path).lock():
        pass


def test_lines_after_the_checkpoint_are_cut_and_written_again_to_the_same_bytes(run):
    def step(i):
        run.append({"step": i, "loss": np.float32(0.1) * i}, {"seconds": 0.5 * i})

    step(0)
    sizes = run.sizes()
    step(1)
    full = (run.path / "metrics.jsonl").read_bytes()
    (run.path / "metrics.jsonl").write_bytes(full + b'{"step": 2, "lo')
    run.lineage.write_bytes(b"not known to the checkpoint")
    assert [row["step"] for row in run.metrics()] == [0, 1]
    run.truncate_to(sizes)
    assert [row["step"] for row in run.metrics()] == [0] and len(run.timing()) == 1
    assert not run.lineage.exists()
    step(1)
    assert (run.path / "metrics.jsonl").read_bytes() == full


def test_a_file_shorter_than_its_checkpoint_says_is_refused(run):
    run.append({"step": 0}, {})
    sizes = run.sizes()
    (run.path / "metrics.jsonl").write_text("")
    with pytest.raises(RunError, match=r"metrics\.jsonl has 0 bytes, but the checkpoint was made"):
        run.truncate_to(sizes)


def test_arrays_become_numbers_and_what_is_not_finite_becomes_null(run):
    run.append({"a": jnp.float32(0.5), "b": np.array([1, 2]), "c": float("nan")}, {"d": np.inf})
    assert run.metrics() == [{"a": 0.5, "b": [1, 2], "c": None}]
    assert run.timing() == [{"d": None}]


def test_the_config_hash_ignores_order_only():
    assert config_hash({"a": 1, "b": {"c": 2, "d": 3}}) == config_hash(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )
    assert config_hash({"a": 1}) != config_hash({"a": 2})


class Texts(RunDirectory):
    """A run of another kind, as a wing makes it."""

    FORMAT, PRIVATE = 3, True
    COMMAND, RESUME, README = "cairn wing run", "cairn wing resume {path}", "config.json\n"

    @classmethod
    def _versions(cls):
        return {"format": cls.FORMAT, "command": cls.COMMAND, "cairn": "1"}

    @classmethod
    def _unstamped(cls):
        return True


def test_a_private_run_is_its_owners_alone_from_the_first_moment(tmp_path):
    run = Texts.create(tmp_path / "run", {"a": 1})
    run.change_config({"a": 2})
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert (run.path / "config.json").stat().st_mode & 0o777 == 0o600
    assert Texts.open(run.path).config == {"a": 2}


def test_a_run_of_another_kind_is_refused_and_its_maker_named(run, tmp_path):
    with pytest.raises(RunError, match="was made by cairn train; expected a run of cairn wing run"):
        Texts.open(run.path)
    other = Texts.create(tmp_path / "other", {})
    with pytest.raises(RunError, match="was made by cairn wing run; expected a run of cairn train"):
        RunDir.open(other.path)


def test_an_unstamped_run_of_release_0_1_is_refused_in_one_line(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(RunError, match=r"written by cairn 0\.1, .* Install the .*cairn==0\.1\.0"):
        Texts.open(tmp_path)


def test_a_run_is_locked_for_readers_too_but_not_where_nothing_can_be_written(run):
    with run.lock(), pytest.raises(RunError, match="is in use by process"):
        RunDir(run.path).reading().__enter__()
    lock = run.path / "lock"
    lock.unlink()
    lock.mkdir()  # which root cannot open either
    with run.reading():
        pass
    with pytest.raises(RunError, match=r"cannot write in .*: Is a directory\."):
        run.lock().__enter__()
