"""One hash over everything that resuming must preserve."""

from pathlib import Path

from cairn.core import checkpoint, files
from cairn.core.errors import CheckpointError, RunError
from cairn.core.rundir import RunDir, config_hash
from cairn.runs.experiment import Experiment


def digest(directory: Path | str) -> str:
    """Hash of the newest checkpoint's arrays, the lines and lineage up to it, and the config.

    What a killed run wrote after its checkpoint is repeated by a resumed one, so it does not
    count. Raises RunError if `directory` is no run, CheckpointError if its checkpoint is damaged.
    """
    run = RunDir.open(directory)
    path = checkpoint.latest(run.checkpoints)
    if path is None:
        raise CheckpointError(f"{run.path} has no checkpoint: there is nothing to take a hash of.")
    config = run.config
    like = Experiment.from_dict(config, run.kept).state_shape()
    state, meta = checkpoint.load(path, like, config_hash=config_hash(config))
    grown = [
        _start_of(run.path / name, size)
        for name, size in sorted(meta["sizes"].items())
        if name != "timing.jsonl"
    ]
    return checkpoint.digest(state, files.to_json(config, sort_keys=True).encode(), *grown)


def _start_of(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        content = file.read(size)
    if len(content) < size:
        raise RunError(
            f"{path} has {len(content)} bytes, but the checkpoint was made when it had {size}: "
            f"it was cut or replaced. Use an unaltered copy of the run."
        )
    return content
