"""Whether a search was worth it: what it found against what one began with, on the test's seeds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cairn.core.stats import mean, paired_difference

ENOUGH = 5
"""Seeds that all agree by chance once in 16; two do every other time."""


def verdict(result: Mapping[str, Any]) -> str | None:
    """One sentence about the best settings, or None where one of the two was not tested.

    Both were trained on the same seeds and met the same levels, so they are compared in pairs.
    """
    if not result["incumbents"] or not result["default"]:
        return None
    found, began = (part["test"] for part in (result["incumbents"][0], result["default"]))
    if found["failed"] != began["failed"]:
        worse = "What one began with holds" if found["failed"] > began["failed"] else "It holds"
        return (
            f"{worse} better: of {len(found['by_seed'])} test seeds {found['failed']} failed with "
            f"what was found, {began['failed']} with what one began with."
        )
    pairs = [
        pair
        for pair in zip(found["by_seed"], began["by_seed"], strict=True)
        if None not in pair
    ]  # fmt: skip
    if len(pairs) < 2:
        return "What was found and what one began with cannot be told apart by one test seed."
    ours, theirs = (np.asarray(side, np.float64)[:, None] for side in zip(*pairs, strict=True))
    by = paired_difference(ours, theirs, mean)
    figures = f"{by.value:+.3f} ({by.low:+.3f} to {by.high:+.3f}, {len(pairs)} test seeds)"
    few = "" if len(pairs) >= ENOUGH else f" So few decide little: give --test-seeds {ENOUGH}."
    if by.low > 0:
        return f"What was found tested better than what one began with: {figures}.{few}"
    if by.high < 0:
        return f"What one began with tested better than what was found, so keep it: {figures}.{few}"
    return f"What was found and what one began with cannot be told apart: {figures}."
