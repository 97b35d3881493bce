"""The directory of a language run: its texts are in the clear, so only its owner can read it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from cairn.core.directory import RunDirectory, software
from cairn.core.errors import ConfigError

JOURNAL = "journal.sqlite"
"""The journal in the directory of a run."""


class LanguageRun(RunDirectory):
    """A run whose state is a fold over a journal."""

    FORMAT = 2
    PRIVATE = True
    PACKAGES: ClassVar[tuple[str, ...]] = ("cairn", "jax", "numpy", "aiohttp")
    README = """\
One run of cairn over language models. It holds what they were asked and what they answered: treat
the whole directory as sensitive. It may be moved; no key is stored in it.

config.json      every setting of the run
versions.json    format of this directory, when it was begun, and with which versions
journal.sqlite   all events and answers: the state is a fold over them
notes.json       stars, tags and a note that somebody gave it in `cairn view`
lock             held by the process that works on the run
"""

    @property
    def created(self) -> str:
        """When the run was begun: date and time in UTC."""
        return str(self.versions.get("created", "unknown"))

    @classmethod
    def _versions(cls) -> dict[str, Any]:
        created = datetime.now(UTC).isoformat(timespec="seconds")
        made = {"format": cls.FORMAT, "command": cls.COMMAND, "created": created}
        return made | software(cls.PACKAGES)

    @classmethod
    def _unstamped(cls) -> bool:
        return True


def path_of(run: Path | str) -> Path:
    """Where a run lies; raises ConfigError for what is no path."""
    if not isinstance(run, str | Path):
        raise ConfigError(f"run must be the path of a directory, got {run!r}.")
    return Path(run)
