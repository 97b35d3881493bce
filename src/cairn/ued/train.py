"""A run from its first step to its last: `cairn.train` and `cairn train` are both this."""

import contextlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from cairn.core import checkpoint, files
from cairn.core.console import duration
from cairn.core.errors import ConfigError
from cairn.core.rundir import RunDir, config_hash
from cairn.engine import devices, hosts, loop
from cairn.engine.compiled import Compiled
from cairn.engine.loop import Schedule, Status
from cairn.evaluation.during import during
from cairn.sampler.segments import SOURCES
from cairn.ued import presets
from cairn.ued.experiment import Experiment
from cairn.ued.settings import change


class Outcome(NamedTuple):
    """What training leaves."""

    directory: RunDir
    """On several hosts only the first needs to have it."""
    state: Any
    done: bool
    """False after Ctrl-C: `resume` goes on."""


def experiment(
    environment: str, *, method: str | None = None, preset: str = presets.DEFAULT, **settings: Any
) -> Experiment:
    """An experiment from names, with any setting changed: `experiment("maze", hidden=64)`.

    Raises ConfigError for a name that does not exist or a value that cannot work.
    """
    return change(presets.experiment(environment, method=method, preset=preset), **settings)


def train(
    experiment: Experiment,
    directory: Path | str | None = None,
    *,
    init_from: Path | str | None = None,
    show: Callable[[Status], None] = lambda status: None,
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Train in a new run directory (default: the next free one under `runs/`) until it is done.

    With `init_from` every student starts from that run's: network, optimiser and its step count.
    Raises RunError if the directory exists or cannot be written, ConfigError if the students of
    `init_from` have another structure.

    On several hosts (`jax.distributed.initialize` comes before) all call this with the same
    experiment, and the first alone reads and writes.
    """
    experiment = _on_devices(experiment)
    _agree_on(experiment)
    run, students = RunDir(Path(directory or free_directory(experiment))), None
    config = experiment.to_dict()
    if hosts.first():
        if init_from is not None:
            students = _students(Path(init_from), experiment)
            config["init_from"] = {"run": str(init_from), "students": checkpoint.digest(students)}
        run = RunDir.create(run.path, config)
        say(f"Run: {run.path}")
    with _lock(run):
        compiled = experiment.compiled()
        state = compiled.init()
        if students is not None:
            state = eqx.tree_at(lambda s: s.learner, state, students)
        if hosts.first():
            # So that a run killed before its first regular checkpoint can be resumed.
            loop.save(run, state, config_hash(config), 0)
        return _advance(experiment, compiled, run, hosts.shared(state), show, say)


def resume(
    directory: Path | str,
    *,
    show: Callable[[Status], None] = lambda status: None,
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Go on with a run from its newest checkpoint, as if it had never stopped.

    Raises RunError if `directory` is no run or is being trained, CheckpointError if the
    checkpoint is damaged or from another config. On several hosts the first alone reads it.
    """
    run = RunDir.open(directory) if hosts.first() else RunDir(Path(directory))
    experiment = _on_devices(Experiment.from_dict(hosts.told(lambda: run.config)))
    with _lock(run):
        compiled = experiment.compiled()
        shape = experiment.state_shape()
        state = hosts.shared(loop.restore(run, shape) if hosts.first() else compiled.init())
        say(f"Run: {run.path}, resumed at cycle {int(state.cycle[0])}")
        if loop.spent_steps(state) >= experiment.run.steps:
            say("It is complete: nothing is left to do.")
            return Outcome(run, state, done=True)
        return _advance(experiment, compiled, run, state, show, say)


def free_directory(experiment: Experiment) -> Path:
    """runs/ENVIRONMENT-METHOD-N with the smallest N that is free."""
    name = f"{experiment.environment.rpartition(':')[2]}-{experiment.method}"
    numbered = (Path("runs") / f"{name}-{number}" for number in itertools.count(1))
    return next(path for path in numbered if not path.exists())


def _advance(
    experiment: Experiment,
    compiled: Compiled,
    run: RunDir,
    state: Any,
    show: Callable[[Status], None],
    say: Callable[[str], None],
) -> Outcome:
    settings = experiment.run
    schedule = Schedule(settings.steps, settings.evaluate_every, settings.checkpoint_every)
    say("Compiling (once; the result is kept for the next run) ...")
    begun = time.monotonic()
    # Apart from the first chunk, so that its steps per second are honest.
    compiled = compiled.ready(state)
    say(f"Compiled in {duration(time.monotonic() - begun)}.")
    state, done = loop.run(
        compiled,
        run,
        schedule,
        state=state,
        sources=SOURCES,
        level=_level(experiment),
        evaluate=during(experiment.env, experiment.learner),
        show=show,
    )
    return Outcome(run, state, done)


def _on_devices(experiment: Experiment) -> Experiment:
    """With the number of devices it will use, which its resumed self must use too."""
    run = experiment.run
    count = run.devices or devices.usable(run.seeds, experiment.shared_columns)
    devices.check_hosts(count)
    return replace(experiment, run=replace(run, devices=count))


def _agree_on(experiment: Experiment) -> None:
    """Raise ConfigError if host 0 was given another experiment than this one."""
    theirs = _flat(hosts.told(experiment.to_dict))
    if hosts.first():
        return
    ours = _flat(json.loads(files.to_json(experiment.to_dict())))
    for name in sorted(ours.keys() | theirs.keys()):
        here, there = ours.get(name), theirs.get(name)
        if here != there:
            raise ConfigError(
                f"{name} is {here} on this host and {there} on host 0. Give all the same flags."
            )


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    sections = [part if isinstance(part, dict) else {name: part} for name, part in config.items()]
    return {name: value for section in sections for name, value in section.items()}


def _lock(run: RunDir) -> contextlib.AbstractContextManager[None]:
    return run.lock() if hosts.first() else contextlib.nullcontext()


def _students(path: Path, experiment: Experiment) -> Any:
    """The learner states of the run at `path`, one for each seed of `experiment`."""
    source = RunDir.open(path)
    trained = Experiment.from_dict(source.config)
    students = loop.newest(source, trained.state_shape()).learner
    wanted = experiment.state_shape().learner
    if jax.tree.structure(students) != jax.tree.structure(wanted):
        raise ConfigError(_MISFIT.format(path, "has other layers"))
    for came, expected in zip(jax.tree.leaves(students), jax.tree.leaves(wanted), strict=True):
        if came.shape[1:] != expected.shape[1:] or came.dtype != expected.dtype:
            shapes = f"has an array {came.shape[1:]} where {expected.shape[1:]} is expected"
            raise ConfigError(_MISFIT.format(path, shapes))
    have, want = trained.run.seeds, experiment.run.seeds
    if have not in (1, want):
        raise ConfigError(
            f"{path} has {have} students, expected 1 or {want} (--seeds). Give --seeds {have}."
        )
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (want, *leaf.shape[1:])), students)


_MISFIT = (
    "The student of {} {}. Give the same settings for the student (see its config.json) and an "
    "environment with the same observation and actions."
)


def _level(experiment: Experiment) -> Any:
    return jax.eval_shape(experiment.env.space.sample, jax.random.key(0))
