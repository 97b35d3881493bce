"""A dataset on disk: whole episodes as named arrays in shards, and one JSON file that says of what.

    data/maze/dataset.json      where the episodes come from, how they went, a sha256 of each shard
    data/maze/shard-00000.npz   arrays, compressed

Rows stand in order of time, episode after episode. An episode of T steps has T + 1 rows: the last
holds the observation that ended it and is not `valid` as a transition. So row i + 1 holds what
followed row i wherever that is valid, also where a time limit cut the episode. Arrays whose name
begins with `episode.` or `level` have a row an episode instead.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cairn.core import files
from cairn.core.errors import DatasetError

FORMAT = 1
SHARD_BYTES = 2**25
"""A shard is written once it holds so much, so that memory stays bounded."""
TIED = ("format", "environment", "specs", "shards")
"""What the digest is of, in `dataset.json`."""

Arrays = dict[str, np.ndarray]


class Dataset(NamedTuple):
    """A dataset that exists. `open` checks what it says of itself, `read` every byte."""

    path: Path
    about: dict[str, Any]
    """The content of `dataset.json`."""

    @classmethod
    def open(cls, path: Path | str) -> "Dataset":
        """The dataset at `path`. Raises DatasetError if there is none, or if it is damaged."""
        file = Path(path) / "dataset.json"
        if not file.is_file():
            raise DatasetError(
                f"{path} is no dataset: expected a directory with dataset.json. Make one by "
                f"cairn collect TASK --policy RUN --data {path}."
            )
        try:
            about = json.loads(file.read_text())
            if about["format"] != FORMAT:
                raise DatasetError(
                    f"{path} has format {about['format']}, this release reads {FORMAT}. Use the "
                    f"release named in its dataset.json ({about['versions']['cairn']})."
                )
            whole = about["digest"] == _digest(about)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"{file} cannot be read ({error!r}). Collect it again.") from error
        if not whole:
            raise DatasetError(f"{file} was altered: its digest does not fit. Collect it again.")
        return cls(Path(path), about)

    @property
    def digest(self) -> str:
        """Of every array, and of the environment they come from."""
        return self.about["digest"]

    def read(self, *names: str) -> Arrays:
        """The arrays called so (default: all), shards joined.

        Raises DatasetError if one is missing, or a byte of any is not as it was written.
        """
        parts = [self._shard(names, **shard) for shard in self.about["shards"]]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _shard(self, names: tuple[str, ...], file: str, sha256: str) -> Arrays:
        path = self.path / file
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == sha256:
                with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                    return {name: arrays[name] for name in names or arrays.files}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DatasetError(f"{path} cannot be read: {error}. Collect it again.") from error
        raise DatasetError(f"{path} is damaged: its sha256 does not fit. Collect it again.")


class Writer:
    """Takes episodes one by one, and writes a shard whenever enough of them are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: list[dict[str, Any]] = []
        self._held: list[Arrays] = []
        self._bytes = 0

    def add(self, episode: Mapping[str, np.ndarray]) -> None:
        """One episode, its arrays always of the same names and dtypes."""
        self._held.append(dict(episode))
        self._bytes += sum(array.nbytes for array in episode.values())
        if self._bytes >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held as a shard."""
        if not self._held:
            return
        joined = {n: np.concatenate([episode[n] for episode in self._held]) for n in self._held[0]}
        content = io.BytesIO()
        np.savez_compressed(content, **joined)  # type: ignore[arg-type]
        path = self.folder / f"shard-{len(self.shards):05d}.npz"
        path.write_bytes(content.getvalue())
        files.sync(path)
        sha256 = hashlib.sha256(content.getvalue()).hexdigest()
        self.shards.append({"file": path.name, "sha256": sha256})
        self._held, self._bytes = [], 0

    def finish(self, about: Mapping[str, Any]) -> None:
        """The last shard, and what there is to say of all."""
        self.flush()
        told = {"format": FORMAT, **about, "shards": self.shards}
        told = json.loads(files.to_json(told))  # as it will be read
        file = self.folder / "dataset.json"
        file.write_text(files.to_json({**told, "digest": _digest(told)}, indent=2) + "\n")
        files.sync(file)


@contextlib.contextmanager
def creating(path: Path) -> Iterator[Writer]:
    """A new dataset at `path`: complete when this ends well, else not there at all.

    Raises DatasetError if anything is there already.
    """
    refuse_existing(path)
    with files.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.new-", dir=path.parent))
    try:
        with files.writing(path):
            os.chmod(folder, 0o755)  # mkdtemp makes it private
            yield Writer(folder)
            refuse_existing(path)
            folder.rename(path)
            files.sync(path.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # if it is still there


def refuse_existing(path: Path) -> None:
    """Raise DatasetError if anything is at `path`."""
    if os.path.lexists(path):
        raise DatasetError(
            f"{path} already exists, and a dataset is never written over. Choose another --data."
        )


def _digest(about: Mapping[str, Any]) -> str:
    tied = {name: about[name] for name in TIED}
    return hashlib.sha256(files.to_json(tied, sort_keys=True).encode()).hexdigest()
