"""A task in DiscoGen's shape: an acquisition function of Bayesian optimisation.

As the domain BayesianOptimisation of DiscoGen (AlexGoldie/discogen) with its module `acq_fn` open:
meta-train and meta-test are test functions. Differs: few points of few dimensions, so that a round
is asked through the jail; surrogate, points and values never leave the grader.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

FUNCTIONS = ("ackley", "branin", "cosine", "dropwave", "griewank", "holder", "levy", "peaks")
TRAIN, TEST = ("branin", "cosine", "ackley"), ("dropwave", "levy", "holder", "peaks")
COPIES, POINTS, FIRST = 4, 60, 3
"""Problems of each function in a split, points of each, and how many of them are known at first."""


def values(name: str, x: np.ndarray) -> np.ndarray:
    """A test function, larger is better, on points `(n, 2)` of the unit square.

    The usual ones, in their usual boxes: Surjanovic & Bingham, Virtual Library of Simulation
    Experiments; peaks is MATLAB's.
    """
    if name == "ackley":
        z = 10 * x - 5
        a = 20 * np.exp(-0.2 * np.sqrt((z**2).mean(axis=1)))
        return a + np.exp(np.cos(2 * np.pi * z).mean(axis=1)) - 20 - np.e
    if name == "branin":
        a, b = 15 * x[:, 0] - 5, 15 * x[:, 1]
        bowl = (b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6) ** 2
        return -(bowl + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10)
    if name == "cosine":
        z = 2 * x - 1
        return (0.1 * np.cos(5 * np.pi * z) - z**2).sum(axis=1)
    if name == "dropwave":
        r2 = ((4 * x - 2) ** 2).sum(axis=1)
        return (1 + np.cos(12 * np.sqrt(r2))) / (0.5 * r2 + 2)
    if name == "griewank":
        z = 20 * x - 10
        product = np.cos(z[:, 0]) * np.cos(z[:, 1] / np.sqrt(2))
        return -((z**2).sum(axis=1) / 4000 - product + 1)
    if name == "holder":
        z = 20 * x - 10
        far = np.exp(np.abs(1 - np.sqrt((z**2).sum(axis=1)) / np.pi))
        return np.abs(np.sin(z[:, 0]) * np.cos(z[:, 1]) * far)
    if name == "levy":
        w = 1 + (20 * x - 11) / 4
        first = np.sin(np.pi * w[:, 0]) ** 2
        middle = (w[:, 0] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:, 0] + 1) ** 2)
        return -(first + middle + (w[:, 1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[:, 1]) ** 2))
    a, b = 6 * x[:, 0] - 3, 6 * x[:, 1] - 3
    hills = 3 * (1 - a) ** 2 * np.exp(-(a**2) - (b + 1) ** 2)
    hills -= 10 * (a / 5 - a**3 - b**5) * np.exp(-(a**2) - b**2)
    return hills - np.exp(-((a + 1) ** 2) - b**2) / 3


def writer(
    train: Sequence[str], test: Sequence[str]
) -> Callable[[Path, np.random.Generator], None]:
    """Writes the task that is searched on `train` and tested on `test`."""

    def write(folder: Path, rng: np.random.Generator) -> None:
        for split, names in (("search", train), ("selection", train), ("test", test)):
            problems = []
            for name in names:
                for _ in range(COPIES):
                    x = rng.random((POINTS, 2))
                    y = values(name, x)
                    y = (y - y.mean()) / y.std()
                    # Known at first: of the worse half, so that there is something to find.
                    first = rng.choice(np.argsort(y)[: POINTS // 2], FIRST, replace=False)
                    problem = {"x": x.round(6).tolist(), "y": y.round(6).tolist()}
                    problems.append(problem | {"first": first.tolist()})
            path = folder / f"answers/{split}/problems.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(problems))

    return write


write = writer(TRAIN, TEST)
