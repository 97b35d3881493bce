"""A search on disk."""

import json
import shutil
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError, RunError
from cairn.core.typed import build, plain
from cairn.research.config import ResearchConfig
from cairn.research.problems import FOLDER
from cairn.runs.directory import LanguageRun

TIMING, KEPT, REPORT, SUMMARY = "timing.jsonl", "results", "report.html", "summary.json"


class ResearchRun(LanguageRun):
    """A search over programs on disk."""

    COMMAND = "cairn search run"
    RESUME = "cairn search resume {path}"
    README = """\
One search of cairn over programs or texts. It holds what models wrote and what became of it when it
ran: treat the programs as what they are, untrusted. It may be moved; no key is stored in it.

config.json      every setting of the run
versions.json    format of this directory, when the run was begun, and with which versions
journal.sqlite   all events, answers and results: the tree is a fold over them
timing.jsonl     when evaluations began and how long they took: nothing depends on it
task/            a shipped task's data, answers and grader
results/         results on their way into the journal; empty while nothing runs
report.html      the tree, its nodes, curves, operators: to be read in a browser
summary.json     the figures of the report
notes.json       stars, tags and a note that somebody gave it in `cairn view`
lock             held by the process that works on the run

Go on with it:   cairn search resume DIR
Report anew:     cairn search report DIR
Best program:    cairn search export DIR FOLDER
"""


def create(path: Path, config: ResearchConfig, task: Path | None = None) -> Path:
    """Make the directory of a new run; `task` is a folder that it keeps for itself."""
    made = ResearchRun.create(path, plain(config)).path
    if task is not None and task.is_dir():
        shutil.copytree(task, made / FOLDER)
    (made / KEPT).mkdir(mode=0o700)
    return made


def open_run(path: Path) -> ResearchConfig:
    """The config of an existing run. Raises RunError if it is none."""
    run = ResearchRun.open(path)
    try:
        return build(ResearchConfig, run.config)
    except ConfigError as error:
        raise RunError(f"{path / 'config.json'} is not the config of a search: {error}") from None


def timings(path: Path) -> list[dict[str, Any]]:
    """When evaluations began and how long they took; a line that a kill cut is left out."""
    found = []
    try:
        lines = (path / TIMING).read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
