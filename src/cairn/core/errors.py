"""Every error cairn raises on purpose. The CLI prints the message on one line and exits with 2."""

import difflib
import re
from collections.abc import Iterable


class CairnError(Exception):
    """Something a person can mend: says what was expected, what came, and what to do."""


class ConfigError(CairnError):
    """A flag, field or name that cannot work."""


class RunError(CairnError):
    """A run directory that is missing, taken, locked or not one of ours."""


class CheckpointError(RunError):
    """A checkpoint that is cut short, altered, or from another config."""


class DatasetError(CairnError):
    """A dataset that is missing, damaged, taken, or of another environment."""


class LevelError(CairnError):
    """A level, or a file of levels, that breaks the environment's rules."""


class TaskError(CairnError):
    """A task of one's own that does not keep its promises."""


class TableError(CairnError):
    """A table of elites that is damaged or does not fit the archive it is meant for."""


class TokenError(CairnError):
    """A text that a tokeniser cannot write, or a tokeniser that does not fit its model."""


class WeightsError(CairnError):
    """Weights of a model that are missing, damaged, or of another family or shape."""


class MissingExtraError(CairnError):
    """An optional dependency that is not installed; the message holds the install line."""


def suggest(name: str, known: Iterable[str]) -> str:
    """ " Did you mean …?" with the name nearest to `name`, or nothing if none is near.

    A field's own abbreviation is as near: pvl for positive-value-loss.
    """
    names = list(known)
    initials = [k for k in names if name == "".join(p[:1] for p in re.split("[-_ ]", str(k)))]
    near = difflib.get_close_matches(name, names, n=1) or initials
    return f" Did you mean {near[0]!r}?" if near else ""


def reason(error: Exception) -> str:
    """Why a file could not be read, without number and name of the file."""
    return getattr(error, "strerror", None) or str(error)
