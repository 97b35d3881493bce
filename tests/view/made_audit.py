"""A red-teaming run whose search and audit are done, written without a model."""

import json
from pathlib import Path
from typing import Any

from cairn.archive.text_axes import Categories
from cairn.core.journal import Journal, Stage, canonical, digest_of
from cairn.engine.journaled import Config as Engine
from cairn.evaluation.judges import COUNTED
from cairn.redteam import directory
from cairn.redteam.config import Audit, RedteamConfig, Simulation

TRIALS = 40
CELLS = 6
COUNTS = (
    "told", "calls", "failed", "mutator_refused", "no_prompt", "similar", "tried", "filled",
    "replaced", "lost", "no_verdict", "sent_back", "unjudged", "rematches", "missed_bin",
)  # fmt: skip


def config(trials: int = TRIALS) -> RedteamConfig:
    """Six cells, four fresh responses for each."""
    return RedteamConfig(
        axes=(
            Categories("risk", ("theft", "fraud", "harm")),
            Categories("style", ("plain", "sly")),
        ),
        audit=Audit(responses=4, agreement=0),
        engine=Engine(trials=trials, seed=5, lag=4),
        simulation=Simulation(),
    )


def audited(path: Path, *, ended: bool = True, summary: bool = True) -> Path:
    """The run; `ended`: its audit too. `summary`: whether its report was written."""
    made = config()
    directory.create(path, made)
    with Journal(path / "journal.sqlite", config=directory.tied(made)) as journal:
        archive = search(journal.stage(directory.SEARCH))
        audit(journal.stage(directory.audit_stage(made, archive)), ended=ended)
    if summary:
        write_summary(path, archive, stopped="finished" if ended else "a limit")
    return path


def search(stage: Stage, *, trials: int = TRIALS, first: int = 100) -> str:
    """The events of a search, and a snapshot at their end; the digest of its state.

    The elite of cell c is prompt `first` + c.
    """
    begun = stage.count // 2
    for trial in range(begun, trials):
        stage.append("ask", trial, canonical({"cell": trial % CELLS}))
        stage.append("tell", trial, canonical({"cell": trial % CELLS}))
    names = [first + cell for cell in range(CELLS)]
    state = json.dumps(
        {
            "filled": list(range(CELLS)), "ids": names,
            "entries": [entry(name, name - first) for name in names],
            "counts": dict.fromkeys(COUNTS, 0) | {"told": trials}, "failures": {},
            "health": dict.fromkeys(COUNTED, 0), "again": None, "latest": None, "curve": [],
        },
        sort_keys=True, ensure_ascii=False,
    )  # fmt: skip
    head = json.dumps({"asked": trials, "told": trials, "pending": []})
    stage.save_snapshot(f"{head}\n{state}".encode())
    return digest_of(state.encode()).hex()


def entry(name: int, cell: int) -> dict[str, Any]:
    """An elite as a state has it."""
    return {
        "id": name, "cell": cell, "prompt": f"Prompt {name} \u2028 <b>", "response": "At first.",
        "fitness": 0.5, "parent": None, "seed": None, "similarity": None, "beaten": None,
        "votes": [],
    }  # fmt: skip


def audit(stage: Stage, *, ended: bool = True, first: int = 100) -> None:
    """The events of an audit: outcomes come in another order than items, and one item failed."""
    for place in range(CELLS):
        value = {key: entry(first + place, place)[key] for key in ("id", "cell", "prompt")}
        stage.append("ask", place, canonical({"place": place, "id": str(place), "value": value}))
    for number, place in enumerate(reversed(range(CELLS))):
        if place == 0 and not ended:
            continue
        if place == 2:
            said = {"error": "CallFailedError", "message": "no answer"}
            stage.append("failure", place, canonical(said))
        else:
            stage.append("tell", place, canonical(tested(first + place, place)))
        stage.append("ask", CELLS + number, "null")


def tested(name: int, cell: int) -> dict[str, Any]:
    """Four fresh responses: the last never came, the third has no verdict."""
    samples = [
        [f"Response {i} to {name}", (i + cell) % 2 == 0 if i < 2 else None, None, None]
        for i in range(3)
    ]
    return {"id": name, "cell": cell, "samples": [*samples, [None, None, None, "cut"]]}


def write_summary(path: Path, archive: str, *, stopped: str) -> None:
    """What a report would leave, as far as anybody reads it."""
    mean = {"value": 0.5, "low": 0.25, "high": 0.75, "over": "levels"}
    directory.write_json(
        path / directory.SUMMARY,
        {
            "stopped": stopped, "archive": archive, "tested": CELLS - 1,
            "counts": {"told": TRIALS}, "success": {"mean": mean}, "corrected": None,
        },
    )  # fmt: skip
