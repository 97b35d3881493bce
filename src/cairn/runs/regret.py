"""How much could a run's student still learn on its levels? A lower bound, without an oracle."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cairn.core import trees
from cairn.core.errors import ConfigError, suggest
from cairn.core.keys import stream
from cairn.engine.compiled import seed_form
from cairn.engine.program import Sample, Valuation
from cairn.envs.oracle import knows, optimal_returns
from cairn.evaluation.fine_tune import Tuned, fine_tune
from cairn.evaluation.regret_figures import figures
from cairn.learners.protocol import Actor, Learner
from cairn.runs.audit import Advance, valuation_of
from cairn.runs.open import Run, one_seed, open_run
from cairn.score import STUDENT

RESULT = "regret.json"
"""Where a run's newest bounds lie, for `cairn view` and `cairn show`."""
PIECE = {"map": 4, "vmap": 64}
"""Levels of one call of the program: what progress and memory are bounded by."""


def regret(
    run: Run | Path | str,
    sources: Sequence[str] | None = None,
    *,
    levels: int = 16,
    updates: int = 16,
    episodes: int = 64,
    trained_seed: int | None = None,
    seed: int = 0,
    advance: Advance = lambda what, behind, total: None,
) -> dict[str, Any]:
    """Bound the student's regret from below on `levels` levels of each of `sources`.

    For each level a copy of the student learns on it alone, for so many `updates` on rollouts of
    the run's size; `episodes` fresh attempts by each say how much further it came. That is at most
    the regret, in the mean. Sources are those of `cairn.audit`, by default all; `trained_seed` is
    one of the run's, by default the first. Returns plain values for JSON; reading changes nothing.

    Raises ConfigError where there are no levels or nobody learns, for unknown sources, and for
    numbers that cannot be.
    """
    run = run if isinstance(run, Run) else open_run(run)
    program = run.program
    how = valuation_of(run, program)
    least = {"levels": (levels, 1), "updates": (updates, 1), "episodes": (episodes, 2)}
    for name, (value, lowest) in least.items():
        if value < lowest:
            raise ConfigError(f"{name} must be at least {lowest}, got {value}.")
    state = one_seed(run.state, run.of_seed(trained_seed))
    actor = program.actors(state)[STUDENT]
    learner = _learner(run, actor)
    root = stream(jax.random.key(seed), "regret")
    chosen = {name: _sample(how, name, state, root, levels) for name in _chosen(how, sources)}
    numbers = {name: sample.there.shape[0] for name, sample in chosen.items()}
    if not any(numbers.values()):
        raise ConfigError(
            f"{run.directory.path} has no level yet in {' and '.join(chosen)}: let the run go on a "
            f"while, or take --of fresh."
        )
    tune = _tuner(how, learner, actor.state, updates, episodes)
    parts: dict[str, list[Tuned]] = {name: [] for name in chosen if numbers[name]}
    behind, total = 0, sum(numbers.values())
    for name, start, number in _pieces(numbers):
        advance(name, behind, total)
        part = tune(chosen[name].levels, stream(root, f"copies {name}"), start)
        parts[name].append(Tuned(*(leaf[:number] for leaf in part)))
        behind += number
    found = {name: _joined(some) for name, some in parts.items()}
    return {
        "run": str(run.directory.path),
        "environment": run.experiment.task,
        "method": run.experiment.method,
        "seed": run.seeds[run.of_seed(trained_seed)],
        "updates": updates,
        "steps_per_update": how.batch * how.steps,
        "episodes": episodes,
        "audit_seed": seed,
        "lower_bound": True,
        "oracle": knows(how.env),
        "environment_steps": sum(int(tuned.steps.sum()) for tuned in found.values())
        + sum(int(sample.steps or 0) for sample in chosen.values()),
        "sources": {
            name: figures(tuned, _optimal(how, chosen[name])) for name, tuned in found.items()
        },
    }


def _learner(run: Run, actor: Actor) -> Learner:
    learner = actor.policy
    if not isinstance(learner, Learner) or learner.gradient_steps == 0:
        raise ConfigError(
            f"The student of {run.directory.path} learns nothing ({run.experiment.method}), so no "
            f"copy of it could: expected one with an update, such as PPO."
        )
    return learner


def _chosen(how: Valuation, sources: Sequence[str] | None) -> list[str]:
    for name in sources or ():
        if name not in how.sources:
            raise ConfigError(
                f"This run has no {name!r} levels. Expected {' or '.join(how.sources)}."
                f"{suggest(name, how.sources)}"
            )
    return list(dict.fromkeys(sources or how.sources))


def _sample(how: Valuation, name: str, state: Any, root: Any, levels: int) -> Sample:
    """Levels that are there, on the host."""
    key = stream(root, name)
    sample = jax.jit(lambda state: how.sources[name](state, key, levels))(state)
    there = np.flatnonzero(np.asarray(sample.there))
    rows = sample._replace(steps=None)
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)[there]), rows)._replace(
        steps=sample.steps
    )


def _pieces(numbers: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    """Of every source's levels: where each piece begins, and how many it holds."""
    piece = PIECE[seed_form()]
    for name, number in numbers.items():
        for start in range(0, number, piece):
            yield name, start, min(piece, number - start)


def _joined(parts: list[Tuned]) -> Tuned:
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def _optimal(how: Valuation, sample: Sample) -> Any:
    if not knows(how.env):
        return None
    return np.asarray(jax.jit(lambda levels: optimal_returns(how.env, levels))(sample.levels))


def _tuner(
    how: Valuation, learner: Learner, state: Any, updates: int, episodes: int
) -> Callable[[Any, Any, int], Tuned]:
    """The compiled program: a piece of these levels, from one on -> what came of its copies.

    A last piece that is short repeats its last level: one shape, one program.
    """

    @eqx.filter_jit
    def program(state: Any, levels: Any, key: Any, numbers: Any, updates: Any) -> Tuned:
        own = jax.vmap(lambda number: jax.random.fold_in(key, number))(numbers)
        return fine_tune(how, learner, state, levels, own, updates=updates, episodes=episodes)

    def tune(levels: Any, key: Any, start: int) -> Tuned:
        last = jax.tree.leaves(levels)[0].shape[0] - 1
        numbers = jnp.minimum(jnp.arange(start, start + PIECE[seed_form()]), last)
        taken = trees.take(levels, numbers)
        return jax.device_get(program(state, taken, key, numbers, jnp.int32(updates)))

    return tune
