"""The directory of a training run: what it holds, and how it goes on after a kill."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.core import files
from cairn.core.directory import RunDirectory, software

FORMAT = 2
"""Raised when a release can no longer read what an older one wrote."""
PACKAGES = ("cairn", "jax", "jaxlib", "numpy", "equinox", "optax")
ADAPTED = ("gymnax", "craftax", "gymnasium")
"""Packages of environments, which a run may have played; those that are installed are named too."""
LINES = ("metrics.jsonl", "timing.jsonl")
MAY_CHANGE = ("steps", "keep_checkpoints", "log")
"""Run settings that a resumed run may have otherwise: `--resume RUN --steps MORE`."""

README = """\
This directory is one run of cairn. Nothing here depends on where it lies: it may be moved.

config.json      every setting of the run, as given or by default
versions.json    format of this directory, and the versions and devices it was made with
metrics.jsonl    one JSON object a line: what was learned, and the ledger it cost. No clock times:
                 the same config and seed on the same machine give the same bytes
timing.jsonl     clock times and steps per second, beside the same ledger
lineage.bin      every level that ever entered the archive: first line JSON that describes the
                 records after it (NumPy dtype), then fixed-size records with id, parent and score
checkpoints/     the newest states (safetensors, arrays only), verified when they are read
model/           config and tokeniser of the folder that its model came from (only with --weights)
trackers.json    what a tracker calls this run, and how far it was sent (only with --log)
audit.json       how well scores ordered its levels, if `cairn audit` has looked
regret.json      a lower bound of its student's regret, if `cairn regret` has looked
progress.json    how its students fared on levels of all times, if `cairn progress` has looked
behaviour.json   how its language model answers, if it has one: from its end, or `cairn behaviour`
notes.json       stars, tags and a note that somebody gave it in `cairn view`
lock             held by the process that is training

Go on with it:   cairn train --resume DIR
Test it:         cairn evaluate DIR
Look at it:      cairn show DIR
Fingerprint it:  cairn digest DIR
"""


class RunDir(RunDirectory):
    """A training run on disk: growing files beside the checkpoints that know their lengths."""

    FORMAT = FORMAT
    COMMAND = "cairn train"
    RESUME = "--resume {path}"
    README = README

    def __init__(self, path: Path):
        super().__init__(path)
        self.checkpoints = path / "checkpoints"
        self.lineage = path / "lineage.bin"
        self.model = path / "model"

    @property
    def kept(self) -> Path | None:
        """What it keeps of the folder that its model came from, if it came from one."""
        return self.model if self.model.is_dir() else None

    @classmethod
    def _versions(cls) -> dict[str, Any]:
        return versions()

    @classmethod
    def _fill(cls, folder: Path, config: dict[str, Any]) -> None:
        super()._fill(folder, config)
        (folder / "checkpoints").mkdir()
        for name in LINES:
            (folder / name).touch()

    def append(self, metrics: dict[str, Any], timing: dict[str, Any]) -> None:
        """Add a line to metrics.jsonl and one to timing.jsonl.

        `metrics` must not depend on the clock: a resumed run writes the same bytes again.
        """
        for name, row in zip(LINES, (metrics, timing), strict=True):
            line = files.to_json(row) + "\n"
            files.append(self.path / name, line.encode(), name.removesuffix(".jsonl"))

    def sizes(self) -> dict[str, int]:
        """Byte sizes of the growing files, forced to the disk; for the `meta` of a checkpoint."""
        sizes = {}
        for name in (*LINES, self.lineage.name):
            file = self.path / name
            if file.exists():
                with files.writing(file):
                    files.sync(file)
                sizes[name] = file.stat().st_size
        return sizes

    def truncate_to(self, sizes: dict[str, int]) -> None:
        """Cut what was written after the checkpoint that recorded `sizes`; the run repeats it.

        A growing file that the checkpoint does not know goes altogether.
        """
        for name in (*LINES, self.lineage.name):
            file = self.path / name
            if name in sizes:
                files.truncate(file, sizes[name])
            elif file.exists():
                with files.writing(file):
                    file.unlink()

    def keep(self, name: str, report: Mapping[str, Any]) -> Path:
        """Write the newest result of a look at the run; its file, NAME.json.

        Where the run lay is left out: it may be moved, or shown to others.
        """
        path = self.path / f"{name}.json"
        kept = {key: value for key, value in report.items() if key != "run"}
        with files.replacing(path, private=False) as part:
            part.write_text(files.to_json(kept, indent=1) + "\n", encoding="utf-8")
        return path

    def metrics(self) -> list[dict[str, Any]]:
        """All complete lines of metrics.jsonl; half a line left by a kill is no line."""
        return _lines(self.path / LINES[0])

    def timing(self) -> list[dict[str, Any]]:
        """All complete lines of timing.jsonl."""
        return _lines(self.path / LINES[1])


def config_hash(config: dict[str, Any]) -> str:
    """What ties a checkpoint to its config: a hash of all of it that a resumed run may not change.

    The order of fields does not matter.
    """
    run = {name: value for name, value in config.get("run", {}).items() if name not in MAY_CHANGE}
    tied = {name: value for name, value in config.items() if name != "extended"} | {"run": run}
    return hashlib.sha256(files.to_json(tied, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, Any]:
    """What made this: packages, devices, commit."""
    import jax  # slow, and reading a run needs none of it

    # find_spec tells of an optional package without importing it.
    found = software((*PACKAGES, *ADAPTED))
    devices = [f"{device.platform}: {device.device_kind}" for device in jax.devices()]
    commit = found.pop("commit")
    return {"format": FORMAT, **found, "devices": devices, "commit": commit}


def _lines(path: Path) -> list[dict[str, Any]]:
    complete, _, _ = path.read_text().rpartition("\n")
    return [json.loads(line) for line in complete.split("\n") if line]
