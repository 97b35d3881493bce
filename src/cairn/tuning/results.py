"""What a search found: the best settings, trained anew on seeds and levels not used before."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from cairn.core.counts import unit
from cairn.core.stats import bootstrap, bootstrap_of_shares, interval, mean
from cairn.envs.protocol import Environment
from cairn.runs.experiment import Experiment
from cairn.tuning.config import TuneConfig
from cairn.tuning.directory import BEST
from cairn.tuning.pool import Job
from cairn.tuning.population import advanced
from cairn.tuning.search import Score
from cairn.tuning.space import Space, Values
from cairn.tuning.trials import Schedule, Standing, Trial
from cairn.tuning.verdict import verdict
from cairn.tuning.work import Entry, Line, Work, together


def tested(
    work: Work, config: TuneConfig, suite: str | None, space: Space, standing: Standing
) -> dict[str, Any]:
    """Train and test the incumbents and what one began with, and say what all of it cost."""
    run, best = work.experiment.run, standing.best(config.incumbents)
    seeds = range(config.first_test_seed, config.first_test_seed + config.test_seeds)
    incumbents = []
    spent: list[Mapping[str, int]] = []
    for place, trial in enumerate(best):
        # One chosen by a short training is tested at the length that is wanted, as all are.
        whole = trial.schedule if len(trial.schedule) > 1 else [(run.steps, trial.schedule[0][1])]
        lines = _trained(work, "incumbent", place, whole, seeds, standing)
        spent += [line["ledger"] for line in lines]
        incumbents.append(_incumbent(trial, lines))
    baseline = None
    if config.baseline:
        lines = _trained(work, "default", 0, [(run.steps, _own(work, space))], seeds, standing)
        spent += [line["ledger"] for line in lines]
        baseline = {"values": _own(work, space), "test": _figures(lines)}
    ledger = together([trial.ledger for trial in standing.trials])
    return {
        "task": work.experiment.task,
        "method": work.experiment.method,
        "tuner": config.tuner,
        "scored_by": _scored_by(work, config, suite),
        "space": space.to_dict(),
        "one_program": [name for name in space.parameters if name in work.pools.traced],
        "compiled_anew": [name for name in space.parameters if name not in work.pools.traced],
        "tuning_seeds": list(range(run.seed, run.seed + run.seeds)),
        "test_seeds": list(seeds),
        "trials": len(standing.trials),
        "failed": sum(trial.failed is not None for trial in standing.trials),
        "cost": {
            "budget": standing.budget, "spent": standing.spent, "unit": unit(ledger) if ledger
            else "", "tuning": ledger, "test": together(spent),
        },
        "trajectory": [list(point) for point in standing.trajectory],
        "incumbents": incumbents,
        "default": baseline,
        "verdict": verdict({"incumbents": incumbents, "default": baseline}),
        "train": None if best_of(work, standing) is None else f"cairn train --config {BEST}",
    }  # fmt: skip


def _trained(
    work: Work, phase: str, place: int, schedule: Schedule, seeds: range, standing: Standing
) -> list[Line]:
    """Lines of the schedule on every seed, those on file not made again."""
    hear = lambda line: standing.hear("test", line)  # noqa: E731
    steps = schedule[-1][0]
    entries = [Entry((phase, place, s), Job(schedule[-1][1], s, steps), {}) for s in seeds]
    if len(schedule) == 1:
        return work.do(entries, hear)
    wanted = [entry for entry in entries if entry.key not in work.done]
    for entry in wanted:
        _follow(work, entry, schedule, standing)
    return [work.done[entry.key] for entry in entries]


def _follow(work: Work, entry: Entry, schedule: Schedule, standing: Standing) -> None:
    """Train one row through changing settings; its line is that of the whole."""
    seed, steps = entry.job.seed, schedule[-1][0]
    jobs = [Job(values, seed, steps) for _, values in schedule]
    state = work.pools.of(jobs[0]).begin(jobs[:1])
    for (end, _), job in zip(schedule[:-1], jobs[:-1], strict=True):
        state, _ = work.pools.of(job).train(state, [job], [end], work.stopped)
    row = jax.tree.map(lambda leaf: leaf[:1], state)
    advanced(work, [entry], [row], steps, standing, since=False)


def _incumbent(trial: Trial, lines: Sequence[Line]) -> dict[str, Any]:
    known = [score for score in trial.scores if score is not None]
    tuning: dict[str, Any] = _estimate(known) | {"steps": trial.schedule[-1][0]}
    test = _figures(lines)
    alike = test["score"] is not None and test["steps"] == tuning["steps"]
    gap = tuning["score"] - test["score"] if alike else None
    return {
        "trial": trial.number,
        "values": dict(trial.schedule[-1][1]),
        "schedule": [{"until": until, "values": dict(v)} for until, v in trial.schedule],
        "tuning": tuning,
        "test": test,
        "gap": gap,
    }


def _figures(lines: Sequence[Line]) -> dict[str, Any]:
    """Mean over seeds with its interval; a seed that failed is said and left out."""
    scores: list[Score] = [line["score"] for line in lines]
    known = [score for score in scores if score is not None]
    told = {"by_seed": scores, "failed": len(scores) - len(known), "steps": lines[0]["steps"]}
    return _estimate(known) | told


def _estimate(scores: Sequence[float]) -> dict[str, Any]:
    if not scores:
        return {"score": None, "interval": [None, None], "interval_over": "seeds"}
    array = np.asarray(scores, np.float64)[:, None]
    shares = ((array >= 0) & (array <= 1)).all()
    # Wilson's where all seeds agree on a share: an interval of no width would claim certainty.
    estimate = (bootstrap_of_shares if shares else bootstrap)(array, mean)
    return {"score": estimate.value, **interval(estimate), "by_seed": list(scores)}


def _own(work: Work, space: Space) -> Values:
    """What one began with, of the settings that were searched."""
    found = {}
    for name in space.parameters:
        section, _, field = name.partition(".")
        found[name] = getattr(work.experiment.everything[section], field)
    return found


def _scored_by(work: Work, config: TuneConfig, suite: str | None) -> dict[str, Any]:
    env = work.experiment.env
    if suite is None or not isinstance(env, Environment):
        return {"metric": config.metric}
    sign = "" if env.higher_is_better else ", negated: lower is better"
    return {
        "suite": suite,
        "levels": work.scorers["tuning"].chosen,
        "attempts": config.attempts,
        "measure": env.measure + sign,
    }


def best_of(work: Work, standing: Standing) -> Experiment | None:
    """What to train with, all settings of the trial; None where none is or they changed."""
    best = standing.best(1)
    if not best or len(best[0].schedule) > 1:
        return None
    return work.experiment.changed(dict(best[0].schedule[0][1]))
