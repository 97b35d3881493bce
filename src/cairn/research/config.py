"""Everything that decides a search, field by field."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cairn.core.budget import Limits
from cairn.core.errors import ConfigError
from cairn.core.overrides import change
from cairn.core.typed import build, plain, read_toml
from cairn.engine.journaled import Config as Engine
from cairn.lm.cast import Application, Model, Player, shaping
from cairn.lm.prices import check_prices
from cairn.lm.shared import DEFAULT, share
from cairn.lm.spend import Spend
from cairn.research.demo import Researcher
from cairn.research.evaluation import Problem
from cairn.research.operators import operators_of
from cairn.research.policies.base import TreePolicy
from cairn.research.policies.table import policy_of
from cairn.research.searching import RESEARCHER, Asking
from cairn.research.selection import Selection
from cairn.research.shipped.researcher import ShippedResearcher


@dataclass(frozen=True)
class Policy:
    """Where the search goes on."""

    name: str = "mcts"
    """greedy, aide, mcts, evolution, ab-mcts-a, ab-mcts-m, map-elites, shinka, pareto, restarts,
    best-of, linear, or one's own at `package.module:Name`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The policy's own: its fields."""

    def made(self) -> TreePolicy:
        """The policy itself."""
        return policy_of(self.name, self.settings)


@dataclass(frozen=True)
class Programs:
    """What all evaluations of a run may use together, and how many run at a time."""

    cpu_s: float | None = None
    """Processor seconds."""
    wall_s: float | None = None
    """Seconds that they ran, summed over them."""
    memory_mb: int | None = None
    """Memory of those that run at a time: fewer run at once."""

    def __post_init__(self):
        for name in ("cpu_s", "wall_s", "memory_mb"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ConfigError(f"programs.{name} must be above 0, got {value}.")

    def limits(self) -> Limits:
        """As the desk counts."""
        cpu_ms = None if self.cpu_s is None else round(1000 * self.cpu_s)
        wall_ms = None if self.wall_s is None else round(1000 * self.wall_s)
        return Limits(cpu_ms=cpu_ms, wall_ms=wall_ms, memory_mb=self.memory_mb)


@dataclass(frozen=True)
class ResearchConfig:
    """A search: the task, the policy, who is asked, and how the final node is chosen."""

    task: str
    """A shipped task, a task folder, or one's own at `package.module:Name`."""
    policy: Policy = field(default_factory=Policy)
    asking: Asking = field(default_factory=Asking)
    selection: Selection = field(default_factory=Selection)
    engine: Engine = field(default_factory=lambda: Engine(trials=50, lag=8, workers=2))
    limits: Spend = field(default_factory=Spend)
    programs: Programs = field(default_factory=Programs)
    models: Mapping[str, Model | Application] = field(default_factory=dict)
    """By role; operators ask the researcher unless [asking.roles] says otherwise."""
    simulation: Researcher | ShippedResearcher | None = None
    """A scripted researcher in place of a model: the demo's, or that of a shipped task."""

    def __post_init__(self):
        missing = [role for role in self.asking.asked if role not in self.models]
        if self.simulation is None and missing:
            raise ConfigError(
                f"[models.{missing[0]}] is missing: who plays that role? (--demo needs no model.)"
            )
        if self.simulation is not None and self.models:
            raise ConfigError("a [simulation] has no [models]: leave one of them out.")
        if self.engine.trials < 1:
            raise ConfigError(f"engine.trials must be at least 1, got {self.engine.trials}.")
        operators_of(self.asking.operators)
        policy = self.policy.made()
        for arm in getattr(policy, "arms", ()):
            if arm not in self.asking.asked:
                raise ConfigError(
                    f"policy.settings.arms names the role {arm!r}: name it in [asking] arms too "
                    f"(there are {', '.join(self.asking.asked)})."
                )
        prices = {role: model.price for role, model in self.models.items()}
        check_prices(self.limits.limits(), prices, scope="the run")


def players(config: ResearchConfig) -> dict[str, Player]:
    """Who plays each role."""
    if config.simulation is None:
        return dict(config.models)
    return dict.fromkeys(config.asking.asked, config.simulation.model(config.engine.seed))


def read_config(path: Path, changes: Mapping[str, str]) -> ResearchConfig:
    """A config from a TOML file, with what flags change."""
    return config_of(read_toml(path), changes)


def config_of(table: Mapping[str, Any], changes: Mapping[str, str]) -> ResearchConfig:
    """A config from a table, with what flags change. Raises ConfigError."""
    table = change(ResearchConfig, table, changes)
    engine = {"trials": 50, "lag": 8, "workers": 2, **table.get("engine", {})}
    table = {**table, "engine": engine}
    models = table.get("models")
    if isinstance(models, Mapping) and DEFAULT in models:
        asking = build(Asking, table.get("asking", {}), "asking")
        table["models"] = share(models, asking.asked)
    return build(ResearchConfig, table)


def tied(config: ResearchConfig, problem: Problem) -> dict[str, Any]:
    """The part of a config that decides the tree: what the journal is tied to."""
    record: dict[str, Any] = plain(config)
    for name in ("selection", "limits", "programs", "engine"):
        record.pop(name, None)
    record["models"] = {role: shaping(model) for role, model in config.models.items()}
    record["problem"] = {
        "name": problem.name,
        "description": problem.description,
        "initial": problem.initial,
        "fingerprint": problem.fingerprint,
    }
    return {**record, "engine": config.engine.tied()}


ROLES = (RESEARCHER,)
"""Roles by their names; [asking.roles] may add others."""
