"""What becomes of a record, in words that reports count: how it was accepted, or why it was not."""

from collections.abc import Mapping
from typing import Any

from cairn.engine.map_items import Outcome

CLEAN, REFINED, MASKED = "clean", "refined", "masked"
"""Nothing was found and it was kept as it was; rewritten; its private spans replaced by tags."""

EMPTY, TRUNCATED, FILTERED, TURNED_AWAY = "empty", "truncated", "filtered", "turned-away"
"""Answers that are none: nothing said, cut off, stopped by a content filter, refused by the
server for what it was asked."""
TERMINAL = (FILTERED, TURNED_AWAY)
"""What a model says the same way each time: it is not asked again for the same text."""
UNREADABLE = "unreadable"
"""A record that the source could not read."""

PROVENANCE = "refined"
"""The field of a row of output that says where the row comes from."""


def funnel(outcome: Outcome, field: str = PROVENANCE) -> dict[str, int]:
    """What one outcome adds to which count.

    `clean`, `accepted at try N`, `masked`, `rejected: CHECK`, `failed: ERROR`; beside them
    `turned down: CHECK` for each try that was turned down, `private values` found in what was
    accepted, those of them that were `kept in doubt`, and `accepted` in all.
    """
    if outcome.kind == "failed":
        return {f"failed: {outcome.value['error']}": 1}
    if outcome.kind == "rejected":
        counts = _turned_down(outcome.value.get("failed", ()))
        return counts | {f"rejected: {reason(outcome.value)}": 1}
    made: Mapping[str, Any] = outcome.value[field]
    how = made["outcome"]
    name = f"accepted at try {made['tries']}" if how == REFINED else how
    counts = {name: 1, "accepted": 1, "private values": made["found"]}
    if made["doubtful"]:
        counts["kept in doubt"] = made["doubtful"]
    return _turned_down(made["failed"]) | counts


def _turned_down(checks: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for check in checks:
        counts[f"turned down: {check}"] = counts.get(f"turned down: {check}", 0) + 1
    return counts


def reason(reject: Mapping[str, Any]) -> str:
    """Why a record was rejected, in a word: the name of the check."""
    unreadable = reject.get("error") == "Unreadable"
    return UNREADABLE if unreadable else reject.get("check", "unknown")
