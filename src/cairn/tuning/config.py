"""Settings of a search."""

from dataclasses import dataclass
from typing import Literal

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.runs.experiment import Experiment

TRAININGS = 12
"""What a search may cost by default, in full trainings."""


@dataclass(frozen=True)
class TuneConfig:
    """How settings are looked for, and how what was found is tested."""

    tuner: Literal["dehb", "random", "pbt"] = "dehb"
    """Differential evolution over short and long trainings (DEHB), random draws, or a population
    whose settings change while it trains (PBT)."""
    budget: int | None = None
    """Steps of the whole search, tests of its trials among them, of all seeds together. Default:
    those of 12 full trainings; for pbt what its population takes. The test at the end is beside it:
    (incumbents + baseline) x test_seeds full trainings."""
    suite: str | None = None
    """Levels that trials are scored on: drawn by a rule, never the named ones. Default: procedural,
    or else the environment's first."""
    levels: int = 64
    """How many of them, spread over the suite."""
    attempts: int = 1
    """At each level."""
    metric: str | None = None
    """Score trials by this metric's mean over the last chunk instead: for methods without tests."""
    rungs: int = 3
    """dehb: lengths of training; each is a third of the next, the last is the full one."""
    population: int = 8
    """pbt: members that train side by side."""
    intervals: int = 10
    """pbt: how often the worst take over from the best, plus one."""
    test_seeds: int = 5
    """Seeds on which the best settings are trained anew, none of them a tuning seed."""
    first_test_seed: int = 100
    """The first of these."""
    incumbents: int = 1
    """How many of the best settings are tested so."""
    baseline: bool = True
    """Whether the settings one began with are tested too."""
    search_seed: int = 0
    """Fixes what is tried."""
    rows: int = 0
    """Trainings side by side in one program; 0: the devices there are, on accelerators 32."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "levels", "attempts", "rungs", "intervals", "test_seeds")
        checks.at_least(self, 1, "incumbents")
        checks.at_least(self, 2, "population")
        checks.at_least(self, 0, "rows", "search_seed", "first_test_seed")
        if self.budget is not None and self.budget < 1:
            raise ConfigError(f"budget must be at least 1, got {self.budget}.")


def check(config: TuneConfig, experiment: Experiment) -> None:
    """Raise ConfigError for what does not go together."""
    run = experiment.run
    if experiment.how.program(experiment.setup(None)).pretrained is not None:
        raise ConfigError("weights must be left out: trials begin with new models.")
    tuning = range(run.seed, run.seed + run.seeds)
    test = range(config.first_test_seed, config.first_test_seed + config.test_seeds)
    if both := set(tuning) & set(test):
        raise ConfigError(
            f"Seed {min(both)} is both a tuning and a test seed: what was found would be tested on "
            f"what it was chosen by. Choose another --first-test-seed or --seed."
        )
    least = experiment.how.least(experiment.setup(None))
    if config.tuner == "dehb" and run.steps // 3 ** (config.rungs - 1) < least:
        raise ConfigError(
            f"The shortest of {config.rungs} rungs would train for "
            f"{run.steps // 3 ** (config.rungs - 1)} steps, less than a cycle's {least}. "
            f"Take fewer --rungs or more --steps."
        )
    one = run.steps * run.seeds
    needed = one * config.population if config.tuner == "pbt" else one
    if config.budget is not None and config.budget < needed:
        what = f"a population of {config.population}" if config.tuner == "pbt" else "one trial"
        raise ConfigError(
            f"budget must be at least {needed}, what {what} takes ({run.steps} steps, "
            f"{run.seeds} seeds), got {config.budget}. Raise it or lower --steps or --seeds."
        )


def budget(config: TuneConfig, experiment: Experiment) -> int:
    """The search's, in steps of all seeds together."""
    one = experiment.run.steps * experiment.run.seeds
    return config.budget or one * (config.population if config.tuner == "pbt" else TRAININGS)
