"""What fine-tuned copies say of regret, as plain values: see `cairn.evaluation.fine_tune`."""

from typing import Any

import numpy as np
from jaxtyping import Float

from cairn.core.agreement import agreement
from cairn.core.stats import bootstrap, interval, mean
from cairn.evaluation.fine_tune import Tuned
from cairn.evaluation.score_figures import FEWEST


def figures(tuned: Tuned, optimal: Float[np.ndarray, " N"] | None) -> dict[str, Any]:
    """The bound in the mean over N levels, its interval over them, and each level's own.

    `optimal` are the levels' best returns where they are known: then regret itself stands beside,
    and how well the bound orders levels by it. For that each is made of half of the attempts: a
    level that the student had bad luck at would else be high in both.
    """
    student, copy = (np.asarray(one, np.float64) for one in (tuned.student, tuned.copy))
    gaps = copy - student
    bound, episodes = gaps.mean(axis=1), gaps.shape[1]
    error = gaps.std(axis=1, ddof=1) / np.sqrt(episodes)
    rows = {
        "bound": bound,
        "standard_error": error,
        "student": student.mean(axis=1),
        "copy": copy.mean(axis=1),
        "updates": np.asarray(tuned.updates),
    }
    found: dict[str, Any] = {
        "levels": len(bound),
        "bound": _mean(bound),
        "student": _mean(rows["student"]),
        "copy": _mean(rows["copy"]),
        "surely_above": float((bound > 2 * error).mean()),
    }
    if optimal is not None:
        rows["regret"] = np.asarray(optimal, np.float64) - rows["student"]
        found["regret"] = _mean(rows["regret"])
        total = rows["regret"].mean()
        found["share_of_regret"] = float(bound.mean() / total) if total > 1e-6 else None
        enough = len(bound) >= FEWEST
        half = np.asarray(optimal, np.float64) - student[:, 1::2].mean(axis=1)
        ordered = agreement(gaps[:, ::2].mean(axis=1), half).spearman[0] if enough else np.nan
        found["spearman"] = float(ordered) if np.isfinite(ordered) else None
    columns = {name: column.tolist() for name, column in rows.items()}
    found["by_level"] = [
        {name: column[i] for name, column in columns.items()} for i in range(len(bound))
    ]
    return found


def _mean(values: Float[np.ndarray, " N"]) -> dict[str, Any]:
    """Over levels."""
    found = bootstrap(values[None], mean)
    return {"value": found.value, **interval(found)}
