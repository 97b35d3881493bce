"""Finished or unfinished runs as objects: read one, test it, compare two, act with what it learned.

Reading never changes a run. Runs of a format this release cannot read are refused with the reason.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.core.rundir import RunDir
from cairn.engine import loop
from cairn.envs.protocol import Environment, Suite
from cairn.evaluation import compare as comparing
from cairn.evaluation.evaluate import Advance, Outcome
from cairn.evaluation.evaluate import evaluate as attempt_all
from cairn.evaluation.summary import summarise
from cairn.learners.protocol import Learner
from cairn.ued.experiment import Experiment

ACTIONS = "sampled"


class Run(NamedTuple):
    """A run on disk at its newest checkpoint."""

    directory: RunDir
    experiment: Experiment
    state: Any
    """All seeds: a leading axis on every array."""

    @property
    def seeds(self) -> list[int]:
        """The trained seeds."""
        run = self.experiment.run
        return list(range(run.seed, run.seed + run.seeds))


def open_run(path: Path | str) -> Run:
    """Read the run at `path`. Raises RunError or CheckpointError saying why it cannot be."""
    directory = RunDir.open(path)
    experiment = Experiment.from_dict(directory.config)
    return Run(directory, experiment, loop.newest(directory, experiment.state_shape()))


def evaluate(
    run: Run | Path | str,
    suites: Sequence[str] | None = None,
    *,
    levels: Path | str | None = None,
    full: bool = False,
    attempts: int = 20,
    seed: int = 0,
    advance: Advance = lambda suite, behind, total: None,
) -> dict[str, Any]:
    """Test a run on its environment's suites (default: the first) and on a file of `levels`.

    Returns plain values for JSON: `suites` holds, for each, `solve_rate`, its `interval` and
    `interval_over`, and the same for every level under `levels`. See `cairn.evaluation.summary`.
    """
    run = run if isinstance(run, Run) else open_run(run)
    chosen = choose_suites(run.experiment.env, suites, levels, full=full, seed=seed)
    outcomes = play(run, chosen, attempts=attempts, seed=seed, advance=advance)
    return {
        **_about(run),
        "attempts": attempts,
        "actions": ACTIONS,
        "evaluation_seed": seed,
        "suites": {name: summarise(outcome) for name, outcome in outcomes.items()},
    }


def compare(
    ours: Run | Path | str,
    theirs: Run | Path | str,
    suites: Sequence[str] | None = None,
    *,
    full: bool = False,
    attempts: int = 20,
    seed: int = 0,
    advance: Advance = lambda suite, behind, total: None,
) -> dict[str, Any]:
    """The first run minus the second, pair by pair on the same levels with the same draws.

    `equal_ledger` says whether both spent as many environment steps for training, scoring and
    mutation (mean over seeds). If not, `at_equal_steps` holds the differences of the runs' own
    evaluations at the most steps both have reached, or None if they have none to compare.
    Raises ConfigError if the runs were trained in different environments.
    """
    runs = [run if isinstance(run, Run) else open_run(run) for run in (ours, theirs)]
    names = [run.experiment.environment for run in runs]
    if names[0] != names[1]:
        raise ConfigError(
            f"Two runs can be compared in one environment only, got {names[0]} and {names[1]}."
        )
    # Levels come from the first run's environment for both: its sizes may be part of the config.
    chosen = choose_suites(runs[0].experiment.env, suites, None, full=full, seed=seed)
    played = [
        play(run, _for(run, chosen, full, seed), attempts=attempts, seed=seed, advance=advance)
        for run in runs
    ]
    steps = [_mean(comparing.spent(run.state.ledger.totals())) for run in runs]
    equal = steps[0] == steps[1]
    report = {
        "runs": [_about(run) for run in runs],
        "attempts": attempts,
        "evaluation_seed": seed,
        "steps": steps,
        "equal_ledger": equal,
        "suites": {s.name: comparing.differences(*(p[s.name] for p in played)) for s in chosen},
    }
    if not equal:
        measured = [comparing.curves(run.directory.metrics()) for run in runs]
        report["at_equal_steps"] = comparing.at_equal_steps(*measured)
    return report


def choose_suites(
    env: Environment,
    names: Sequence[str] | None,
    levels: Path | str | None,
    *,
    full: bool,
    seed: int,
) -> list[Suite]:
    """The suites called `names` ("all" for each there is), then the file's. Raises ConfigError."""
    if names is None:
        names = [] if levels is not None else env.suites(full)[:1]
    if "all" in names:
        names = env.suites(full)
    key = stream(jax.random.key(seed), "levels of the suites")
    chosen = [env.suite(name, key, full) for name in dict.fromkeys(names)]
    return chosen + ([env.suite_from(Path(levels))] if levels is not None else [])


def play(
    run: Run, suites: Sequence[Suite], *, attempts: int, seed: int, advance: Advance
) -> dict[str, Outcome]:
    """Raw outcomes of every seed of a run."""
    return attempt_all(
        run.experiment.learner,
        run.state.learner,
        suites,
        seeds=len(run.seeds),
        attempts=attempts,
        seed=seed,
        advance=advance,
    )


class Decision(NamedTuple):
    """What the policy does, and what it will remember."""

    action: Any
    memory: PyTree


class Policy:
    """What a run has learned, ready to act in one episode at a time.

    `reset` before an episode, then `act` for each observation. Underneath, `decide` is a pure
    function of (learner state, observation, memory, key) for use inside `jit` and `vmap`.
    """

    def __init__(self, run: Run, seed: int | None = None):
        self.run = run
        self.experiment: Experiment = run.experiment
        self.env: Environment = run.experiment.env
        self.learner: Learner = run.experiment.learner
        self._state = self.learner_state(seed)
        self._decide = eqx.filter_jit(self.decide)
        self.reset()

    def learner_state(self, seed: int | None = None) -> Any:
        """The learner of one trained seed; by default of the first. Raises ConfigError."""
        seeds = self.run.seeds
        if seed is not None and seed not in seeds:
            raise ConfigError(f"The run has the seeds {seeds}, got seed={seed}.")
        index = 0 if seed is None else seeds.index(seed)
        return jax.tree.map(lambda leaf: leaf[index], self.run.state.learner)

    def initial_memory(self) -> PyTree:
        """Empty memory, for `decide`."""
        return self.learner.initial_memory(self._state, 1)

    def decide(
        self, learner_state: Any, observation: PyTree, memory: PyTree, key: Key[Array, ""]
    ) -> Decision:
        """Sample an action for one observation. Pure."""
        uniform: Float[Array, 1] = jax.random.uniform(key, (1,), jnp.float32)
        batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], observation)
        never = jnp.zeros(1, bool)
        acted = self.learner.act(learner_state, batch, memory, never, uniform)
        return Decision(acted.action[0], acted.memory)

    def reset(self, key: Key[Array, ""] | int = 0) -> None:
        """Forget everything and start an episode whose actions are drawn by `key`."""
        self._key = jax.random.key(key) if isinstance(key, int) else key
        self._time, self._memory = 0, self.initial_memory()

    def act(self, observation: PyTree) -> int:
        """The next action of this episode."""
        key = stream(self._key, "act", self._time)
        decision = self._decide(self._state, observation, self._memory, key)
        self._time, self._memory = self._time + 1, decision.memory
        return int(decision.action)


def load(path: Path | str, seed: int | None = None) -> Policy:
    """The policy that the run at `path` has learned; of its first seed by default."""
    return Policy(open_run(path), seed)


def _for(run: Run, suites: Sequence[Suite], full: bool, seed: int) -> list[Suite]:
    """The same levels, played through this run's own environment (it may see them otherwise)."""
    if all(suite.env == run.experiment.env for suite in suites):
        return list(suites)
    own = choose_suites(run.experiment.env, [s.name for s in suites], None, full=full, seed=seed)
    return [suite._replace(env=mine.env) for suite, mine in zip(suites, own, strict=True)]


def _about(run: Run) -> dict[str, Any]:
    experiment = run.experiment
    return {
        "run": str(run.directory.path),
        "environment": experiment.environment,
        "method": experiment.method,
        "seeds": run.seeds,
        "ledger": run.state.ledger.totals(),
    }


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)
