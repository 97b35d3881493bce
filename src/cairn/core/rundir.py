"""The directory of a run: what it holds, who may write to it, and how it goes on after a kill."""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax

from cairn.core import files
from cairn.core.errors import RunError

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
trackers.json    what a tracker calls this run, and how far it was sent (only with --log)
lock             held by the process that is training

Go on with it:   cairn train --resume DIR
Test it:         cairn evaluate DIR
Look at it:      cairn show DIR
Fingerprint it:  cairn digest DIR
"""


class RunDir:
    """A run on disk. Use `create` for a new one and `open` for one that exists."""

    def __init__(self, path: Path):
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.lineage = path / "lineage.bin"

    @classmethod
    def create(cls, path: Path | str, config: dict[str, Any]) -> "RunDir":
        """Make a new run directory, complete or not at all.

        Raises RunError if anything exists at `path`, or if it cannot be written.
        """
        path = Path(path)
        blocked = next((p for p in path.parents if p.exists() and not p.is_dir()), None)
        if blocked is not None:
            raise RunError(
                f"{blocked} is a file where a folder is needed for {path}. Choose another --run."
            )
        if path.is_file():
            raise RunError(
                f"{path} is a file, and a run is a directory of its own. Choose another --run."
            )
        if os.path.lexists(path):
            raise RunError(
                f"{path} already exists, and a new run never writes into an existing directory. "
                f"Choose another --run, or go on with this one by --resume {path}."
            )
        with files.writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            building = Path(tempfile.mkdtemp(prefix=f".{path.name}.new-", dir=path.parent))
            try:
                os.chmod(building, 0o755)  # mkdtemp makes it private
                _fill(building, config)
                building.rename(path)
                files.sync(path.parent)
            except OSError:
                shutil.rmtree(building, ignore_errors=True)
                raise
        return cls(path)

    @classmethod
    def open(cls, path: Path | str) -> "RunDir":
        """An existing run. Raises RunError if it is none, or of a format not readable here."""
        path = Path(path)
        if not path.is_dir():
            what = "is a file" if path.exists() else "does not exist"
            raise RunError(f"{path} {what}; expected the directory of a run (cairn train --run).")
        run = cls(path)
        if not (path / "versions.json").is_file() or not (path / "config.json").is_file():
            raise RunError(
                f"{path} is not a run of cairn: it has no config.json and versions.json. "
                f"Give the directory that cairn train printed."
            )
        found = run.versions.get("format")
        if found != FORMAT:
            age = "an older" if isinstance(found, int) and found < FORMAT else "a newer"
            raise RunError(
                f"{path} was written by {age} cairn ({run.versions.get('cairn')}): its format is "
                f"{found}, this release reads {FORMAT}. Install the release that wrote it."
            )
        return run

    @property
    def config(self) -> dict[str, Any]:
        """The settings of the run, as nested dicts."""
        return _read(self.path / "config.json")

    def change_config(self, config: dict[str, Any]) -> None:
        """Put another config in the place of the run's, complete or not at all."""
        path = self.path / "config.json"
        temporary = self.path / ".config.json"
        with files.writing(path):
            temporary.write_text(files.to_json(config, indent=2) + "\n")
            files.sync(temporary)
            temporary.replace(path)

    @property
    def versions(self) -> dict[str, Any]:
        """Format, package versions and devices the run was made with."""
        return _read(self.path / "versions.json")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run while training. Raises RunError if another process does.

        The operating system drops the lock when the process ends, however it ends.
        """
        with files.writing(self.path / "lock"):
            file = (self.path / "lock").open("a")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunError(
                    f"{self.path} is being trained by another process. Wait for it, or stop it."
                ) from None
            yield

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


def _fill(folder: Path, config: dict[str, Any]) -> None:
    (folder / "README.txt").write_text(README)
    (folder / "config.json").write_text(files.to_json(config, indent=2) + "\n")
    (folder / "versions.json").write_text(files.to_json(versions(), indent=2) + "\n")
    (folder / "checkpoints").mkdir()
    for name in LINES:
        (folder / name).touch()
    for file in folder.iterdir():
        files.sync(file)


def versions() -> dict[str, Any]:
    """What made this: packages, devices, commit."""
    devices = jax.devices()
    return {
        "format": FORMAT,
        **{name: metadata.version(name) for name in PACKAGES},
        **{name: metadata.version(name) for name in ADAPTED if find_spec(name)},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "devices": [f"{device.platform}: {device.device_kind}" for device in devices],
        "commit": _commit(),
    }


def _commit() -> str | None:
    """The commit of cairn's own checkout, with "+" if files changed since; None if installed."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        # Tracked, or cairn lies installed inside somebody else's repository.
        subprocess.run(
            [*git, "ls-files", "--error-unmatch", Path(__file__).name],
            capture_output=True,
            check=True,
            timeout=10,
        )
        described = subprocess.run(
            [*git, "describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            check=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}. Is it the directory of a run?") from error
    if not isinstance(content, dict):
        raise RunError(f"{path} holds {type(content).__name__}, expected a JSON object.")
    return content


def _lines(path: Path) -> list[dict[str, Any]]:
    complete, _, _ = path.read_text().rpartition("\n")
    return [json.loads(line) for line in complete.split("\n") if line]
