"""The directory of a run of `cairn refine run`, and what of it may hold text of the source."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError, RunError
from cairn.core.journal import Journal
from cairn.core.typed import build
from cairn.engine.journal_blame import FILE as TRACEBACK
from cairn.engine.map_files import remove
from cairn.refine.config import RefineConfig
from cairn.runs.directory import JOURNAL, LanguageRun

STAGE = "refine"
KEY = "pseudonyms.key"
"""Of a run without a key file."""
SUMMARY = "summary.json"
REPORT = "report.html"
FIGURES = "report.json"
SHOWN = "report-source.html"
"""The report that shows text of the source."""


class RefineRun(LanguageRun):
    """A refinement on disk."""

    COMMAND = "cairn refine run"
    RESUME = "the same command again (--run {path})"
    README = """\
A refinement by cairn. Readable by its owner alone: while shards are open, answers of the models
lie in refine.store.sqlite, and an answer may repeat what it was to leave out. None is left once its
shard is finished; `cairn refine purge DIR` removes them before. Of the source's text no other file
holds anything but what is in accepted rows (fields that are not refined stay in them as they are),
and report-source.html where that was asked for.

config.json      every setting of the run
versions.json    format of this directory, when it was begun, and with which versions
journal.sqlite   events, counts and what was spent: no text
refine/parts     accepted rows, and ids with reasons, as long as something can be tried again;
                 `cairn refine purge --parts DIR` removes them
pseudonyms.key   with which guesses at a replaced value could be tried; of runs without --key
summary.json     the counts
report.html      the report, with report.json
lock             held by the process that works on it
"""

    @property
    def begun(self) -> bool:
        """Whether anything was done or asked. A start that failed leaves a journal without events,
        or none; one that cannot be read counts as begun."""
        kept = (STAGE, SUMMARY, f"{JOURNAL}.shards")
        if any((self.path / name).exists() for name in kept):
            return True
        journal = self.path / JOURNAL
        if not journal.exists():
            return False
        try:
            with Journal.read(journal) as found:
                return found.seq > 0 or bool(found.spending())
        except RunError:
            return True

    def begin_anew(self, config: Mapping[str, Any]) -> None:
        """Other settings for a run that was not begun. Raises RunError if another process works on
        it, or has begun it."""
        with self.lock():
            if self.begun:
                raise RunError(f"{self.path} was just begun by another process: try again.")
            for place in (*self.path.glob(f"{JOURNAL}*"), *self.path.glob("*.store.sqlite*")):
                if place.suffix != ".lock":
                    remove(place)
            self.change_config(config)


def open_run(path: Path) -> tuple[RefineRun, RefineConfig]:
    """A run that exists, and its config."""
    run = RefineRun.open(path)
    try:
        return run, build(RefineConfig, run.config)
    except ConfigError as error:
        raise RunError(f"{path / 'config.json'} is not that of a refinement: {error}") from None


def purge(path: Path, *, everything: bool = False) -> list[str]:
    """Remove what may hold text of the source; the names of what is gone.

    Answers of open shards go, so that the run asks for them again when it is gone on with.
    `everything`: also the parts, accepted rows included, and the run's own key of pseudonyms, with
    which guesses at what stood in a text could be tried. Nothing can be tried once more then.
    """
    run = RefineRun.open(path)
    with run.lock():
        places = [*path.glob("*.store.sqlite*"), path / f"{JOURNAL}.shards"]
        places += [path / TRACEBACK, path / SHOWN]
        if everything:
            places += [path / STAGE, path / KEY]
        gone = [place for place in places if place.exists()]
        for place in gone:
            remove(place)
    return [str(place.relative_to(path)) for place in gone]
