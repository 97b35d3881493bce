"""What the behaviour of several seeds comes to: plain values for JSON, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.core.agreement import resamples
from cairn.core.stats import snapped, wilson_of_alike
from cairn.evaluation.behaviour import Answers, by_problem, figures, gap
from cairn.evaluation.passing import Until

SHARES = ("pass", "majority", "truncated", "quality")
"""How the names of figures in [0, 1] begin."""
RESAMPLES, TAILS = 2000, (0.025, 0.975)


class Seen(NamedTuple):
    """What one seed said to the problems of one split."""

    answers: Answers
    until: Until
    """Further answers, where two correct ones had not come."""


Splits = Mapping[str, Sequence[Seen]]
"""By split, a row for each seed."""


def summary(splits: Splits, vocabulary: int) -> dict[str, Any]:
    """By split and figure the mean over seeds with its 95 % interval; and the gap of the last one.

    The interval is over seeds; of one seed it is over problems, and says nothing about another
    training run. `gap` holds how much less each figure is on the last split than on the first.
    """
    each = {name: [_figures(one, vocabulary) for one in row] for name, row in splits.items()}
    rows = {name: [_by_problem(one) for one in row] for name, row in splits.items()}
    found: dict[str, Any] = {
        name: {
            figure: _estimate(figure, [one[figure] for one in each[name]], rows[name])
            for figure in each[name][0]
        }
        for name in splits
    }
    usual, harder = next(iter(splits)), list(splits)[-1]
    gaps = [gap(*pair) for pair in zip(each[usual], each[harder], strict=True)]
    apart: dict[str, Any] = {}
    for name in gaps[0]:
        by_seed = [one.get(name) for one in gaps]
        apart[name] = (
            _apart(name, by_seed, rows[usual][0], rows[harder][0])
            if len(by_seed) == 1
            else _estimate(f"gap of {name}", by_seed, [])
        )
    return {"splits": found, "gap": apart}


def _figures(seen: Seen, vocabulary: int) -> dict[str, float | None]:
    until = {
        "pass_until": float(seen.until.unbiased.mean()),
        "pass_until_cut": float(seen.until.cut.mean()),
    }
    return figures(seen.answers, vocabulary) | until


def _by_problem(seen: Seen) -> dict[str, Float[np.ndarray, " P"]]:
    until = {"pass_until": seen.until.unbiased, "pass_until_cut": seen.until.cut.astype(np.float64)}
    return by_problem(seen.answers) | until


def _estimate(
    name: str, by_seed: Sequence[float | None], rows: Sequence[Mapping[str, np.ndarray]]
) -> dict[str, Any]:
    known = np.array([value for value in by_seed if value is not None], np.float64)
    over = "problems" if len(by_seed) == 1 and name in rows[0] else "seeds"
    if over == "problems":
        known = _known(rows[0][name])
    if len(known) == 0:
        return _told(None, [None, None], over, by_seed)
    return _told(float(known.mean()), _bounds(name, known), over, by_seed)


def _apart(
    name: str,
    by_seed: Sequence[float | None],
    usual: Mapping[str, np.ndarray],
    harder: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """A gap of one seed, over problems: the two splits' are drawn apart, as they are not pairs."""
    each = [_known(rows[name]) for rows in (usual, harder)]
    drawn = [_means(values, seed) for seed, values in enumerate(each)]
    low, high = np.quantile(drawn[0] - drawn[1], TAILS)
    return _told(by_seed[0], [float(low), float(high)], "problems", by_seed)


def _bounds(name: str, values: Float[np.ndarray, " n"]) -> list[float | None]:
    """Of the mean. Shares that are all alike have the interval of so many draws, not none."""
    if len(values) < 2:
        return [None, None]
    low, high = np.quantile(_means(values), TAILS)
    if name.startswith(SHARES) and np.ptp(values) == 0:
        low, high = wilson_of_alike(float(values[0]), len(values))
    value = float(values.mean())
    return [snapped(low, value), snapped(high, value)]


def _means(values: Float[np.ndarray, " n"], seed: int = 0) -> Float[np.ndarray, " R"]:
    return resamples(len(values), RESAMPLES, seed) @ values / len(values)


def _known(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    return values[np.isfinite(values)]


def _told(
    value: float | None, bounds: list[float | None], over: str, by_seed: Sequence[float | None]
) -> dict[str, Any]:
    told = {"value": value, "interval": bounds, "interval_over": over}
    return {**told, "by_seed": list(by_seed)}
