"""The tasks by name, and how each is written as a folder.

All data are made here, by NumPy, from a seed. Whoever knows the seed can make the answers again,
and the package may be importable in the jail: a `seed` of None draws one of 128 bits that stands
nowhere, so that no program can.
"""

import secrets
import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cairn.core.errors import ConfigError, suggest
from cairn.research.shipped import (
    acquisition,
    circles,
    digits,
    games,
    optimiser,
    sat,
    speedrun,
    tabular,
)
from cairn.research.tasks.folder import read_folder
from cairn.research.tasks.task import Task

FILES = Path(__file__).parent / "files"


class Shipped(NamedTuple):
    """One task: the folder of its fixed files, and what writes the rest."""

    files: str
    write: Callable[[Path, np.random.Generator], None]
    about: str


SHIPPED: dict[str, Shipped] = {
    "friedman": Shipped("friedman", tabular.friedman, "regression, ten inputs, five without use"),
    "churn": Shipped("churn", tabular.churn, "probabilities of two classes"),
    "rides": Shipped("rides", tabular.rides, "hourly counts"),
    "digits": Shipped("digits", digits.write, "images of digits, 8 by 8"),
    "battle-of-sexes": Shipped("battle-of-sexes", games.write, "a game of coordination"),
    "prisoners-dilemma": Shipped("prisoners-dilemma", games.write, "a game of trust"),
    "blotto": Shipped("blotto", games.write, "120 soldiers on six fields"),
    "3-sat": Shipped("3-sat", sat.write, "branching of a satisfiability solver"),
    **{
        f"circles-{n}": Shipped("circles", circles.writer(n), f"{n} circles in a square")
        for n in (5, 6, 7, 8, 26)
    },
    "optimiser": Shipped("optimiser", optimiser.write, "an update rule for gradients"),
    "acquisition": Shipped("acquisition", acquisition.write, "where to look next, of a Gaussian"),
    **{
        f"speedrun-{i}": Shipped(
            "speedrun", speedrun.writer(i, "seconds"), f"faster than record {i}"
        )
        for i in speedrun.STARTS
    },
    **{
        f"speedrun-flops-{i}": Shipped(
            "speedrun", speedrun.writer(i, "flops"), f"by operations: {i}"
        )
        for i in speedrun.STARTS
    },
}
"""By name."""


def write(
    name: str, folder: Path, *, seed: int | None = 0, hints: Sequence[int] = ()
) -> Path:  # fmt: skip
    """The task `name` as a folder of its own. Raises ConfigError if it is there already.

    `hints`: of a speedrun, levels of hints (0 to 3) that its description gives.
    """
    if name not in SHIPPED:
        known = ", ".join(SHIPPED)
        raise ConfigError(f"no task {name!r}; there are {known}.{suggest(name, SHIPPED)}")
    folder = Path(folder)
    if folder.exists():
        raise ConfigError(f"{folder} is there already: name a folder that is not.")
    shipped = SHIPPED[name]
    if hints:
        if shipped.files != "speedrun":
            raise ConfigError(f"hints are given for speedruns, and not for {name!r}.")
        by = "flops" if "flops" in name else "seconds"
        hinted = speedrun.writer(int(name.rpartition("-")[2]), by, levels=hints)
        shipped = shipped._replace(write=hinted)
    shutil.copytree(FILES / shipped.files, folder)
    settings = folder / "task.toml"
    settings.write_text(f'name = "{name}"\n{settings.read_text()}')
    seed = secrets.randbits(128) if seed is None else seed
    shipped.write(folder, np.random.default_rng([seed, zlib.crc32(name.encode())]))
    return folder


def make(name: str, folder: Path, *, seed: int | None = 0) -> Task:
    """The task `name`, written to a folder and read from it."""
    return read_folder(write(name, folder, seed=seed))
