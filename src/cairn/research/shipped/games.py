"""Three repeated matrix games, with MLGym's rules and opponents of our own.

Nathani et al. 2025, arXiv:2502.14499: a program is a function `row_strategy(history)`. The games
and payoffs are theirs, the opponents are not (their files are not ours to copy): a split here is a
hundred games against a hidden mixture of opponents. Every round the grader shows the program the
histories and no more; opponents, their draws and the sums never leave the grader.
"""

import json
from pathlib import Path

import numpy as np

GAMES = 100
SPLITS = ("search", "selection", "test")


def write(folder: Path, rng: np.random.Generator) -> None:
    """The seed of each split's opponents."""
    for split in SPLITS:
        path = folder / f"answers/{split}/opponents.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"seed": int(rng.integers(2**62)), "games": GAMES}))
