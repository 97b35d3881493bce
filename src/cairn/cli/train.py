"""`cairn train`: flags in, a run out."""

import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

from cairn.cli import flags
from cairn.cli.watch import Watch, summary
from cairn.core.errors import ConfigError
from cairn.core.rundir import RunDir
from cairn.engine import hosts
from cairn.ued import presets
from cairn.ued.experiment import Experiment, rounded_steps
from cairn.ued.settings import SECTIONS, settings
from cairn.ued.train import Outcome, free_directory, resume, train

STOPPED = 130
"""Exit status after Ctrl-C, as shells have it: the run is saved, but a script must see it."""

RESUMES = ("resume", "log", "coordinator", "hosts", "host", "join_timeout")
"""Flags that may stand beside --resume: they do not change what is computed."""

GUIDE = """\
Train an agent on an endless supply of levels that the system makes for it.

usage: cairn train ENVIRONMENT [flags]
       cairn train --resume DIRECTORY

  cairn train maze                                 settings for a small CPU: a few minutes
  cairn train maze --method accel --seeds 5        another method, five seeds in one program
  cairn train maze --preset reference              the published network, batch and budget
  cairn train maze --steps 2000000 --hidden 64     any setting below is a flag
  cairn train my_package.envs:MyEnv                your own environment
  cairn train --resume runs/maze-dr-1              go on after Ctrl-C or a kill, bit for bit
  cairn train maze --init-from runs/maze-dr-1      start from the student of another run

Which method when:
  dr          fresh random levels: the baseline, hard to beat where random levels are good ones
  sfl         pays extra steps to find levels the student sometimes solves: strong where most
              levels are far too easy or impossible
  plr         comes back to the levels with the most left to learn
  robust-plr  learns from those only, never from unchosen ones: guards against odd levels
  accel       edits replayed levels, growing complexity from empty rooms: where random levels
              are rarely hard
  parallel-…  plr or accel in one larger batch without waiting: for accelerators
  random      does not learn: the floor for comparisons
`cairn list` describes methods, scores and presets.

Ctrl-C stops after the current chunk with a checkpoint and exit status 130; a second Ctrl-C stops
at once. Everything is kept in the run directory, and a new run never writes into an existing one.

The flags, with their defaults for {environment}, method {method}, preset {preset}:
"""


@dataclass(frozen=True)
class Start:
    """What to begin with, and where the run is kept."""

    method: str | None = None
    """How levels are chosen (see above). Default: what the preset says."""
    preset: str = presets.DEFAULT
    """Settings to start from; every other flag changes one of them."""
    run: Path | None = None
    """Directory of the new run. Default: runs/ENVIRONMENT-METHOD-N."""
    resume: Path | None = None
    """Go on with this run; its settings are the run's own."""
    init_from: Path | None = None
    """Start from the student of this run."""
    log: Literal["tensorboard", "wandb", "trackio"] | None = None
    """Send the metrics to this tracker too. They are always in metrics.jsonl."""
    coordinator: str | None = None
    """Share the run with other hosts: ADDRESS:PORT where host 0 can be reached, the same on all of
    them; auto under Slurm, Open MPI or on a TPU pod."""
    hosts: int | None = None
    """How many hosts there are. Each brings as many devices; `devices` counts all of them."""
    host: int | None = None
    """Which of them this is, from 0. Host 0 keeps the run's directory and shows its progress."""
    join_timeout: int = 300
    """Seconds to wait for the other hosts at the start."""


def train_command(arguments: list[str]) -> int:
    """Train a new run, or go on with one."""
    environment = arguments[0] if arguments and not arguments[0].startswith("-") else None
    given = arguments[1:] if environment else arguments
    wants_help = any(flag in given for flag in flags.HELP)
    without_help = [flag for flag in given if flag not in flags.HELP]
    start, rest = flags.parse_known(Start, without_help, get_type_hints(Start))
    if start.resume and not wants_help:
        with _together(start):
            return _resume(start, environment, rest)
    if environment is None and not wants_help:
        raise ConfigError(
            f"Expected an environment first, got {' '.join(arguments) or 'nothing'}. "
            f"Try cairn train maze, or cairn train --help."
        )
    name = environment or "maze"
    experiment = presets.experiment(name, method=start.method, preset=start.preset)
    if wants_help:
        print(
            GUIDE.format(environment=name, method=experiment.method, preset=start.preset),
            flush=True,
        )
    experiment = _parse_settings(given, start, experiment)
    with _together(start):
        return _train(start, experiment)


def _together(start: Start) -> contextlib.AbstractContextManager[None]:
    """Connected to the other hosts, if there are any."""
    if start.coordinator is not None:
        meeting = hosts.Meeting(start.coordinator, start.hosts, start.host, start.join_timeout)
        return hosts.joined(meeting)
    if start.hosts is not None or start.host is not None:
        raise ConfigError("--hosts and --host need --coordinator ADDRESS:PORT, that of host 0.")
    return contextlib.nullcontext()


def _parse_settings(arguments: list[str], start: Start, experiment: Experiment) -> Experiment:
    """The experiment with what the flags change. Every field of its parts is a flag."""
    parts = {section: getattr(experiment, section) for section in SECTIONS}
    everything = dataclasses.make_dataclass(
        "Everything",
        [("start", Start, start), *((name, type(part), part) for name, part in parts.items())],
        frozen=True,
    )
    kinds = {name: setting.kind for name, setting in settings(experiment).items()}
    parsed: Any = flags.parse(
        everything,
        arguments,
        get_type_hints(Start) | kinds,
        default=everything(start, **parts),
        prog=f"cairn train {experiment.environment}",
    )
    changed = {section: getattr(parsed, section) for section in SECTIONS}
    return dataclasses.replace(experiment, **changed)


def _train(start: Start, experiment: Experiment) -> int:
    if not hosts.first():
        return _status(train(experiment, start.run))
    path = start.run or free_directory(experiment)
    with Watch(experiment, path, start.log) as watch:
        asked, rounded = experiment.run.steps, rounded_steps(experiment)
        if rounded != asked:
            watch.say(f"{asked:,} steps are rounded up to whole chunks: {rounded:,} or more.")
        outcome = train(experiment, path, init_from=start.init_from, show=watch, say=watch.say)
    print(summary(outcome))
    return _status(outcome)


def _resume(start: Start, environment: str | None, rest: list[str]) -> int:
    path = start.resume
    assert path is not None
    other = [
        f"--{field.name.replace('_', '-')}"
        for field in dataclasses.fields(Start)
        if field.name not in RESUMES and getattr(start, field.name) != field.default
    ]
    if other or rest:
        raise ConfigError(
            f"--resume goes on with the settings of {path}, but {(other + rest)[0]} came too. "
            f"Leave it out, or start a new run with --init-from {path}."
        )
    if not hosts.first():
        return _status(resume(path))
    experiment = Experiment.from_dict(RunDir.open(path).config)
    if environment not in (None, experiment.environment):
        raise ConfigError(
            f"{path} is a run of {experiment.environment}, but {environment} came. Leave it out."
        )
    with Watch(experiment, path, start.log) as watch:
        outcome = resume(path, show=watch, say=watch.say)
    print(summary(outcome))
    return _status(outcome)


def _status(outcome: Outcome) -> int:
    return 0 if outcome.done else STOPPED
