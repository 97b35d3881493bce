"""Three tables: a regression, probabilities of two classes, and counts by the hour."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

TRAIN = 240
HIDDEN = {"search": 160, "selection": 160, "test": 1200}
"""Rows of each split. A search split of this size is noisy on purpose: its best is lucky."""
Made = tuple[np.ndarray, np.ndarray]
"""Inputs `(rows, columns)` and targets `(rows,)`."""


def csv(path: Path, names: Sequence[str], rows: np.ndarray) -> None:
    """A table with an id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{i},{','.join(f'{value:.6g}' for value in row)}" for i, row in enumerate(rows))
    path.write_text(f"id,{','.join(names)}\n" + "\n".join(lines) + "\n")


def _write(folder: Path, names: Sequence[str], draw: Callable[[int], Made]) -> None:
    x, y = draw(TRAIN)
    csv(folder / "data/train/train.csv", [*names, "y"], np.column_stack([x, y]))
    for split, rows in HIDDEN.items():
        x, y = draw(rows)
        csv(folder / f"data/{split}/inputs.csv", names, x)
        csv(folder / f"answers/{split}/y.csv", ["y"], y[:, None])


def friedman(folder: Path, rng: np.random.Generator) -> None:
    """10 sin(π x0 x1) + 20 (x2 - 1/2)² + 10 x3 + 5 x4 + N(0, 1), x uniform in [0, 1]^10.

    Friedman 1991, Annals of Statistics 19(1), section 4.3 (as used by later work: five inputs
    without any use). No predictor has a root mean square error below 1.
    """

    def draw(rows: int) -> Made:
        x = rng.random((rows, 10))
        signal = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
        return x, signal + 10 * x[:, 3] + 5 * x[:, 4] + rng.normal(size=rows)

    _write(folder, [f"x{i}" for i in range(10)], draw)


def churn(folder: Path, rng: np.random.Generator) -> None:
    """Who leaves: a logistic model with a product, a threshold and a period that is best."""

    def draw(rows: int) -> Made:
        months, calls = rng.integers(1, 61, rows), rng.poisson(2, rows)
        price, usage = rng.normal(30, 8, rows), rng.gamma(2, 10, rows)
        contract, noise = rng.integers(0, 2, rows), rng.normal(size=(rows, 2))
        logit = (
            1.2 * (calls >= 4) + 0.08 * (price - 30) * (1 - contract) - 0.05 * (months - 24)
            + 0.0018 * (usage - 25) ** 2 - 0.6 - 0.9 * contract
        )  # fmt: skip
        y = rng.random(rows) < 1 / (1 + np.exp(-logit))
        return np.column_stack([months, calls, price, usage, contract, noise]), y * 1.0

    names = ["months", "calls", "price", "usage", "contract", "a", "b"]
    _write(folder, names, draw)


def rides(folder: Path, rng: np.random.Generator) -> None:
    """Bicycles hired in an hour: Poisson counts with two peaks on working days and one on others,
    more of them when it is mild and dry."""

    def draw(rows: int) -> Made:
        hour, day = rng.integers(0, 24, rows), rng.integers(0, 7, rows)
        warm, rain = rng.normal(14, 8, rows), rng.random(rows) < 0.2
        peaks = np.exp(-((hour - 8) ** 2) / 4) + 1.2 * np.exp(-((hour - 17) ** 2) / 6)
        leisure = 1.1 * np.exp(-((hour - 14) ** 2) / 18)
        shape = np.where(day < 5, peaks, leisure) + 0.06
        rate = 220 * shape * np.exp(-((warm - 22) ** 2) / 400) * np.where(rain, 0.5, 1.0)
        return np.column_stack([hour, day, warm, rain]), rng.poisson(rate) * 1.0

    _write(folder, ["hour", "day", "warm", "rain"], draw)
