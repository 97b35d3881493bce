"""The directory of a run: complete or absent, stamped with its format, locked by one process.

What is in it besides `config.json`, `versions.json` and `README.txt` is the matter of each kind of
run: a subclass names its files and its format.
"""

import contextlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

from cairn.core import files, locks
from cairn.core.errors import RunError, reason

LOCK = "lock"
EMPTY: Mapping[str, str] = MappingProxyType({})
D = TypeVar("D", bound="RunDirectory")


class RunDirectory(ABC):
    """A run on disk. Use `create` for a new one and `open` for one that exists."""

    FORMAT: ClassVar[int]
    """Raised when a release can no longer read what an older one wrote."""
    COMMAND: ClassVar[str]
    """The command that makes such runs."""
    RESUME: ClassVar[str]
    """How to go on with one, with `{path}`."""
    README: ClassVar[str]
    """What each file is."""
    PRIVATE: ClassVar[bool] = False
    """Readable by its owner alone."""

    def __init__(self, path: Path):
        self.path = path

    @classmethod
    def create(
        cls: type[D], path: Path | str, config: dict[str, Any], inputs: Mapping[str, str] = EMPTY
    ) -> D:
        """Make a new run directory, complete or not at all.

        `inputs` are texts by the name of the file that is to hold them.

        Raises RunError if anything exists at `path`, or if it cannot be written.
        """
        path = Path(path)
        _check_free(path, cls.RESUME)
        with files.writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            building = Path(tempfile.mkdtemp(prefix=f".{path.name}.new-", dir=path.parent))
            try:
                os.chmod(building, 0o700 if cls.PRIVATE else 0o755)
                cls._fill(building, config)
                for name, text in inputs.items():
                    files.write_private(building / name, text)
                for file in building.iterdir():
                    files.sync(file)
                building.rename(path)
                files.sync(path.parent)
            except OSError:
                shutil.rmtree(building, ignore_errors=True)
                raise
        return cls(path)

    @classmethod
    def open(cls: type[D], path: Path | str) -> D:
        """An existing run. Raises RunError if it is none, or of a format not readable here."""
        path = Path(path)
        if not path.is_dir():
            what = "is a file" if path.exists() else "does not exist"
            raise RunError(f"{path} {what}; expected the directory of a run of {cls.COMMAND}.")
        run = cls(path)
        there = {name for name in ("config.json", "versions.json") if (path / name).is_file()}
        if cls._unstamped() and there == {"config.json"}:
            raise RunError(
                f"{path} was written by cairn 0.1, whose runs this release does not read. Install "
                f"the release that wrote it (cairn==0.1.0), or begin a new run with its config."
            )
        if len(there) < 2:
            raise RunError(
                f"{path} is not a run of cairn: it has no config.json and versions.json. "
                f"Give the directory that {cls.COMMAND} printed."
            )
        found, maker = run.versions.get("format"), run.versions.get("command", "cairn train")
        if maker != cls.COMMAND:
            raise RunError(f"{path} was made by {maker}; expected a run of {cls.COMMAND}.")
        if found != cls.FORMAT:
            age = "an older" if isinstance(found, int) and found < cls.FORMAT else "a newer"
            raise RunError(
                f"{path} was written by {age} cairn ({run.versions.get('cairn')}): its format is "
                f"{found}, this release reads {cls.FORMAT}. Install the release that wrote it."
            )
        return run

    @property
    def config(self) -> dict[str, Any]:
        """The settings of the run, as nested dicts."""
        return read_object(self.path / "config.json")

    def change_config(self, config: Mapping[str, Any]) -> None:
        """Put another config in the place of the run's, complete or not at all."""
        with files.replacing(self.path / "config.json", private=self.PRIVATE) as temporary:
            temporary.write_text(files.to_json(config, indent=2) + "\n")
            files.sync(temporary)

    @property
    def versions(self) -> dict[str, Any]:
        """Format, package versions and devices the run was made with."""
        return read_object(self.path / "versions.json")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Have the run to oneself. Raises RunError if another process has it.

        The operating system drops the lock when the process ends, however it ends.
        """
        with files.writing(self.path / LOCK):
            held = locks.lock(self.path / LOCK)
        with held:
            yield

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Keep others from the run while it is read. Raises RunError if another process has it.

        Where nothing can be written or locked, nobody can be working on it: then there is no lock.
        """
        held: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        try:
            held = locks.lock(self.path / LOCK, reads=True)
        except locks.InUseError:
            raise
        except RunError:
            pass
        with held:
            yield

    @classmethod
    def _fill(cls, folder: Path, config: dict[str, Any]) -> None:
        """Write what a new run holds into `folder`."""
        (folder / "README.txt").write_text(cls.README)
        (folder / "config.json").write_text(files.to_json(config, indent=2) + "\n")
        (folder / "versions.json").write_text(files.to_json(cls._versions(), indent=2) + "\n")

    @classmethod
    @abstractmethod
    def _versions(cls) -> dict[str, Any]:
        """What goes into versions.json: `format`, and what this run is made with."""

    @classmethod
    def _unstamped(cls) -> bool:
        """Whether release 0.1 wrote such runs without a versions.json."""
        return False


def software(packages: Iterable[str]) -> dict[str, Any]:
    """Versions of those of the packages that are installed, of Python, and cairn's commit."""
    return {
        **{name: metadata.version(name) for name in packages if find_spec(name)},
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "commit": _commit(),
    }


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object out of a file; raises RunError with its name."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} cannot be read: {reason(error)}. Is it the directory of a run?"
        ) from error
    if not isinstance(content, dict):
        raise RunError(f"{path} holds {type(content).__name__}, expected a JSON object.")
    return content


def free(path: Path) -> Path:
    """The path itself, or with the first number that makes it new."""
    names = (path if i == 1 else path.with_name(f"{path.name}-{i}") for i in range(1, 10**6))
    return next(name for name in names if not os.path.lexists(name))


def _check_free(path: Path, resume: str) -> None:
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
            f"Choose another --run, or go on with this one by {resume.format(path=path)}."
        )


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
