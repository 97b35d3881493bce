"""What a search's budget reaches, said before anything is paid."""

from cairn.core.console import plural
from cairn.envs.protocol import Environment
from cairn.tuning.config import TuneConfig, budget
from cairn.tuning.dehb import bracket_sizes, ladder
from cairn.tuning.work import Work


def first_full(work: Work, config: TuneConfig) -> int:
    """The most that dehb spends until it has trained one trial in full: its first bracket in whole
    chunks, each trial with a test in which no episode ends early."""
    experiment = work.experiment
    run, lengths = experiment.run, ladder(experiment.run.steps, config.rungs)
    chunk = experiment.how.least(experiment.setup(None)) * run.log_every
    scorer, test = work.scorers.get("tuning"), 0
    if scorer is not None and isinstance(experiment.env, Environment):
        test = scorer.number * experiment.env.max_steps
    sizes = bracket_sizes(config.rungs, 0)
    one = (number * (-(-lengths[rung] // chunk) * chunk + test) for rung, number in sizes)
    return run.seeds * sum(one)


def shortfall(work: Work, config: TuneConfig) -> str | None:
    """A line for whom the budget may buy no full training, or None. Only dehb begins short."""
    given, run = budget(config, work.experiment), work.experiment.run
    if config.tuner != "dehb" or given >= (needed := first_full(work, config)):
        return None
    return (
        f"A budget of {given:,} may reach no full training of {run.steps:,} steps on "
        f"{plural(run.seeds, 'seed')}, and then the best short one is taken: give at least "
        f"--budget {needed}."
    )
