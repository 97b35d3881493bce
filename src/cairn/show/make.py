"""All pictures of a run at once: what `cairn show` does."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core.errors import RunError
from cairn.runs.open import Run
from cairn.show import subject as subjects
from cairn.show import tables
from cairn.show.applies import played
from cairn.show.held_out import play_held_out
from cairn.show.panels import PANELS
from cairn.show.subject import Subject


class Made(NamedTuple):
    """What was made."""

    files: list[Path]
    figures: dict[str, Any]
    """Headline numbers (see `cairn.show.tables.headline`)."""
    remarks: list[str]
    """What was left out, and why."""


Advance = Callable[[str, int, int], None]
"""Called before each picture is begun: its file, how many are behind, how many there may be."""


def show(
    run: Run | Path | str,
    out: Path | None = None,
    seed_index: int = 0,
    *,
    role: str | None = None,
    advance: Advance = lambda file, behind, total: None,
) -> Made:
    """Draw the agent, the archive and the learning curves of `run` into `out`.

    `out` is RUN/pictures by default; pictures of an earlier call are replaced, the run itself is
    only read. Raises RunError if `run` is no run, has no checkpoint yet, or `out` cannot be
    written; ConfigError if there is no seed of that index, or no such role to act in levels.
    """
    subject = subjects.read(run, seed_index, role)
    folder = Path(out) if out is not None else subject.directory.path / "pictures"
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):  # before minutes of work, not after
            raise PermissionError(13, "Permission denied")
        return draw(subject, folder, advance)


def draw(
    subject: Subject, folder: Path, advance: Advance = lambda file, behind, total: None
) -> Made:
    """Every panel that applies."""
    files, remarks = [], []
    panels = [panel for panel in PANELS if panel.draw is not None]
    for behind, panel in enumerate(panels):
        advance(panel.file, behind, len(panels))
        reason = panel.applies(subject)
        if reason is None:
            files.append(panel.into(subject, folder))
        elif reason and reason not in remarks:
            remarks.append(reason)
    shown = subject.once(play_held_out) if played(subject) is None else []
    return Made(files, tables.headline(subject, shown), remarks)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """What the system refuses to write there is a RunError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"Cannot write pictures to {folder}: {reason}. Choose another folder by --out."
        ) from error
