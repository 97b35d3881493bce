"""The policies by name."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from cairn.core.errors import ConfigError
from cairn.core.resolve import resolve
from cairn.core.typed import build
from cairn.research.policies.base import TreePolicy

HERE = "cairn.research.policies"
POLICIES = {
    "greedy": f"{HERE}.greedy:Greedy",
    "aide": f"{HERE}.greedy:Aide",
    "mcts": f"{HERE}.mcts:Mcts",
    "evolution": f"{HERE}.evolution:Evolution",
    "ab-mcts-a": f"{HERE}.branching:AbMctsA",
    "ab-mcts-m": f"{HERE}.mixed:AbMctsM",
    "map-elites": f"{HERE}.map_elites:MapElites",
    "shinka": f"{HERE}.shinka:Shinka",
    "pareto": f"{HERE}.pareto:Pareto",
    "restarts": f"{HERE}.chains:Restarts",
    "best-of": f"{HERE}.chains:BestOf",
    "linear": f"{HERE}.chains:Linear",
}
"""Addresses, so that nothing is imported before it is wanted."""


def policy_of(name: str, settings: Mapping[str, Any] | None = None) -> TreePolicy:
    """The policy of that name, or one's own at `package.module:Name`, with its settings.

    One's own is a class: a dataclass takes `settings` as its fields, another takes none.
    Raises ConfigError.
    """
    made = resolve(name, POLICIES, "policy")
    settings = settings or {}
    if not isinstance(made, type):
        raise ConfigError(f"policy {name!r} must be a class, got {made!r}.")
    if dataclasses.is_dataclass(made):
        policy: Any = build(made, settings, "policy")
    elif settings:
        raise ConfigError(
            f"policy {name!r} takes no settings (it is no dataclass), got {settings}."
        )
    else:
        policy = made()
    missing = [each for each in ("init", "propose", "observe") if not hasattr(policy, each)]
    if missing:
        raise ConfigError(f"policy {name!r} has no {', '.join(missing)}: see TreePolicy.")
    return policy
