"""Trials of a run that ended without an outcome, one by one, from its journal."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cairn.core.journal import Event


class FailedTrial(NamedTuple):
    """A trial without an outcome."""

    trial: int
    error: str
    """Name of the error."""
    message: str
    asked: Any
    """The trial itself, as the policy's `ask` made it."""


def failed_trials(events: Iterable[Event]) -> Iterator[FailedTrial]:
    """Those that failed or timed out, in the order they were told.

    Holds no more trials in memory than were asked and not told.
    """
    open_asks: dict[int, str] = {}
    for event in events:
        if event.kind == "ask":
            open_asks[event.trial] = event.body
            continue
        asked = open_asks.pop(event.trial, "null")
        if event.kind in ("failure", "timeout"):
            said = json.loads(event.body)
            yield FailedTrial(event.trial, said["error"], said["message"], json.loads(asked))
