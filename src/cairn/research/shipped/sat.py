"""Random 3-SAT: how few branchings a solver needs with a program's choice of literals.

MLGym's task (arXiv:2502.14499) asks for the heuristic of a DPLL solver and measures its seconds.
Differs: the score is the number of branchings, which a replay by the grader counts and checks, so
that it is exact, the same on every machine, and cannot be claimed.
"""

import json
from pathlib import Path

import numpy as np

VARIABLES, CLAUSES, INSTANCES = 24, 102, 16
"""At 4.26 clauses a variable about half of the formulas can be satisfied, and they are hardest."""


def formula(rng: np.random.Generator) -> list[list[int]]:
    """Clauses of three different variables, each negated or not."""
    found = []
    for _ in range(CLAUSES):
        variables = rng.choice(VARIABLES, 3, replace=False) + 1
        found.append([int(v) for v in variables * rng.choice([-1, 1], 3)])
    return found


def write(folder: Path, rng: np.random.Generator) -> None:
    """Formulas of each split, the same for the program and for the grader."""
    for split in ("search", "selection", "test"):
        formulas = [formula(rng) for _ in range(INSTANCES)]
        for path in (folder / f"data/{split}", folder / f"answers/{split}"):
            path.mkdir(parents=True)
            (path / "formulas.json").write_text(json.dumps(formulas))
