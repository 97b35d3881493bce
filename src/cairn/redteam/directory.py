"""A red-teaming run on disk."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cairn.core import files
from cairn.core.errors import ConfigError, RunError
from cairn.core.journal import canonical, digest_of
from cairn.core.overrides import change
from cairn.core.typed import build, plain, read_toml
from cairn.lm.cast import shaping
from cairn.lm.shared import DEFAULT, share
from cairn.redteam.config import RedteamConfig, Search, roles_of
from cairn.runs.directory import LanguageRun

CONFIG, SUMMARY = "config.json", "summary.json"
SEARCH, AUDIT = "search", "audit"
"""Stages of the journal; the audit's goes by a longer name (`audit_stage`)."""
NOT_SEARCHED = ("models.held_out",)
"""Fields that the search has no part in: they may be corrected after it."""
VERDICTS = "verdicts.jsonl"
"""What people say of responses, in the format of `evaluation.correct.read_verdicts`."""
ROLES = ("mutator", "target", "judge", "scorer", "held_out", "analyst", "oracle")
"""Whoever may take part in a run."""


class RedteamRun(LanguageRun):
    """A red-teaming run on disk."""

    COMMAND = "cairn redteam run"
    RESUME = "cairn redteam resume {path}"
    README = """\
One red-teaming run of cairn. It holds prompts that made a model fail and what it answered: treat
the whole directory as sensitive. It may be moved; no key is stored in it.

config.json      every setting of the run
versions.json    format of this directory, when the run was begun, and with which versions
journal.sqlite   all events and answers of search and test: state is a fold over them
summary.json     the figures of the report
verdicts.jsonl   what people say of responses, where they were asked (cairn view)
report.html      the map, to be read in a browser
archive.csv      the elites as a table
finetune.jsonl   prompts that worked in the audit, with refusals, in chat format
notes.json       stars, tags and a note that somebody gave it in `cairn view`
lock             held by the process that works on the run

Go on with it:   cairn redteam resume DIR
Report anew:     cairn redteam report DIR [--redact] [--human FILE]
"""


def read_config(path: Path, changes: Mapping[str, str] | None = None) -> RedteamConfig:
    """A config from a TOML file, with what flags change, what its roles share in
    `[models.default]`, and the seed prompts of its seeds_file."""
    table = change(RedteamConfig, read_toml(path), changes or {})
    config = build(RedteamConfig, _shared(table))
    if config.seeds_file is None:
        return config
    source = path.parent / config.seeds_file
    seeds = tuple(files.read_lines(source, "seeds_file"))
    if not seeds:
        raise ConfigError(f"seeds_file {source} holds no prompt; one per line is expected.")
    return replace(config, seeds=config.seeds + seeds, seeds_file=None)


def _shared(table: dict[str, Any]) -> dict[str, Any]:
    """The table with the default's fields in the table of each role that this run needs."""
    models = table.get("models")
    if not isinstance(models, Mapping) or DEFAULT not in models:
        return table
    search = build(Search, table.get("search", {}), "search")
    return {**table, "models": share(models, roles_of(search, models))}


def create(path: Path, config: RedteamConfig) -> Path:
    """Make the directory of a new run, complete or not at all."""
    return RedteamRun.create(path, plain(config)).path


def open_run(path: Path) -> RedteamConfig:
    """The config of an existing run. Raises RunError if it is none."""
    run = RedteamRun.open(path)
    try:
        return build(RedteamConfig, run.config)
    except ConfigError as error:
        file = path / CONFIG
        raise RunError(f"{file} is not the config of a cairn redteam run: {error}") from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Have a run to oneself. Raises RunError if another process has it, or there is none."""
    with RedteamRun.open(path).lock():  # opened first: no lock is left where no run is
        yield


def tied(config: RedteamConfig) -> dict[str, Any]:
    """The part of a config that decides what is found: what the journals are tied to."""
    record: dict[str, Any] = plain(config)
    for name in ("audit", "limits", "engine"):
        record.pop(name, None)
    record["models"] = {role: shaping(model) for role, model in config.models.items()}
    return {**record, "engine": config.engine.tied()}


def audit_stage(config: RedteamConfig, archive: str) -> str:
    """The stage of the journal in which the elites of an archive are tested, by the digest of the
    search's state: the name says all that a test depends on."""
    held_out = tied(config)["models"].get("held_out")
    depends = canonical([archive, plain(config.audit), held_out])
    return f"{AUDIT}-{digest_of(depends).hex()[:12]}"


def reported(path: Path) -> tuple[int, int]:
    """How many trials and tested prompts the summary that stands in a run is of; none without."""
    try:
        found = json.loads((path / SUMMARY).read_text(encoding="utf-8"))
        return found["counts"]["told"], found["tested"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON whole or not at all."""
    files.write_private(path, files.to_json(value, indent=2) + "\n")
