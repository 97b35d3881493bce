"""Runs as large as `cairn view` must bear: made quickly, with the classes that make real ones."""

import json
import shutil
from pathlib import Path

from cairn.core.budget import Amount
from cairn.core.journal import Journal, Stage, canonical, digest_of
from cairn.evaluation.judges import COUNTED
from cairn.lm.completion import Completion, Usage, pack
from cairn.redteam import directory
from cairn.redteam.config import RedteamConfig
from cairn.runs.directory import JOURNAL

DEMO = Path(directory.__file__).with_name("configs") / "demo.toml"
ANSWERS = 20_000
"""Calls that are still held; a run of this size holds those of its open trials."""
COMMIT = 20_000


def journal(folder: Path, events: int) -> Path:
    """A red-teaming run in `folder` whose journal holds `events` events, complete or absent.

    Half of the events ask, half tell; every 5,000th trial failed. A snapshot at the end has an
    elite in every cell.
    """
    if folder.exists():
        return folder
    making = folder.with_name(f".{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    trials = events // 2
    config = directory.read_config(DEMO, {"engine.trials": str(trials)})
    directory.create(making, config)
    with Journal(making / JOURNAL, config=directory.tied(config)) as book:
        _fill(book, book.stage("search"), config, trials)
    making.rename(folder)
    return folder


def _fill(book: Journal, stage: Stage, config: RedteamConfig, trials: int) -> None:
    for trial in range(trials):
        cell = trial % config.space.cells
        asked = {"cell": cell, "parent": max(trial - 40, 0), "seed": None, "prompt": "p" * 60}
        stage.append("ask", trial, canonical(asked))
        send = book.intend(digest_of("send", trial), "search", "target", Amount(1, tokens=400))
        book.settle(send, "refused" if trial % 97 == 0 else "answered", Amount(1, tokens=120))
        if trial % 5000 == 4999:
            said = {"error": "CutAnswerError", "message": f"target: cut in trial {trial}"}
            stage.append("failure", trial, canonical(said))
        else:
            told = {"cell": cell, "prompt": f"Prompt {trial} {'p' * 120}", "response": "r" * 100}
            stage.append("tell", trial, canonical(told))
        if trial >= trials - ANSWERS:
            text = f"Answer {trial}. " + "word " * 20
            body = pack(Completion(text, usage=Usage(80, 40)))
            key = digest_of("key", trial) + digest_of("yek", trial)
            book.store_answer(key, f"{trial}/target/response/0", body, "search")
        if trial % COMMIT == COMMIT - 1:
            book.commit()
    stage.save_snapshot(_fold(config, trials))


def _fold(config: RedteamConfig, trials: int) -> bytes:
    """What the engine and the search would remember."""
    cells = config.space.cells
    entries = [
        {
            "id": cell, "cell": cell, "prompt": f"Prompt {cell}", "response": "A response.",
            "fitness": 0.5, "parent": None, "seed": None, "similarity": None, "beaten": None,
            "votes": [],
        }
        for cell in range(cells)
    ]  # fmt: skip
    names = (
        "told", "calls", "failed", "mutator_refused", "no_prompt", "similar", "tried", "filled",
        "replaced", "lost", "no_verdict", "sent_back", "unjudged", "rematches", "missed_bin",
    )  # fmt: skip
    failed = trials // 5000
    counts = dict.fromkeys(names, 0)
    counts |= {"told": trials, "calls": trials, "failed": failed, "tried": trials - failed}
    record = {
        "filled": list(range(cells)), "ids": list(range(cells)), "entries": entries,
        "counts": counts, "failures": {"CutAnswerError": failed},
        "health": dict.fromkeys(COUNTED, 0),
        "again": None, "latest": None, "curve": [[trials, cells, cells / 2]],
    }  # fmt: skip
    head = {"asked": trials, "told": trials, "pending": []}
    state = json.dumps(record, sort_keys=True, ensure_ascii=False)
    return f"{json.dumps(head)}\n{state}".encode()
