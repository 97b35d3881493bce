"""`cairn train`: flags in, a run out."""

import contextlib
import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, get_type_hints

from cairn.cli import flags
from cairn.cli.watch import Watch, summary
from cairn.core.errors import ConfigError
from cairn.core.rundir import RunDir
from cairn.engine import hosts
from cairn.runs import catalogue, files, presets
from cairn.runs.experiment import Experiment, rounded_steps
from cairn.runs.train import Outcome, free_directory, resume, train

STOPPED = 130
"""Exit status after Ctrl-C, as shells have it: the run is saved, but a script must see it."""

RESUMES = ("resume", "steps", "log", "coordinator", "hosts", "host", "join_timeout")
"""Flags that may stand beside --resume: they do not change what is computed."""

GUIDE = """\
Train an agent on an endless supply of levels that the system makes for it.

usage: cairn train TASK [flags]
       cairn train --config FILE [flags]
       cairn train --resume DIRECTORY [--steps MORE]

  cairn train maze                                 settings for a small CPU: a few minutes
  cairn train maze --method accel --seeds 5        another method, five seeds in one program
  cairn train maze --preset reference              the published network, batch and budget
  cairn train maze --steps 2000000 --hidden 64     any setting below is a flag
  cairn train my_package.envs:MyEnv                your own environment
  cairn train --resume runs/maze-dr-1              go on after Ctrl-C or a kill, bit for bit
  cairn train --resume runs/maze-dr-1 --steps 20000000   go on beyond its budget
  cairn train maze --init-from runs/maze-dr-1      start from the student of another run
  cairn train addition --method grpo --weights models/Qwen2.5-0.5B
                                                   post-train a pretrained language model
  cairn train maze --print-config > mine.toml      all settings as a file for --config

Which method when:
  dr          fresh random levels: the baseline, hard to beat where random levels are good ones
  sfl         pays extra steps to find levels the student sometimes solves: strong where most
              levels are far too easy or impossible
  plr         comes back to the levels with the most left to learn
  robust-plr  learns from those only, never from unchosen ones: guards against odd levels
  samplr      robust-plr where chance is hidden in levels: learns what holds under its true odds
  accel       edits replayed levels, growing complexity from empty rooms: where random levels
              are rarely hard
  remidi      robust-plr with several archives in turn, each for what those before left open: where
              some levels hide what one would have to know (perfect regret stays there)
  paired      a teacher learns to design levels that one student can solve and another cannot yet:
              where neither a generator nor edits make good ones
  flexible-paired, population-paired
              the same with either student as the antagonist, or with several students
  repaired    PAIRED's teacher beside archives: students learn from replayed levels only
  minimax     a teacher paid for failure alone: ends at levels nobody can solve; for comparison
  backplay    starts near the end of a way to the goal, and moves the start back: where the goal is
              too far away to be found by chance
  parallel-…  plr or accel in one larger batch without waiting: for accelerators
  bc          imitates a dataset (--data DIR, made by cairn collect): steps are updates
  sft, rloo, dr-grpo, exit, …
              a language model on a task of symbols (addition, countdown): first demonstrations,
              then its own answers; steps are tokens sampled (docs/methods/self-improvement.md)
  random      does not learn: the floor for comparisons
`cairn list` describes methods, scores and presets.

Ctrl-C stops after the current chunk with a checkpoint and exit status 130; a second Ctrl-C stops
at once. Everything is kept in the run directory, and a new run never writes into an existing one.

A setting that several sections have goes by its long name, as in --student.hidden 64; that works
for every setting. The flags, with their defaults for {task}, method {method}, preset {preset}:
"""


@dataclass(frozen=True)
class Flags:
    """What to begin with, and where the run is kept."""

    method: str | None = None
    """How it learns (see above and `cairn list`), or package.module:Name. Default: the task's."""
    preset: str | None = None
    """Settings to start from; every other flag changes one of them. Default: the method's first."""
    learner: str | None = None
    """Who learns (default: ppo), or package.module:Name, where the method leaves that open."""
    config: Path | None = None
    """A TOML file of settings; flags beside it win."""
    print_config: bool = False
    """Print all settings as such a file, and do nothing."""
    run: Path | None = None
    """Directory of the new run. Default: runs/TASK-METHOD-N."""
    resume: Path | None = None
    """Go on with this run; its settings are the run's own, but --steps may raise its budget."""
    init_from: Path | None = None
    """Start from the student (and the other actors) of this run."""
    coordinator: str | None = None
    """Share the run with other hosts: ADDRESS:PORT where host 0 can be reached, the same on all of
    them; auto under Slurm, Open MPI or on a TPU pod."""
    hosts: int | None = None
    """How many hosts there are. Each brings as many devices; `devices` counts all of them."""
    host: int | None = None
    """Which of them this is, from 0. Host 0 keeps the run's directory and shows its progress."""
    join_timeout: int = 300
    """Seconds to wait for the other hosts at the start."""


@dataclass(frozen=True)
class ResumeFlags(Flags):
    """What may stand beside --resume."""

    steps: int | None = None
    """The new budget, more than it was."""
    log: Literal["none", "tensorboard", "wandb", "trackio"] | None = None
    """Send the metrics to this tracker too, or to none, if the run's settings say otherwise."""


def train_command(arguments: list[str]) -> int:
    """Train a new run, or go on with one."""
    task = arguments[0] if arguments and not arguments[0].startswith("-") else None
    given = arguments[1:] if task else arguments
    wants_help = any(flag in given for flag in flags.HELP)
    without_help = [flag for flag in given if flag not in flags.HELP]
    start, _ = flags.parse_known(Flags, without_help, get_type_hints(Flags))
    if start.resume and not wants_help:
        going_on, rest = flags.parse_known(ResumeFlags, without_help, get_type_hints(ResumeFlags))
        with _together(start):
            return _resume(going_on, task, rest)
    experiment = _named(task, start, arguments, wants_help)
    if wants_help:
        print(
            GUIDE.format(
                task=experiment.task,
                method=experiment.method,
                preset=start.preset or next(iter(experiment.how.presets)),
            ),
            flush=True,
        )
    with _owned(experiment):
        started, sections = flags.parse_sections(
            experiment.everything,
            start,
            given,
            get_type_hints(Flags),
            prog=f"cairn train {experiment.task}",
        )
    experiment = experiment.with_sections(sections)
    if started.print_config:
        print(files.to_toml(experiment), end="")
        return 0
    with _together(start):
        return _train(start, experiment)


def _named(task: str | None, start: Flags, arguments: list[str], wants_help: bool) -> Experiment:
    """The experiment before its flags."""
    if start.config is not None:
        return files.from_toml(
            start.config,
            task=task,
            method=start.method,
            preset=start.preset,
            learner=start.learner,
        )
    if task is None and not wants_help:
        raise ConfigError(
            f"Expected an environment or another task first, got "
            f"{' '.join(arguments) or 'nothing'}. Try cairn train maze, or cairn train --help."
        )
    return presets.experiment(
        task or "maze", method=start.method, preset=start.preset, learner=start.learner or "ppo"
    )


@contextlib.contextmanager
def _owned(experiment: Experiment) -> Iterator[None]:
    """Say of a flag that this method lacks which methods have it."""
    try:
        yield
    except ConfigError as error:
        flag = re.match(r"Unknown flag --([\w-]+)\.", str(error))
        owners = catalogue.owners(flag[1].replace("-", "_")) if flag else []
        if flag is None or not owners:
            raise
        raise ConfigError(
            f"{experiment.method} has no --{flag[1]}: it is a setting of {', '.join(owners)}."
        ) from None


def _together(start: Flags) -> contextlib.AbstractContextManager[None]:
    """Connected to the other hosts, if there are any."""
    if start.coordinator is not None:
        meeting = hosts.Meeting(start.coordinator, start.hosts, start.host, start.join_timeout)
        return hosts.joined(meeting)
    if start.hosts is not None or start.host is not None:
        raise ConfigError("--hosts and --host need --coordinator ADDRESS:PORT, that of host 0.")
    return contextlib.nullcontext()


def _train(start: Flags, experiment: Experiment) -> int:
    if not hosts.first():
        return _status(train(experiment, start.run))
    path = start.run or free_directory(experiment)
    with Watch(experiment) as watch:
        asked, rounded = experiment.run.steps, rounded_steps(experiment)
        if rounded != asked:
            watch.say(f"{asked:,} steps are rounded up to whole chunks: {rounded:,} or more.")
        outcome = train(
            experiment,
            path,
            init_from=start.init_from,
            show=watch,
            say=watch.say,
        )
    return _told(outcome)


def _resume(start: ResumeFlags, task: str | None, rest: list[str]) -> int:
    path = start.resume
    assert path is not None
    other = [
        f"--{field.name.replace('_', '-')}"
        for field in dataclasses.fields(Flags)
        if field.name not in RESUMES and getattr(start, field.name) != field.default
    ]
    if other or rest:
        raise ConfigError(
            f"--resume goes on with the settings of {path}, but {(other + rest)[0]} came too. "
            f"Leave it out, or start a new run with --init-from {path}."
        )
    if not hosts.first():
        return _status(resume(path, steps=start.steps, log=start.log))
    run = RunDir.open(path)
    experiment = Experiment.from_dict(run.config, run.kept)
    if task not in (None, experiment.task):
        raise ConfigError(f"{path} is a run of {experiment.task}, but {task} came. Leave it out.")
    with Watch(experiment) as watch:
        outcome = resume(path, steps=start.steps, log=start.log, show=watch, say=watch.say)
    return _told(outcome)


def _told(outcome: Outcome) -> int:
    """Say what was reached, and how its language model behaves, if it has one."""
    print(summary(outcome))
    if outcome.behaviour is not None:
        import_module("cairn.cli.behaviour").tell(outcome.behaviour, outcome.directory)
    return _status(outcome)


def _status(outcome: Outcome) -> int:
    return 0 if outcome.done else STOPPED
