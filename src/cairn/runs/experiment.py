"""A whole run described: task, method, settings, budget. From it everything is built."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import jax
from jaxtyping import PyTree

from cairn.core import sections as settings
from cairn.core.errors import ConfigError, RunError
from cairn.engine import devices
from cairn.engine.compiled import Compiled, SeedForm, compile_program
from cairn.engine.program import Program
from cairn.runs import catalogue
from cairn.runs.method import Method, Setup


@dataclass(frozen=True)
class RunConfig:
    """Budget, seeds, and how often the run looks up from its work."""

    steps: int = 8_192_000
    """Budget of each seed, of what its method counts: environment steps for training, scoring and
    mutation; evaluations; or updates. Rounded up to whole chunks of `log_every` cycles."""
    seeds: int = 1
    """How many seeds train in this one program: seed, seed + 1, ..."""
    seed: int = 0
    """The first seed."""
    devices: int = 0
    """Devices that share the work: seeds first, then columns. 0 takes as many as divide it; the
    number found is saved, because a run goes on exactly only with as many as it began with."""
    log_every: int = 10
    """Cycles in one compiled chunk, and in one line of metrics."""
    evaluate_every: int = 10
    """Chunks between two evaluations during the run; 0 for only one at the end."""
    audit_every: int = 0
    """Chunks between two audits of the scores, whose rank correlations with the truth become
    metrics of the run; 0: none. Each plays 64 levels of every source 17 times: see cairn audit."""
    checkpoint_every: int = 10
    """Chunks between two checkpoints; there is always one at the end and after Ctrl-C."""
    keep_checkpoints: int | Literal["all"] = 2
    """How many checkpoints stay, the newest; or all."""
    log: Literal["none", "tensorboard", "wandb", "trackio"] = "none"
    """Send the metrics to this tracker too. They are always in metrics.jsonl."""

    def __post_init__(self) -> None:
        for name in ("steps", "seeds", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.steps >= 2**63:
            raise ConfigError(f"steps must stay below 2^63, got {self.steps}.")
        for name in ("evaluate_every", "audit_every"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must not be negative, got {getattr(self, name)}.")
        if self.keep_checkpoints != "all" and self.keep_checkpoints < 1:
            raise ConfigError(
                f"keep_checkpoints must be all or at least 1, got {self.keep_checkpoints}."
            )
        if not 0 <= self.seed < 2**32 - self.seeds:
            raise ConfigError(f"seed must lie in [0, 2^32 - seeds), got {self.seed}.")


@dataclass(frozen=True)
class Experiment:
    """All there is to know before the first step."""

    task: str
    """Name of what is learned, or `package.module:Class`."""
    method: str
    """Name of how, or `package.module:Name`."""
    sections: Mapping[str, Any]
    """`task`, then the method's sections: dataclasses whose fields are settings."""
    run: RunConfig
    learner: str = "ppo"
    """Name of who learns, or `package.module:Name`, where the method leaves that open."""
    kept: Path | None = None
    """What its run has kept of the folder that its model came from (`RunDir.kept`)."""

    def __post_init__(self) -> None:
        for name, setting in settings.settings(self.everything).items():
            if isinstance(setting.value, float) and not math.isfinite(setting.value):
                raise ConfigError(
                    f"{name} must be a finite number, got {setting.value}: JSON, in which a run's "
                    f"settings are saved, has no other."
                )
        setup = self.setup(None)
        self.how.check(setup)
        if self.run.audit_every and self.how.program(setup).valuation is None:
            raise ConfigError(
                f"audit_every must be 0 here, got {self.run.audit_every}: {self.method} has no "
                f"levels whose scores could be audited."
            )
        least = self.how.least(setup)
        if self.run.steps < least:
            raise ConfigError(f"steps must be at least {least}, one cycle's, got {self.run.steps}.")

    @cached_property
    def how(self) -> Method:
        """The method itself."""
        return catalogue.method(self.method)

    @property
    def env(self) -> Any:
        """The task itself: for most wings an environment."""
        return self.sections["task"]

    @property
    def algorithm(self) -> Any:
        """The method's own settings."""
        return self.sections["algorithm"]

    @property
    def student(self) -> Any:
        """The settings of the student."""
        return self.sections["student"]

    @property
    def everything(self) -> dict[str, Any]:
        """All sections, the run's among them."""
        return {**self.sections, "run": self.run}

    def changed(self, values: Mapping[str, Any]) -> "Experiment":
        """With some settings changed, by short or long name. Raises ConfigError."""
        return self.with_sections(settings.change(self.everything, values))

    def with_sections(self, sections: Mapping[str, Any]) -> "Experiment":
        """With these sections, the run's among them, in the place of its own."""
        others = {name: part for name, part in sections.items() if name != "run"}
        return dataclasses.replace(self, sections=others, run=sections["run"])

    def setup(self, layout: devices.Layout | None) -> Setup:
        """What the method is bound to, on these devices (None: on one)."""
        open_roles = None in self.how.sections.values()
        learner = catalogue.learner(self.learner) if open_roles else None
        mesh = None if layout is None else layout.columns
        return Setup(self.env, self.sections, self.run.steps, learner, mesh, self.task, self.kept)

    @property
    def layout(self) -> devices.Layout:
        """How the devices share the work."""
        run = self.run
        count = run.devices or devices.usable(run.seeds, self.shared_columns)
        return devices.plan(count, run.seeds, self.shared_columns)

    @property
    def shared_columns(self) -> int:
        """What devices must divide to share columns."""
        return self.how.columns(self.setup(None))

    @property
    def program(self) -> Program:
        """The method bound to its task and settings, on the devices that share the work."""
        return self.how.program(self.setup(self.layout))

    def compiled(self, form: SeedForm | None = None) -> Compiled:
        """The program for all seeds, in another form than usual if asked for."""
        run = self.run
        return compile_program(
            self.program,
            seed=run.seed,
            seeds=run.seeds,
            cycles=run.log_every,
            budget=run.steps,
            layout=self.layout,
            form=form,
        )

    def state_shape(self) -> PyTree:
        """Shapes and dtypes of the state of all seeds, for loading: on whatever machine."""
        here = dataclasses.replace(self, run=dataclasses.replace(self.run, devices=1))
        return jax.eval_shape(here.compiled().init)

    def to_dict(self) -> dict[str, Any]:
        """Plain nested values, for config.json; a learner where the method leaves it open."""
        names = {"task": self.task, "method": self.method}
        if None in self.how.sections.values():
            names["learner"] = self.learner
        return {
            "experiment": names,
            **{name: settings.values(part) for name, part in self.everything.items()},
        }

    @classmethod
    def from_dict(cls, config: Mapping[str, Any], kept: Path | None = None) -> "Experiment":
        """Back from `to_dict`; of a run with what it has `kept`.

        Raises RunError if a field is unknown to this release, ConfigError if the method, task or
        learner cannot be imported any more.
        """
        try:
            names = config["experiment"]
            how = catalogue.method(names["method"])
            kinds = section_classes(how, names.get("learner", "ppo"))
            parts = {name: kind(**_plain(config[name])) for name, kind in kinds.items()}
            task = catalogue.task(names["task"])(**_plain(config["task"]))
            run = RunConfig(**config["run"])
            return cls(run=run, sections={"task": task, **parts}, kept=kept, **names)
        except (KeyError, TypeError, ValueError) as error:
            why = str(error).split("\n", 1)[0]  # a class that checks its types says more
            raise RunError(
                f"The run's config.json does not fit this release of cairn: {why}. "
                f"Use the release named in its versions.json."
            ) from error


def _plain(table: Any) -> dict[str, Any]:
    """JSON knows no tuples, and a setting that is a list would not be one value.

    Raises TypeError or ValueError for what is no table.
    """
    return {name: tuple(v) if isinstance(v, list) else v for name, v in dict(table).items()}


def section_classes(how: Method, learner: str) -> dict[str, type]:
    """The class of each section of a method, roles played by the chosen learner among them."""
    return {
        name: catalogue.learner(learner).Config if kind is None else kind
        for name, kind in how.sections.items()
    }


def rounded_steps(experiment: Experiment) -> int:
    """The budget in whole chunks, for methods whose every cycle costs the same; else as asked."""
    if not experiment.how.constant_cost:
        return experiment.run.steps
    chunk = experiment.how.least(experiment.setup(None)) * experiment.run.log_every
    return -(-experiment.run.steps // chunk) * chunk
