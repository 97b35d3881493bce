"""All pictures of a run at once: what `cairn show` does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core.errors import RunError
from cairn.runs.open import Run
from cairn.show import subject as subjects
from cairn.show import tables
from cairn.show.animation import animate
from cairn.show.curves import curves_sheet
from cairn.show.held_out import Shown, play_held_out
from cairn.show.hero import hero
from cairn.show.sheets import ancestry_sheet, archive_sheet, held_out_sheet
from cairn.show.subject import Subject
from cairn.show.treasures import Treasure, evolved, highest, most_useful

SHELF = 6
"""Levels of the archive in each row."""
LINES = 3
"""Lines of ancestors."""


class Made(NamedTuple):
    """What was made."""

    files: list[Path]
    figures: dict[str, Any]
    """Headline numbers (see `cairn.show.tables.headline`)."""
    remarks: list[str]
    """What was left out, and why."""


def show(run: Run | Path | str, out: Path | None = None, seed_index: int = 0) -> Made:
    """Draw the agent, the archive and the learning curves of `run` into `out`.

    `out` is RUN/pictures by default; pictures of an earlier call are replaced, the run itself is
    only read. Raises RunError if `run` is no run, has no checkpoint yet, or `out` cannot be
    written; ConfigError if there is no seed of that index.
    """
    subject = subjects.read(run, seed_index)
    folder = Path(out) if out is not None else subject.directory.path / "pictures"
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):  # before minutes of work, not after
            raise PermissionError(13, "Permission denied")
        return _make(subject, folder)


def _make(subject: Subject, folder: Path) -> Made:
    env = subject.experiment.env
    shown = play_held_out(subject)
    drawable = env.picture(shown[0].level) is not None
    treasures, lines, remarks = _unearth(subject)
    files = [curves_sheet(subject, folder / "curves.png")]
    if not drawable:
        remarks.append(
            f"{type(env).__name__} has no `picture` method: its levels are in levels.txt, as "
            f"its space describes them."
        )
        text = folder / "levels.txt"
        text.write_text(tables.levels_table(env, shown, treasures), encoding="utf-8")
        return Made([*files, text], tables.headline(subject, shown), remarks)
    files += _level_pictures(subject, folder, shown, treasures, lines)
    files.append(hero(subject, shown, lines, folder / "hero.png"))
    return Made(files, tables.headline(subject, shown), remarks)


def _unearth(
    subject: Subject,
) -> tuple[dict[str, list[Treasure]], list[list[Treasure]], list[str]]:
    """The archive's levels, its lines of ancestors, and why there are none."""
    archive = subject.state.archive
    if archive is None:
        method = subject.experiment.method
        return {}, [], [f"{method} keeps no archive of levels: no pictures of one."]
    if int(archive.count) == 0:
        return {}, [], ["The archive is still empty: no pictures of it."]
    treasures = {
        "Highest scores of the archive": highest(subject, SHELF),
        "Most useful levels of the archive": most_useful(subject, SHELF),
    }
    lines = evolved(subject, LINES)
    remarks = [] if lines else ["No level of the archive descends from another: no ancestry."]
    return treasures, lines, remarks


def _level_pictures(
    subject: Subject,
    folder: Path,
    shown: list[Shown],
    treasures: dict[str, list[Treasure]],
    lines: list[list[Treasure]],
) -> list[Path]:
    env, caption = subject.experiment.env, subject.caption
    files = [
        held_out_sheet(shown, caption, folder / "mazes.png"),
        animate(shown, folder / "attempt.gif"),
    ]
    if treasures:
        config = subject.experiment.algorithm
        full = f"{caption}. Score: {config.score}. Age: cycles since the level entered."
        best, useful = treasures.values()
        files.append(archive_sheet(env, best, useful, full, folder / "archive.png"))
    if lines:
        files.append(ancestry_sheet(env, lines, caption, folder / "ancestry.png"))
    return files


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"Cannot write pictures to {folder}: {reason}. Choose another folder by --out."
        ) from error
