"""What all readers need: parts that must be there, YAML, and a word on what a split is of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError, MissingExtraError, reason
from cairn.research.tasks.task import Split


def part(folder: Path, name: str, layout: str) -> Path:
    """A file or folder that a layout has. Raises ConfigError."""
    path = folder / name
    if not path.exists():
        raise ConfigError(f"{folder} has no {name}: expected a task in the layout of {layout}.")
    return path


def text(path: Path) -> str:
    """A file's text. Raises ConfigError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {reason(error)}.") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that is a table. Raises ConfigError, and MissingExtraError without PyYAML."""
    try:
        import yaml
    except ImportError:
        raise MissingExtraError(
            f"reading {path.name} needs PyYAML: pip install 'cairn[yaml]'"
        ) from None
    try:
        found = yaml.safe_load(text(path))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path} must hold a table, got {type(found).__name__}.")
    return found


def field(table: Mapping[str, Any], name: str, where: Path) -> Any:
    """An entry, `a.b` for one in a table of a table. Raises ConfigError."""
    found: Any = table
    for step in name.split("."):
        if not isinstance(found, Mapping) or step not in found:
            raise ConfigError(f"{where} has no field {name}.")
        found = found[step]
    return found


def splits(test: Split, *, search_on_test: bool) -> dict[str, Split]:
    """A benchmark's one hidden split as ours.

    It is the test, and nothing else. `search_on_test` shows its score to the search as well, as
    MLGym's `validate` does by design: then the test says how well it was fitted, and not more.
    """
    return {"search": test, "test": test} if search_on_test else {"test": test}
