"""How good is what a run learned? Test one, compare two. Reading never changes a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

from cairn.core.counts import cost
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.envs.protocol import Environment, Suite
from cairn.evaluation import compare as comparing
from cairn.evaluation.equal import at_equal_steps, curves
from cairn.evaluation.evaluate import Actions, Advance, Results
from cairn.evaluation.evaluate import evaluate as attempt_all
from cairn.evaluation.summary import summarise
from cairn.runs.open import Run, check_plays, one_seed, open_run


def evaluate(
    run: Run | Path | str,
    suites: Sequence[str] | None = None,
    *,
    levels: Path | str | None = None,
    full: bool = False,
    attempts: int = 20,
    seed: int = 0,
    role: str | None = None,
    actions: Actions = "sampled",
    advance: Advance = lambda suite, behind, total: None,
) -> dict[str, Any]:
    """Test a run on its environment's suites (default: the first) and on a file of `levels`.

    Actions are sampled from the policy, or always its most likely ones (`greedy`). Returns plain
    values for JSON: `suites` holds, for each, the name of its `measure` (`solve_rate`), that
    figure, its `interval` and `interval_over`, and the same for every level under `levels`. See
    `cairn.evaluation.summary`.
    """
    run = run if isinstance(run, Run) else open_run(run)
    run.actor(role)  # refused before any level is drawn, if there is nobody to test
    chosen = choose_suites(run.experiment.env, suites, levels, full=full, seed=seed)
    found = results(
        run, chosen, attempts=attempts, seed=seed, advance=advance, role=role, actions=actions
    )
    return {
        **_about(run),
        "attempts": attempts,
        "actions": actions,
        "role": role,
        "evaluation_seed": seed,
        "suites": {name: summarise(result) for name, result in found.items()},
    }


def compare(
    ours: Run | Path | str,
    theirs: Run | Path | str,
    suites: Sequence[str] | None = None,
    *,
    full: bool = False,
    attempts: int = 20,
    seed: int = 0,
    role: str | None = None,
    advance: Advance = lambda suite, behind, total: None,
) -> dict[str, Any]:
    """The first run minus the second, pair by pair on the same levels with the same draws.

    `equal_ledger` says whether both spent as many environment steps for training, scoring and
    mutation (mean over seeds). If not, `at_equal_steps` holds the differences of the runs' own
    evaluations at the most steps both have reached, or None if they have none to compare.
    `role` is who plays for both, by default the one whose tests each run reports.
    Raises ConfigError if the runs were trained in different environments.
    """
    runs = [run if isinstance(run, Run) else open_run(run) for run in (ours, theirs)]
    names = [run.experiment.task for run in runs]
    if names[0] != names[1]:
        raise ConfigError(
            f"Two runs can be compared in one environment only, got {names[0]} and {names[1]}."
        )
    for run in runs:
        run.actor(role)
    # Levels come from the first run's environment for both: its sizes may be part of the config.
    chosen = choose_suites(runs[0].experiment.env, suites, None, full=full, seed=seed)
    played = [
        results(
            run,
            _for(run, chosen, full, seed),
            attempts=attempts,
            seed=seed,
            advance=advance,
            role=role,
        )
        for run in runs
    ]
    steps = [_mean(cost(run.state.ledger.totals())) for run in runs]
    equal = steps[0] == steps[1]
    report = {
        "runs": [_about(run) for run in runs],
        "attempts": attempts,
        "role": role,
        "evaluation_seed": seed,
        "steps": steps,
        "equal_ledger": equal,
        "suites": {s.name: comparing.differences(*(p[s.name] for p in played)) for s in chosen},
    }
    if not equal:
        measured = [curves(run.directory.metrics()) for run in runs]
        report["at_equal_steps"] = at_equal_steps(*measured)
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


def results(
    run: Run,
    suites: Sequence[Suite],
    *,
    attempts: int,
    seed: int,
    advance: Advance,
    role: str | None = None,
    actions: Actions = "sampled",
) -> dict[str, Results]:
    """Raw results of every seed of a run. Raises ConfigError for a role that plays another game."""
    actor = run.actor(role)
    for suite in suites if role is not None else ():  # the usual one plays the usual game
        first = actor._replace(state=one_seed(actor.state, 0))
        check_plays(first, suite.env, f"The {role} of {run.directory.path}", "Test somebody else.")
    return attempt_all(
        actor.policy,
        actor.state,
        suites,
        seeds=len(run.seeds),
        attempts=attempts,
        seed=seed,
        actions=actions,
        advance=advance,
    )


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
        "environment": experiment.task,
        "method": experiment.method,
        "seeds": run.seeds,
        "ledger": run.state.ledger.totals(),
    }


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)
