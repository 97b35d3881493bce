"""A run from its first step to its last: `cairn.train` and `cairn train` are both this."""

import contextlib
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from cairn.core import checkpoint, files, hosted, trackers
from cairn.core.errors import ConfigError, DatasetError, WeightsError
from cairn.core.rundir import RunDir, config_hash
from cairn.core.units import duration
from cairn.engine import devices, hosts, loop
from cairn.engine.compiled import Compiled
from cairn.engine.loop import Schedule, Status
from cairn.engine.program import Program
from cairn.envs.check import check
from cairn.envs.protocol import Environment
from cairn.envs.tokens import check as tokens
from cairn.envs.tokens.protocol import TokenTask
from cairn.evaluation.during import by_itself, during
from cairn.evaluation.score_during import auditing
from cairn.nn.language import folder
from cairn.runs import behaviour, handover
from cairn.runs.experiment import Experiment


class Outcome(NamedTuple):
    """What training leaves."""

    directory: RunDir
    """On several hosts only the first needs to have it."""
    state: Any
    done: bool
    """False after Ctrl-C: `resume` goes on."""
    behaviour: dict[str, Any] | None = None
    """How its language model answers (`cairn.runs.behaviour`), where somebody verifies that."""


@hosted.told()
def train(
    experiment: Experiment,
    directory: Path | str | None = None,
    *,
    init_from: Path | str | None = None,
    log: str | None = None,
    show: Callable[[Status], None] = lambda status: None,
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Train in a new run directory (default: the next free one under `runs/`) until it is done.

    With `init_from` every actor starts from that run's of its role, or else from its student if
    that fits: network, optimiser and its step count. The others start anew. `log` names a tracker
    that gets the metrics too: `tensorboard`, `wandb` or `trackio`.

    Raises RunError if the directory exists or cannot be written, ConfigError if the students of
    `init_from` have another structure, MissingExtraError if the tracker is not installed.

    On several hosts (`jax.distributed.initialize` comes before) all call this with the same
    experiment, and the first alone reads and writes.
    """
    if isinstance(experiment.env, Environment):
        check(experiment.env)
    if isinstance(experiment.env, TokenTask) and not _ours(experiment.env):
        tokens.check(experiment.env)
    experiment = _logged(experiment, log)
    experiment = _on_devices(experiment)
    if init_from is not None:
        experiment = _following(experiment, Path(init_from))
    _agree_on(experiment)
    run, start = RunDir(Path(directory or free_directory(experiment))), None
    config, program, compiled = experiment.to_dict(), experiment.program, experiment.compiled()
    if program.data is not None:
        config["dataset"] = {"digest": program.data.digest()}
        compiled.data()  # what is damaged leaves no run behind
    if hosts.first():
        if program.pretrained is not None:
            config["weights"] = handover.named(program.pretrained)
        if init_from is not None:
            students = handover.students(Path(init_from), experiment)
            start = handover.Start(
                partial(handover.states, program, roles=students), list(students.values())
            )
            digest = checkpoint.digest(start.given)
            config["init_from"] = {"run": str(init_from), "students": digest}
            shape = experiment.state_shape()
            fresh = sorted(handover.parts(experiment.program, shape).keys() - students)
            if fresh:
                say(f"{init_from} has no {' and no '.join(fresh)}: they start anew.")
        elif program.pretrained is not None:
            start = handover.pretrained(program.pretrained, experiment.run.seeds)
            config["weights"]["numbers"] = checkpoint.digest(start.given)
        run = RunDir.create(run.path, config)
        if program.pretrained is not None:
            folder.keep(program.pretrained.folder, run.model)
        say(f"Run: {run.path}")
    with _lock(run):
        state = compiled.init()
        if start is not None:
            state = eqx.tree_at(start.place, state, start.given)
        if hosts.first():
            # So that a run killed before its first regular checkpoint can be resumed.
            loop.save(run, state, config_hash(config), 0)
        advanced = _advance(experiment, program, compiled, run, hosts.shared(state), show, say)
        return _reported(advanced, say)


@hosted.told()
def resume(
    directory: Path | str,
    *,
    steps: int | None = None,
    log: str | None = None,
    show: Callable[[Status], None] = lambda status: None,
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Go on with a run from its newest checkpoint, as if it had never stopped.

    With `steps` its budget becomes that, which must be more than it was: archive, ledger and
    learner go on, and what depends on how far the run is (a decaying learning rate) does so by
    the new budget. The budget it has already changes nothing, so that a command may be repeated.
    A tracker named by `log` goes on in the same remote run.

    Raises RunError if `directory` is no run or is being trained, CheckpointError if the checkpoint
    is damaged or from another config, ConfigError for fewer steps, MissingExtraError if the
    tracker is not installed. On several hosts the first alone reads it.
    """
    run = RunDir.open(directory) if hosts.first() else RunDir(Path(directory))
    experiment = Experiment.from_dict(hosts.told(lambda: run.config), run.kept)
    experiment = _on_devices(experiment)
    experiment = _logged(experiment, log)
    before = experiment.run.steps
    if steps is not None:
        experiment = _extended(experiment, run, steps)
    _agree_on(experiment)
    with _lock(run):
        _check_data(experiment, hosts.told(lambda: run.config))
        compiled = experiment.compiled()
        shape = experiment.state_shape()
        state = hosts.shared(loop.restore(run, shape) if hosts.first() else compiled.init())
        if steps is not None and min(loop.spent_steps(state, experiment.program)) >= steps > before:
            raise ConfigError(
                f"{run.path} has spent {min(loop.spent_steps(state, experiment.program)):,} "
                f"already: --steps must be more to go on, got {steps:,}."
            )
        if hosts.first() and experiment.run.steps != before:
            # Last of all: a run that cannot go on keeps the budget it had.
            _note_budget(run, experiment.run.steps)
        say(f"Run: {run.path}, resumed at cycle {int(jnp.max(state.cycle))}")
        program = experiment.program
        if min(loop.spent_steps(state, program)) >= experiment.run.steps:
            say("It is complete: nothing is left to do. --steps MORE goes on beyond its budget.")
            ended = Outcome(run, state, done=True)
            kept = hosts.first() and (run.path / behaviour.RESULT).exists()
            return ended if kept else _reported(ended, say)
        return _reported(_advance(experiment, program, compiled, run, state, show, say), say)


def _following(experiment: Experiment, path: Path) -> Experiment:
    """With what follows from the run that it starts from."""
    fields = hosts.told(lambda: handover.following(path, experiment))
    if not fields:
        return experiment
    own = replace(experiment.sections["algorithm"], **fields)
    return replace(experiment, sections={**experiment.sections, "algorithm": own})


def free_directory(experiment: Experiment) -> Path:
    """runs/ENVIRONMENT-METHOD-N with the smallest N that is free."""
    names = (experiment.task, experiment.method)
    name = "-".join(name.rpartition(":")[2].replace("/", "-") for name in names)
    numbered = (Path("runs") / f"{name}-{number}" for number in itertools.count(1))
    return next(path for path in numbered if not path.exists())


def _advance(
    experiment: Experiment,
    program: Program,
    compiled: Compiled,
    run: RunDir,
    state: Any,
    show: Callable[[Status], None],
    say: Callable[[str], None],
) -> Outcome:
    settings = experiment.run
    keep = None if settings.keep_checkpoints == "all" else settings.keep_checkpoints
    schedule = Schedule(
        settings.steps,
        settings.evaluate_every,
        settings.checkpoint_every,
        keep,
        settings.audit_every,
    )
    if not getattr(experiment.env, "exact_resume", True):
        say(
            f"Episodes of {experiment.task} are not in checkpoints: resuming goes on with what was "
            f"learned, but not bit for bit."
        )
    say("Compiling (once; the result is kept for the next run) ...")
    begun = time.monotonic()
    # Apart from the first chunk, so that its steps per second are honest.
    compiled = compiled.ready(state)
    say(f"Compiled in {duration(time.monotonic() - begun)}.")
    measured, evaluate = program.measured, None
    if measured is not None:
        evaluate = during(measured.env, lambda state: program.actors(state)[measured.role])
    elif program.tested is not None:
        evaluate = by_itself(program.tested)
    audit = auditing(program) if settings.audit_every else None
    kind = experiment.run.log if hosts.first() and experiment.run.log != "none" else None
    with trackers.tracking(kind, run.path, experiment.to_dict()) as send:

        def shown(status: Status) -> None:
            send(status.steps, status.line)
            show(status)

        state, done = loop.run(
            compiled,
            program,
            run,
            schedule,
            state=state,
            evaluate=evaluate,
            show=shown,
            audit=audit,
        )
    return Outcome(run, state, done)


def _reported(outcome: Outcome, say: Callable[[str], None]) -> Outcome:
    """With the report of a run that is done; Ctrl-C leaves it out, and the run is whole."""
    if not (outcome.done and hosts.first()):
        return outcome
    return outcome._replace(behaviour=behaviour.at_end(outcome.directory, say))


def _logged(experiment: Experiment, log: str | None) -> Experiment:
    """With `log` in the place of its tracker, if given; refused here if it is not installed."""
    if log is not None:
        experiment = experiment.changed({"run.log": log})
    if experiment.run.log != "none" and hosts.first():
        trackers.require(experiment.run.log)
    return experiment


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


def _check_data(experiment: Experiment, config: dict[str, Any]) -> None:
    """Raise DatasetError or WeightsError if what the run reads is not what it began with."""
    program = experiment.program
    began = config.get("dataset", {}).get("digest")
    if program.data is not None and program.data.digest() != began:
        raise DatasetError(
            f"The dataset is not the one this run began with: expected digest {began}, got "
            f"{program.data.digest()}. Put the old one back, or start a new run with --init-from."
        )
    model, spoke = program.pretrained, config.get("weights", {}).get("tokenizer")
    if model is not None and folder.digest(model.folder) != spoke:
        raise WeightsError(
            f"The config and tokeniser in {model.folder} are not those this run began with: "
            f"expected digest {spoke}, got {folder.digest(model.folder)}. Put the old ones back."
        )


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{section}.{name}": value
        for section, part in config.items()
        for name, value in (part if isinstance(part, dict) else {"": part}).items()
    }


def _lock(run: RunDir) -> contextlib.AbstractContextManager[None]:
    return run.lock() if hosts.first() else contextlib.nullcontext()


def _extended(experiment: Experiment, run: RunDir, steps: int) -> Experiment:
    """With another budget."""
    before = experiment.run.steps
    if steps < before:
        raise ConfigError(
            f"--steps beside --resume goes on beyond the budget of {run.path}: expected at least "
            f"its {before}, got {steps}."
        )
    return replace(experiment, run=replace(experiment.run, steps=steps))


def _note_budget(run: RunDir, steps: int) -> None:
    """Let the run's config say its new budget, and what it was before."""
    config = run.config
    config["extended"] = [*config.get("extended", []), config["run"]["steps"]]
    config["run"]["steps"] = steps
    run.change_config(config)


def _ours(task: object) -> bool:
    """Whether it comes with cairn: looked at in its tests, and not again at every start."""
    return type(task).__module__.startswith("cairn.")
