"""A search from its first trial to its test: `cairn.tune` and `cairn tune` are both this."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from cairn.core import files
from cairn.core.errors import ConfigError
from cairn.core.sections import values as plain
from cairn.engine.interrupts import interrupts
from cairn.envs.check import check as check_env
from cairn.envs.protocol import Environment
from cairn.runs.experiment import Experiment
from cairn.runs.files import to_toml
from cairn.tuning import population, results
from cairn.tuning.config import TuneConfig, budget, check
from cairn.tuning.dehb import dehb
from cairn.tuning.directory import TuneRun
from cairn.tuning.pool import Interrupted, Job, Pools
from cairn.tuning.reach import shortfall
from cairn.tuning.scoring import Purpose, Scorer, check_metric, choose_suite, scorers
from cairn.tuning.search import Proposal, Score, Search, random_search
from cairn.tuning.space import Space, space
from cairn.tuning.traced import traceable
from cairn.tuning.trials import Standing, Trial
from cairn.tuning.work import Entry, Line, Show, Work, mean, together

ON_ACCELERATORS = 32
"""Rows of a program there."""


class Tuned(NamedTuple):
    """What a search leaves."""

    run: TuneRun
    result: Mapping[str, Any] | None
    """What stands in result.json. None after Ctrl-C: the same call goes on."""


def tune(
    experiment: Experiment,
    search: Mapping[str, Any],
    directory: Path | str | None = None,
    *,
    show: Show = lambda progress: None,
    say: Callable[[str], None] = lambda text: None,
    **settings: Any,
) -> Tuned:
    """Look for settings of `experiment` in the space `search`, then test the best on other seeds.

    `search` is by setting: "log:1e-4,1e-2", "0.1,1.0", "walls|mixed", a list of choices or a table
    {low, high, log}. `settings` are the fields of `cairn.tuning.config.TuneConfig`. One trial is
    `experiment` as it is, for each of its seeds, with some settings changed. Called again with the
    same arguments it goes on where it stopped, to the same result.

    Raises ConfigError for a search that cannot be, RunError for a directory of something else.
    """
    config = TuneConfig(**settings)
    if isinstance(experiment.env, Environment):
        check_env(experiment.env)
    check(config, experiment)
    found = space(search, experiment)
    suite = choose_suite(experiment, config.suite) if config.metric is None else None
    if suite is None and config.metric is None:
        raise ConfigError(f"{experiment.method} has nobody to test: name a --metric to tune by.")
    described = describe(experiment, found, config)
    path = Path(directory or default_directory(experiment, described))
    if path.exists() and (run := TuneRun.at(path, described)).result is not None:
        say(f"Search: {run.path}, complete.")
        return Tuned(run, run.result)
    pools = Pools(experiment, traceable(experiment, tuple(found.parameters)), rows(config))
    rated = begin(experiment, found, config, suite, pools)
    run = TuneRun.at(path, described)
    say(f"Search: {run.path}{', resumed' if run.lines() else ''}")
    with run.lock(), interrupts() as interrupted:
        run.mend()
        work = Work(experiment, pools, rated, config.metric, run, interrupted.is_set)
        say(_how(work, found))
        if (short := shortfall(work, config)) is not None:
            say(short)
        try:
            return Tuned(run, _search(work, found, config, suite, show))
        except Interrupted:
            return Tuned(run, None)


def begin(
    experiment: Experiment, found: Space, config: TuneConfig, suite: str | None, pools: Pools
) -> dict[Purpose, Scorer]:
    """What trials are tested by. Raises ConfigError for what could not be known before.

    That is: a metric that the method lacks, or weights that a population could not share.
    """
    if config.metric is not None:
        check_metric(experiment, config.metric)
    if config.tuner == "pbt":
        population.check_weights_fit(experiment, pools, found)
    if suite is None:
        return {}
    return scorers(experiment.env, suite, config.levels, config.attempts)


def rows(config: TuneConfig) -> int:
    """By default as many as there are devices; on an accelerator that has room, more."""
    usual = len(jax.devices()) if jax.default_backend() == "cpu" else ON_ACCELERATORS
    return config.rows or usual


def describe(experiment: Experiment, found: Space, config: TuneConfig) -> dict[str, Any]:
    """All that decides what the search does, for config.json."""
    tuning = plain(config) | {"rows": rows(config), "budget": budget(config, experiment)}
    return experiment.to_dict() | {"search": found.to_dict(), "tuning": tuning}


def default_directory(experiment: Experiment, described: Mapping[str, Any]) -> Path:
    """runs/tune-TASK-METHOD-HASH: the same command finds its own search again."""
    names = (experiment.task, experiment.method)
    name = "-".join(name.rpartition(":")[2].replace("/", "-") for name in names)
    hashed = hashlib.sha256(files.to_json(described, sort_keys=True).encode()).hexdigest()[:8]
    return Path("runs") / f"tune-{name}-{hashed}"


def _search(
    work: Work, found: Space, config: TuneConfig, suite: str | None, show: Show
) -> Mapping[str, Any]:
    rng = np.random.default_rng(config.search_seed)
    standing = Standing(budget(config, work.experiment), show, lambda: len(work.done))
    work.announce = standing.compiling
    if config.tuner == "pbt":
        population.train(work, found, rng, config, standing)
    else:
        run = work.experiment.run
        tuner = (
            dehb(found, rng, steps=run.steps, rungs=config.rungs)
            if config.tuner == "dehb"
            else random_search(
                found, rng, steps=run.steps, batch=max(1, work.pools.rows // run.seeds)
            )
        )
        trials(work, tuner, standing)
    result = results.tested(work, config, suite, found, standing)
    best = results.best_of(work, standing)
    work.run.finish(result, None if best is None else to_toml(best))
    return result


def trials(work: Work, tuner: Search, standing: Standing) -> None:
    """Make what the tuner proposes, as long as the budget bears it.

    A batch is cut where its trials would exceed what is left. A trial is taken to cost what one as
    long has cost before, whole chunks and test included; the first of its length, its steps.
    """
    proposals = next(tuner)
    while True:
        seeds = work.experiment.run.seeds
        prices = [max(seeds * one.steps, standing.price(one.steps)) for one in proposals]
        allowed = standing.affordable(prices)
        scores: list[Score] = []
        if allowed:
            entries = [
                entry
                for place, proposal in enumerate(proposals[:allowed])
                for entry in _entries(work, len(standing.trials) + place, proposal)
            ]
            lines = work.do(entries, lambda line: standing.hear(f"trial {line['number']}", line))
            for first in range(0, len(lines), seeds):
                trial = _trial(work, lines[first : first + seeds], proposals[first // seeds])
                standing.add(trial)
                scores.append(trial.score)
        if allowed < len(proposals):
            return
        proposals = tuner.send(scores)


def _entries(work: Work, number: int, proposal: Proposal) -> list[Entry]:
    run = work.experiment.run
    about = {"rung": proposal.rung, "bracket": proposal.bracket}
    return [
        Entry(("trial", number, seed), Job(proposal.values, seed, proposal.steps), about)
        for seed in range(run.seed, run.seed + run.seeds)
    ]


def _trial(work: Work, lines: list[Line], proposal: Proposal) -> Trial:
    """One trial from the lines of its seeds."""
    ledger = together([line["ledger"] for line in lines])
    scores = [line["score"] for line in lines]
    failed = next((line["failed"] for line in lines if line["failed"]), None)
    return Trial(
        number=lines[0]["number"],
        rung=proposal.rung,
        schedule=[(proposal.steps, proposal.values)],
        scores=scores,
        score=mean(scores),
        failed=failed,
        ledger=ledger,
        cost=work.cost(ledger),
    )


def _how(work: Work, found: Space) -> str:
    """Which settings share a program, and which compile anew."""
    anew = [name for name in found.parameters if name not in work.pools.traced]
    together = [name for name in found.parameters if name in work.pools.traced]
    said = f"In one program of {work.pools.rows} rows: {', '.join(together) or 'none'}."
    return said + (f" Compiled anew for each value: {', '.join(anew)}." if anew else "")
