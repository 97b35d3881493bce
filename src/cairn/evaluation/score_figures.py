"""What an audit of scores comes to: plain values for JSON, from `cairn.evaluation.score_audit`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.core.agreement import TOP, agreement, resamples
from cairn.core.stats import Estimate, bootstrap, bounds, interval, mean
from cairn.engine.program import Sample
from cairn.evaluation.score_audit import Looked

RESAMPLES = 1000
FEWEST = 8
"""Levels: of fewer no correlation is told."""
KEPT = "as kept"
"""What the score is called that the archive holds of its levels, perhaps from long ago."""
MEASURES = ("spearman", "kendall", "top")
"""Of `cairn.core.agreement.Agreement`."""


class Facts(NamedTuple):
    """N levels of one seed: what is true of them, and what each score says."""

    truths: dict[str, Float[np.ndarray, " N"]]
    scores: dict[str, Float[np.ndarray, " N"]]
    """NaN where a score is not valid."""


def facts(sample: Sample, looked: Looked, episodes: int) -> Facts:
    """The levels of one seed that are there; so many `episodes` were played of each."""
    there = np.asarray(sample.there)
    p = np.asarray(looked.success_rate, np.float64)[there]
    truths = {"learnability": p * (1 - p) * episodes / (episodes - 1)}
    if looked.optimal is not None:
        short = np.asarray(looked.optimal, np.float64) - np.asarray(looked.mean_return)
        truths = {"regret": short[there], **truths}
    scores = {
        name: np.where(np.asarray(valid), np.asarray(score, np.float64), np.nan)[there]
        for name, (score, valid) in looked.scores.items()
    }
    if sample.kept is not None:
        scores[KEPT] = np.asarray(sample.kept, np.float64)[there]
    return Facts(truths, scores)


def figures(seeds: Sequence[Facts]) -> dict[str, Any]:
    """Of the same source in several seeds: means, and how well each score orders the levels.

    A figure is the mean over the seeds that have one, its interval over them or, of one seed, over
    its levels; None where it does not exist (too few levels, all alike).
    """
    names = {name: None for one in seeds for name in one.scores}
    truths = {name: None for one in seeds for name in one.truths}
    return {
        "levels": [_count(one) for one in seeds],
        "truth": {
            truth: _over([one.truths[truth].mean() if _count(one) else np.nan for one in seeds])
            for truth in truths
        },
        "scores": {
            name: {
                "scored": [int(np.isfinite(one.scores[name]).sum()) for one in seeds],
                **{
                    truth: _agreements([_pair(one, name, truth) for one in seeds])
                    for truth in truths
                },
            }
            for name in names
        },
    }


def correlations(one: Facts) -> dict[tuple[str, str], float]:
    """Spearman's ρ of one seed by (score, truth); NaN where there is none. Without intervals."""
    found = {}
    for name in one.scores:
        for truth in one.truths:
            pair = _pair(one, name, truth)
            enough = len(pair[0]) >= FEWEST
            found[name, truth] = float(agreement(*pair).spearman[0]) if enough else np.nan
    return found


def _count(one: Facts) -> int:
    return len(next(iter(one.truths.values())))


def _pair(one: Facts, name: str, truth: str) -> tuple[np.ndarray, np.ndarray]:
    score = one.scores[name]
    valid = np.isfinite(score)
    return score[valid], one.truths[truth][valid]


def _agreements(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    """Spearman, Kendall and the top, each with its interval."""
    found = [agreement(*pair) if len(pair[0]) >= FEWEST else None for pair in pairs]
    by_seed = {
        name: [np.nan if one is None else float(getattr(one, name)[0]) for one in found]
        for name in MEASURES
    }
    if len(pairs) > 1 or found[0] is None:
        return {name: _over(values) for name, values in by_seed.items()}
    drawn = agreement(*pairs[0], resamples(len(pairs[0][0]), RESAMPLES))
    return {name: _of_levels(by_seed[name], getattr(drawn, name)) for name in MEASURES}


def _over(by_seed: Sequence[float]) -> dict[str, Any]:
    known = np.array([value for value in by_seed if np.isfinite(value)], np.float64)
    if len(known) == 0:
        nothing = {"value": None, "interval": [None, None], "interval_over": "seeds"}
        return {**nothing, "by_seed": list(by_seed)}
    found = bootstrap(known[:, None], mean)._replace(over="seeds")
    return {"value": found.value, **interval(found), "by_seed": list(by_seed)}


def _of_levels(by_seed: Sequence[float], drawn: Float[np.ndarray, " R"]) -> dict[str, Any]:
    known = drawn[np.isfinite(drawn)]
    low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
    found = Estimate(by_seed[0], float(low), float(high), "levels")
    value = found.value if np.isfinite(found.value) else None
    return {
        "value": value,
        "interval": bounds(found),
        "interval_over": "levels",
        "by_seed": list(by_seed),
    }


def chance(measure: str) -> float:
    """What a score without any relation to the truth has."""
    return TOP if measure == "top" else 0.0


def flat(names: Mapping[tuple[str, str], float], source: str) -> dict[str, float]:
    """Correlations as metrics of a run: `audit_archive_maxmc_regret`."""
    return {
        f"audit_{source}_{score}_{truth}".replace("-", "_").replace(" ", "_"): value
        for (score, truth), value in names.items()
    }
