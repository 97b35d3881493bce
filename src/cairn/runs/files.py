"""Experiments as TOML files: what `--print-config` writes and `--config` reads."""

from pathlib import Path
from typing import Any

import tomli_w

from cairn.core.errors import ConfigError, suggest
from cairn.core.sections import change
from cairn.core.typed import read_toml
from cairn.runs import presets
from cairn.runs.experiment import Experiment

NAMES = ("task", "method", "learner", "preset")
"""The fields of the table [experiment]."""


def to_toml(experiment: Experiment) -> str:
    """All settings of an experiment, section by section."""
    known = {
        name: {field: value for field, value in table.items() if value is not None}
        for name, table in experiment.to_dict().items()
    }
    return tomli_w.dumps(known)  # what is left out is None, as it was


def from_toml(path: Path, **names: str | None) -> Experiment:
    """The experiment of a file. `names` (task, method, learner, preset) go before the file's.

    What the file leaves out is as `cairn train TASK --method METHOD` has it. Raises ConfigError
    for a file that is no TOML, or a table or field that does not exist, offering the nearest.
    """
    tables = read_toml(path)
    named = _names(path, tables.pop("experiment", {}))
    chosen = named | {name: value for name, value in names.items() if value is not None}
    if "task" not in chosen:
        raise ConfigError(f'{path} names no task: expected [experiment] with task = "maze".')
    begun = presets.experiment(chosen.pop("task"), **chosen)
    for table, fields in tables.items():
        if table not in begun.everything or not isinstance(fields, dict):
            raise ConfigError(
                f"{path} has an unknown table or field {table!r}. Expected one of the tables "
                f"experiment, {', '.join(begun.everything)}.{suggest(table, begun.everything)}"
            )
    try:
        return begun.with_sections(change(begun.everything, tables))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _names(path: Path, table: Any) -> dict[str, str]:
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: experiment must be a table, got {table!r}.")
    for name, value in table.items():
        if name not in NAMES:
            raise ConfigError(
                f"{path}: [experiment] has no field {name!r}. Expected {', '.join(NAMES)}."
                f"{suggest(name, NAMES)}"
            )
        if not isinstance(value, str):
            raise ConfigError(f"{path}: experiment.{name} must be text, got {value!r}.")
    return dict(table)
