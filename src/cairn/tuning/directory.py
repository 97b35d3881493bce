"""The directory of a search: a line for every training that has finished, which it goes on from."""

import json
from pathlib import Path
from typing import Any

from cairn.core import files
from cairn.core.directory import RunDirectory
from cairn.core.errors import ConfigError, RunError
from cairn.core.rundir import versions

TRIALS, RESULT, TIMING, BEST = "trials.jsonl", "result.json", "timing.jsonl", "best.toml"

README = """\
This directory is one search of `cairn tune`. Nothing here depends on where it lies.

config.json      what was tuned, the space that was searched, and every other setting
versions.json    format of this directory, and the versions and devices it was made with
trials.jsonl     one JSON object a line for every training that has finished: its settings, seed,
                 score and ledger. The search goes on from these lines after Ctrl-C or a kill
checkpoints/     the population between two intervals (pbt only)
best.toml        the best settings with all others of the search, as `cairn train` reads them
result.json      what was found, how it does on seeds and levels that had no part in finding it,
                 and what all of it cost
tuning.png       the same drawn: score over cost, and a panel for every parameter
timing.jsonl     clock times
lock             held by the process that is searching

Go on with it:   cairn tune --resume DIR, or the command that began it once more
Train with it:   cairn train --config DIR/best.toml
"""


class TuneRun(RunDirectory):
    """A search on disk."""

    FORMAT = 1
    COMMAND = "cairn tune"
    RESUME = "cairn tune --resume {path}"
    README = README

    @classmethod
    def _versions(cls) -> dict[str, Any]:
        return versions() | {"format": cls.FORMAT, "command": cls.COMMAND}

    @property
    def checkpoints(self) -> Path:
        """Where a population is kept."""
        return self.path / "checkpoints"

    @classmethod
    def at(cls, path: Path, config: dict[str, Any]) -> "TuneRun":
        """The search at `path`, begun now if nothing is there.

        Raises RunError if something else is there, ConfigError for a search of other settings.
        """
        if not path.exists():
            return cls.create(path, config)
        run = cls.open(path)
        ours, theirs = _flat(json.loads(files.to_json(config))), _flat(run.config)
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                raise ConfigError(
                    f"{path} is a search with {name} {theirs.get(name)}, got {ours.get(name)}. "
                    f"Choose another --run, or give the same settings to go on with it."
                )
        return run

    def lines(self) -> list[dict[str, Any]]:
        """Every training that has finished, half a line left out. Reading changes nothing."""
        path = self.path / TRIALS
        text = path.read_bytes() if path.exists() else b""
        try:
            return [json.loads(line) for line in text[: _whole(text)].splitlines()]
        except ValueError as error:
            raise RunError(f"{path} holds a line that is no JSON: {error}.") from error

    def mend(self) -> None:
        """Cut off half a line that a kill has left. For who has the lock: another process may be
        writing the other half.
        """
        path = self.path / TRIALS
        if path.exists():
            files.truncate(path, _whole(path.read_bytes()))

    def append(self, line: dict[str, Any]) -> None:
        """Add a training that has finished."""
        files.append(self.path / TRIALS, (files.to_json(line) + "\n").encode(), "trials")

    def append_timing(self, row: dict[str, Any]) -> None:
        """Add how long a program of rows took."""
        files.append(self.path / TIMING, (files.to_json(row) + "\n").encode(), "timing")

    @property
    def size(self) -> int:
        """Bytes of finished trainings, for a checkpoint."""
        path = self.path / TRIALS
        return path.stat().st_size if path.exists() else 0

    def cut(self, size: int) -> None:
        """Forget trainings that finished after the checkpoint of that size."""
        files.truncate(self.path / TRIALS, size)

    @property
    def result(self) -> dict[str, Any] | None:
        """What was found, if the search is over."""
        path = self.path / RESULT
        return json.loads(path.read_text()) if path.exists() else None

    def finish(self, result: dict[str, Any], best: str | None) -> None:
        """Write what was found, whole or not at all; `best` as TOML, if it can be trained with."""
        if best is not None:
            with files.replacing(self.path / BEST, private=False) as part:
                part.write_text(best)
        with files.replacing(self.path / RESULT, private=False) as part:
            part.write_text(files.to_json(result, indent=2) + "\n")


def _whole(text: bytes) -> int:
    """Bytes of whole lines."""
    return text.rfind(b"\n") + 1


def _flat(config: Any, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in config.items():
        inner = f"{prefix}.{name}" if prefix else name
        found |= _flat(value, inner) if isinstance(value, dict) and value else {inner: value}
    return found
