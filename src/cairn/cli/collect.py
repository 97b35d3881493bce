"""`cairn collect`: episodes of a policy, as a dataset to learn from."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

from rich.console import Console

from cairn.cli import flags
from cairn.core.console import Progress, count, plural
from cairn.core.dataset import refuse_existing
from cairn.core.errors import ConfigError
from cairn.core.units import duration
from cairn.evaluation.evaluate import Actions
from cairn.runs.collect import Count, collect, placed, source

USAGE = """\
Write episodes of a policy as a dataset, for methods that learn from data.

usage: cairn collect TASK --policy RUN --data DIR [flags]

  cairn collect maze --policy runs/maze-dr-1 --episodes 20000 --data data/maze
  cairn collect maze --policy random --data data/maze-random     whoever acts at random
  cairn collect maze --policy runs/maze-dr-1 --data data/rooms --generator rooms
  cairn train maze --method bc --data data/maze                  learn from it

Levels are drawn from the task's space; all episodes are whole. What is there is never written
over, and what Ctrl-C stops leaves nothing behind. The task's settings are those of the run, and
every one of them is a flag.
"""


@dataclass(frozen=True)
class Flags:
    """What to collect."""

    policy: str | None = None
    """Directory of the run whose policy acts, or random."""
    data: Path | None = None
    """Directory of the new dataset."""
    episodes: int = 1000
    """How many."""
    seed: int = 0
    """Fixes the levels and every draw."""
    run_seed: int | None = None
    """Which of the run's seeds acts. Default: its first."""
    role: str | None = None
    """Who of the run acts. Default: whom its tests are of."""
    actions: Actions = "sampled"
    """Sampled from the policy, or always its most likely ones."""


def collect_command(arguments: list[str]) -> int:
    """Play, write, and say what came of it."""
    task = arguments[0] if arguments and not arguments[0].startswith("-") else None
    given = arguments[1:] if task else arguments
    if any(flag in given for flag in flags.HELP):
        print(USAGE, flush=True)
        kinds = get_type_hints(Flags)
        flags.parse(Flags, ["--help"], kinds, default=Flags(), prog="cairn collect TASK")
    asked, _ = flags.parse_known(Flags, given, get_type_hints(Flags))
    if task is None or asked.policy is None or asked.data is None:
        raise ConfigError(
            f"cairn collect needs a task, --policy and --data, got {' '.join(arguments) or 'none'}."
            f" Try cairn collect maze --policy runs/maze-dr-1 --data data/maze."
        )
    refuse_existing(asked.data)
    who = source(asked.policy, task, run_seed=asked.run_seed, role=asked.role)
    _, sections = flags.parse_sections(
        {"task": who.env}, asked, given, get_type_hints(Flags), prog=f"cairn collect {task}"
    )
    who = placed(who, sections["task"])
    begun = time.monotonic()
    with Progress(Console(stderr=True)) as progress:

        def show(so_far: Count) -> None:
            progress.show(
                {
                    "episodes": f"{count(so_far.episodes)} of {count(asked.episodes)}",
                    "steps": count(so_far.steps),
                    "elapsed": duration(time.monotonic() - begun),
                }
            )

        made = collect(
            who,
            asked.data,
            episodes=asked.episodes,
            seed=asked.seed,
            actions=asked.actions,
            show=show,
        )
    about = made.about
    print(
        f"{made.path}: {plural(about['episodes'], 'episode')}, {plural(about['steps'], 'step')}, "
        f"mean return {about['mean_return']:.3f}, solved {about['solve_rate']:.3f}\n"
        f"digest {made.digest}"
    )
    return 0
