"""Shares with intervals over documents: what stands in one document is not independent."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from cairn.core.stats import Rate, rate, snapped

RESAMPLES = 1000


class Resampled:
    """Sums of counts over documents, and the same sums over documents drawn with replacement."""

    def __init__(
        self, counts: Float[np.ndarray, "documents columns"], *, resamples: int = RESAMPLES
    ) -> None:
        self.sums = counts.sum(axis=0)
        documents = len(counts)
        rng = np.random.default_rng(0)
        self.draws = np.empty((resamples, counts.shape[1]))
        for number in range(resamples):
            weight = np.bincount(rng.integers(0, max(documents, 1), documents), minlength=documents)
            self.draws[number] = weight @ counts

    def share(self, part: int, whole: int) -> Rate:
        """Column `part` over column `whole`; percentile bootstrap, Wilson's interval if that has
        no width (all or none)."""
        total = self.sums[whole]
        if total == 0:
            return Rate(None, 0.0, 1.0, 0)
        return self.of(lambda sums: _over(sums[..., part], sums[..., whole]), int(total))

    def of(self, statistic: Callable[[np.ndarray], np.ndarray], total: int) -> Rate:
        """A share in [0, 1] as a function of the sums (last axis: columns)."""
        value = float(statistic(self.sums))
        if np.isnan(value):
            return Rate(None, 0.0, 1.0, total)
        drawn = statistic(self.draws)
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        if low == high:
            return rate(round(value * total), total)._replace(value=value)
        return Rate(value, snapped(low, value), snapped(high, value), total)


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)
