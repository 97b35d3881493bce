"""A task in DiscoGen's shape: write an update rule, good on problems that one never saw.

Goldie et al. 2026 (DiscoGen): meta-train and meta-test are families of problems, and one module is
to be written. Here the families are small regressions and test functions of optimisation; a rule
that is tuned to the meta-training families alone is found out by the others.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

FAMILIES = ("linear", "logistic", "ravine", "rosenbrock", "network", "outliers")
TRAIN, TEST = ("linear", "ravine", "network"), ("logistic", "rosenbrock", "outliers")
COPIES = 3
"""Problems of each family in a split."""


def _rows(rng: np.random.Generator, rows: int, scales: np.ndarray) -> np.ndarray:
    return rng.normal(size=(rows, len(scales))) * scales


def problem(family: str, rng: np.random.Generator) -> tuple[dict, dict]:
    """What the program's rule is run on, and the same with held-out rows, for the grader."""
    if family == "ravine":
        made = {"curvature": (10.0 ** rng.uniform(-2.5, 0.5, 12)).tolist()}
        made |= {"start": (rng.normal(size=12) * 3).tolist()}
        return {"family": family, **made}, {"family": family, **made}
    if family == "rosenbrock":
        made = {"start": rng.uniform(-1.2, 0.8, 6).tolist()}
        return {"family": family, **made}, {"family": family, **made}
    scales = 10.0 ** rng.uniform(-0.7, 0.7, 8)
    true, hidden = rng.normal(size=8) / scales, rng.normal(size=(2, 8)) / scales
    parts = []
    for _ in range(2):
        x = _rows(rng, 60, scales)
        signal = x @ true
        if family == "logistic":
            y = (rng.random(60) < 1 / (1 + np.exp(-2 * signal))) * 1.0
        elif family == "network":
            y = np.tanh(x @ hidden.T).sum(axis=1) + rng.normal(size=60) * 0.05
        else:
            y = signal + rng.normal(size=60) * 0.1
            if family == "outliers":
                y += (rng.random(60) < 0.15) * rng.normal(size=60) * 8
        parts.append({"x": np.round(x, 6).tolist(), "y": np.round(y, 6).tolist()})
    size = 8 * 9 + 8 if family == "network" else 8
    start = (rng.normal(size=size) * (0.3 if family == "network" else 0.0)).tolist()
    return tuple({"family": family, "start": start, **part} for part in parts)  # type: ignore


def writer(
    train: Sequence[str], test: Sequence[str]
) -> Callable[[Path, np.random.Generator], None]:
    """Writes the task whose search and selection splits are of the families `train`, and whose
    test split is of `test`."""

    def write(folder: Path, rng: np.random.Generator) -> None:
        for split, families in (("search", train), ("selection", train), ("test", test)):
            pairs = [problem(family, rng) for family in families for _ in range(COPIES)]
            for path, which in ((folder / f"data/{split}", 0), (folder / f"answers/{split}", 1)):
                path.mkdir(parents=True)
                text = json.dumps([pair[which] for pair in pairs])
                (path / "problems.json").write_text(text)

    return write


write = writer(TRAIN, TEST)
