"""`cairn show`: what a run has learned, as pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

from cairn.cli import flags
from cairn.cli.testing import check_json, give_json, run_paths
from cairn.core.console import PatientProgress
from cairn.runs.open import open_run
from cairn.show import make, tables

USAGE = """\
Draw what a run learned. Reading changes nothing but the pictures.

usage: cairn show RUN [flags]

  cairn show runs/maze-dr-1                   into runs/maze-dr-1/pictures
  cairn show runs/maze-dr-1 --out pictures    into a folder of your choice
  cairn show runs/maze-dr-1 --json -          files and headline numbers as one JSON object

mazes.png     held-out levels with the way of the agent's typical attempt
attempt.gif   attempts in motion, with what the agent sees
curves.png    learning curves against the ledger, with intervals over seeds
archive.png   the archive's levels with the highest scores, and its most useful ones
ancestry.png  where its best evolved levels came from
progress.png  students of all times on levels of all times, where all checkpoints are kept
designed.png  levels that its teacher designs now, where one learns to
hero.png      the best of all in one picture
audit.png     how well scores order its levels, if cairn audit has looked
regret.png    a lower bound of its regret, if cairn regret has looked
behaviour.png how its language model answers, where its answers are verified
map.png       the map of elites, where the method keeps one
levels.txt    instead of pictures of levels, where the environment has no `picture` method
"""


@dataclass(frozen=True)
class Flags:
    """What to draw, and where to."""

    out: Path | None = None
    """Folder for the pictures; RUN/pictures by default. Pictures already there are replaced."""
    seed_index: int = 0
    """Which of the run's seeds shows its agent and archive: 0 is the first."""
    role: str | None = None
    """Who is shown, where several play: student (the default), antagonist, ..."""
    json: Path | None = None
    """Write files and numbers as JSON to this file; - for standard output, and nothing else."""


class Drawing(PatientProgress):
    """Which picture is made: one of them waits for all attempts to be played."""

    def __call__(self, file: str, behind: int, total: int) -> None:
        """`file` is begun, and `behind` of `total` pictures are done."""
        self.show({"drawing": file, "pictures": f"{behind} of {total}"})


def show_command(arguments: list[str]) -> int:
    """Draw a run and print what was drawn."""
    (path,), given = run_paths("show", 1, arguments, USAGE)
    asked = flags.parse(Flags, given, get_type_hints(Flags), default=Flags(), prog="cairn show RUN")
    run = open_run(path)
    check_json(asked.json, [run])
    with Drawing() as drawing:
        made = make.show(run, asked.out, asked.seed_index, role=asked.role, advance=drawing)
    figures = {"files": [str(file) for file in made.files], "remarks": made.remarks}
    give_json(asked.json, figures | made.figures)
    if str(asked.json) != "-":
        print(tables.summary(made.figures))
        print("\n".join([*made.remarks, *figures["files"]]), flush=True)
    return 0
