"""A program's own tests still pass after it was rewritten: run in the jail, never here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cairn import jail
from cairn.core.errors import ConfigError
from cairn.refine.checks.base import Failure, Pair


@dataclass(frozen=True)
class TestsPass:
    """A command that ends well with the original ends well with the rewrite.

    The default runs the program itself, whose assertions are its tests. An original that already
    fails says nothing, and passes.
    """

    name: str = "tests-pass"
    command: tuple[str, ...] = ("python", "program.py")
    """The first word may be `python`, which is this interpreter."""
    file: str = "program.py"
    """Where the record's text goes, in a fresh folder."""
    folder: str = ""
    """A folder whose files are there as well: tests, and what they need."""
    seconds: float = 30.0
    memory_mb: int = 1024

    def __post_init__(self) -> None:
        if not self.command:
            raise ConfigError('tests-pass needs a command, as ["python", "-m", "unittest"].')
        if self.folder and not Path(self.folder).is_dir():
            raise ConfigError(f"tests-pass: {self.folder} is no folder.")

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """Quotes none of the program's output, which may hold what has to go.

        Raises JailError if the jail itself did not work: that is no fault of the rewrite.
        """
        after = await self._run(pair.rewrite)
        if after.kind == "ok" or (await self._run(pair.original)).kind != "ok":
            return None
        how = f"exit status {after.exit_code}" if after.kind == "failed" else after.kind
        return Failure(self.name, f"Its tests do not pass any more ({how}). Keep what it does.")

    async def _run(self, text: str) -> jail.Outcome:
        files: dict[str, bytes | str | Path] = {}
        if self.folder:
            root = Path(self.folder)
            files = {
                path.relative_to(root).as_posix(): path
                for path in sorted(root.rglob("*"))
                if path.is_file() and "__pycache__" not in path.parts
            }
        limits = jail.Limits(seconds=self.seconds, memory_mb=self.memory_mb)
        found = await jail.arun(list(self.command), files=files | {self.file: text}, limits=limits)
        if found.kind == "jail_error":
            raise jail.JailError(f"tests-pass: the jail did not work: {found.reason}.")
        return found
