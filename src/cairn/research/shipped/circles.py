"""n circles in the unit square, none overlapping, with the largest sum of radii.

The benchmark of AlphaEvolve (Novikov et al. 2025, arXiv:2506.13131) and OpenEvolve, at n = 26 (best
known about 2.635) and at sizes that a laptop explores. The score is exact: all splits are alike.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np


def writer(n: int) -> Callable[[Path, np.random.Generator], None]:
    """Writes the task for n circles."""

    def write(folder: Path, _: np.random.Generator) -> None:
        description = folder / "description.md"
        description.write_text(description.read_text().replace("{n}", str(n)))
        starter = folder / "starter.py"
        starter.write_text(starter.read_text().replace("n = 26", f"n = {n}"))
        for split in ("search", "selection", "test"):
            path = folder / f"answers/{split}/n.json"
            path.parent.mkdir(parents=True)
            path.write_text(str(n))

    return write
