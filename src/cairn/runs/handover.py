"""What a run starts from: what another one has learned, role by role, or a model's folder."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cairn.core.errors import ConfigError
from cairn.core.rundir import RunDir
from cairn.engine import loop
from cairn.engine.program import Pretrained, Program
from cairn.nn.language import folder
from cairn.runs.experiment import Experiment
from cairn.score import STUDENT


class Start(NamedTuple):
    """Arrays in the place of those that a program would begin with."""

    place: Callable[[Any], Any]
    """Their place in a state."""
    given: Any
    """The arrays, of all seeds."""


def pretrained(told: Pretrained, seeds: int) -> Start:
    """The numbers of a model's folder, the same for every seed. Raises WeightsError."""
    spread = lambda leaf: jnp.broadcast_to(leaf, (seeds, *leaf.shape))  # noqa: E731
    return Start(told.place, jax.tree.map(spread, told.load()))


def named(told: Pretrained) -> dict[str, str]:
    """Which folder it is, for the config of a run."""
    return {"folder": str(told.folder.resolve()), "tokenizer": folder.digest(told.folder)}


def states(program: Program, state: Any, roles: Iterable[str]) -> list[Any]:
    """What the actors with these roles have learned, in the same order."""
    there = parts(program, state)
    return [there[role] for role in roles]


def parts(program: Program, state: Any) -> dict[str, Any]:
    """By role what can be handed on: states of actors, and models."""
    actors = {role: actor.state for role, actor in program.actors(state).items()}
    return {**actors, **program.models(state)}


def students(path: Path, experiment: Experiment) -> dict[str, Any]:
    """By role, states for actors of `experiment` from the run at `path`.

    A role that the run does not have takes its student's where that fits, and else is left out.
    """
    source = RunDir.open(path)
    trained = Experiment.from_dict(source.config, source.kept)
    have, want = trained.run.seeds, experiment.run.seeds
    if have not in (1, want):
        raise ConfigError(
            f"{path} has {have} students, expected 1 or {want} (--seeds). Give --seeds {have}."
        )
    theirs = parts(_program(trained), loop.newest(source, trained.state_shape()))
    ours = parts(_program(experiment), experiment.state_shape())
    if not theirs or not ours:
        raise ConfigError(
            f"--init-from {path}: {trained.method if not theirs else experiment.method} has no "
            f"actor whose state could be handed on."
        )
    found = {}
    for role in sorted(ours):
        giver = role if role in theirs else STUDENT
        if giver not in theirs:
            continue
        misfit = _misfit(theirs[giver], ours[role])
        if misfit is not None and giver == role:
            raise ConfigError(
                f"The {role} of {path} {misfit}. Give the same settings for it (see its "
                f"config.json) and an environment with the same observation and actions."
            )
        if misfit is None:
            spread = lambda leaf: jnp.broadcast_to(leaf, (want, *leaf.shape[1:]))  # noqa: E731
            found[role] = jax.tree.map(spread, theirs[giver])
    if not found:
        raise ConfigError(
            f"{path} has {' and '.join(sorted(theirs))}, which fit none of the "
            f"{' and '.join(sorted(ours))} of {experiment.method}."
        )
    return found


def following(path: Path, experiment: Experiment) -> dict[str, Any]:
    """Fields of `algorithm` that follow from what the run at `path` was. Raises RunError."""
    source = RunDir.open(path)
    trained = Experiment.from_dict(source.config, source.kept)
    own, theirs = (made.sections.get("algorithm") for made in (experiment, trained))
    return dict(experiment.how.follows(own, theirs))


def _program(experiment: Experiment) -> Program:
    """On one device: for looking, whatever machine the run was made on."""
    return experiment.how.program(experiment.setup(None))


def _misfit(given: Any, wanted: Any) -> str | None:
    """What keeps a state, but for its number of seeds, from standing in another's place."""
    if jax.tree.structure(given) != jax.tree.structure(wanted):
        return "has other layers"
    for came, expected in zip(jax.tree.leaves(given), jax.tree.leaves(wanted), strict=True):
        forms = [f"{leaf.dtype}{list(leaf.shape[1:])}" for leaf in (came, expected)]
        if forms[0] != forms[1]:
            return f"has an array {forms[0]} where {forms[1]} is expected"
    return None
