"""The run to be shown, read once: its experiment, and the newest state of one seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from cairn.archive.replay import Replay
from cairn.core.console import count
from cairn.core.counts import cost, unit
from cairn.core.errors import ConfigError, RunError
from cairn.core.rundir import RunDir
from cairn.engine.program import Program
from cairn.learners.protocol import Actor
from cairn.runs.experiment import Experiment
from cairn.runs.open import Run, check_plays, open_run

Look = TypeVar("Look")


@dataclass(frozen=True)
class Subject:
    """One seed of a run."""

    experiment: Experiment
    directory: RunDir
    state: Any
    """The method's state, without the axis of seeds."""
    seed_index: int
    """Place of the seed in the run."""
    lines: list[dict[str, Any]]
    """metrics.jsonl."""
    role: str | None = None
    """Who is shown; None: whoever the run's tests are of."""
    _seen: dict[Callable, Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, look: Callable[["Subject"], Look]) -> Look:
        """`look(self)`, computed once: panels share what is costly."""
        if look not in self._seen:
            self._seen[look] = look(self)
        return self._seen[look]

    @property
    def seed(self) -> int:
        """The seed itself."""
        return self.experiment.run.seed + self.seed_index

    def href(self, panel: str, **arguments: object) -> str:
        """Where a page shows another panel of this seed and role."""
        role = {} if self.role is None else {"role": self.role}
        return "?" + urlencode({"panel": panel, "seed": self.seed, **role, **arguments})

    @property
    def steps(self) -> int:
        """What this seed has spent, tests left out: environment steps, evaluations or updates."""
        return cost({name: [n] for name, n in self.state.ledger.totals().items()})[0]

    @property
    def task(self) -> Any:
        """What is learned: for most wings an environment."""
        return self.experiment.env

    @property
    def archive(self) -> Any:
        """What the method keeps, if it keeps something; where each player has an archive, that of
        whoever is shown."""
        extra = getattr(self.state, "extra", None)
        own = extra.get(self.role) if isinstance(extra, dict) else extra
        return own if isinstance(own, Replay) else getattr(self.state, "archive", None)

    @property
    def actor(self) -> Actor | None:
        """Who is shown: the one whose tests the run reports, or else its student, if it has one."""
        measured = self._program.measured
        return self.actors.get(self.role or (measured.role if measured else "student"))

    @property
    def actors(self) -> Mapping[str, Actor]:
        """Everybody who acts, by role."""
        return self._program.actors(self.state)

    @property
    def _program(self) -> Program:
        return self.experiment.how.program(self.experiment.setup(None))

    @property
    def caption(self) -> str:
        """Which agent this is, in a few words."""
        experiment, spent = self.experiment, unit(self.lines[-1]["ledger"])
        who = "" if self.role is None else f" ({self.role})"
        return (
            f"{experiment.method}{who} on {experiment.task}, "
            f"{count(self.steps)} {spent}, "
            f"seed {self.seed}"
        )


def read(run: Run | Path | str, seed_index: int = 0, role: str | None = None) -> Subject:
    """One seed of a run, and who of those that play. Changes nothing in it.

    Raises RunError if there is no run, or nothing of it to be seen yet; ConfigError if it has no
    such seed or role, or the role plays another game.
    """
    run = run if isinstance(run, Run) else open_run(run)
    seeds = len(run.seeds)
    if not 0 <= seed_index < seeds:
        raise ConfigError(
            f"--seed-index must lie in [0, {seeds}), got {seed_index}: {run.directory.path} has "
            f"{seeds} seed{'s' if seeds > 1 else ''}."
        )
    lines = run.directory.metrics()
    if not lines:
        raise RunError(
            f"{run.directory.path} has no metrics yet: expected a line or more. Let the run go on "
            f"until it has shown its first figures."
        )
    return of_run(run, lines, seed_index, role)


def of_run(run: Run, lines: list[dict[str, Any]], seed_index: int, role: str | None) -> Subject:
    """One seed of a run that is open, and its metrics: at least the last line of them.

    Raises ConfigError if it has no such role, or the role plays another game.
    """
    if role is not None:
        run.actor(role)  # refused if there is nobody of that role
    state = jax.tree.map(lambda leaf: _row(leaf, seed_index), run.state)
    subject = Subject(run.experiment, run.directory, state, seed_index, lines, role)
    if role is not None and subject.actor is not None:
        who = f"The {role} of {run.directory.path}"
        check_plays(subject.actor, run.experiment.env, who, "Show somebody else.")
    return subject


def _row(leaf: Array, index: int) -> Array:
    # By NumPy, which compiles nothing: a slice of each of a hundred leaves took seconds.
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return leaf[index]
    return jnp.asarray(np.asarray(leaf)[index])
