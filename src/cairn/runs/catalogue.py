"""Every method, task and learner by name and address, wing by wing. A new one is a line here.

Addresses are text, so that this room imports no wing.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cairn.core.errors import ConfigError
from cairn.core.resolve import resolve
from cairn.envs import catalogue as environments
from cairn.envs.tokens import catalogue as tokens
from cairn.runs.method import Method

WINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "environment design": MappingProxyType(
            {
                "random": "cairn.ued.random_policy:METHOD",
                "dr": "cairn.ued.dr:METHOD",
                "plr": "cairn.ued.plr:METHOD",
                "robust-plr": "cairn.ued.robust_plr:METHOD",
                "samplr": "cairn.ued.samplr:METHOD",
                "parallel-plr": "cairn.ued.parallel_plr:METHOD",
                "accel": "cairn.ued.accel:METHOD",
                "parallel-accel": "cairn.ued.parallel_accel:METHOD",
                "sfl": "cairn.ued.sfl:METHOD",
                "paired": "cairn.ued.paired:METHOD",
                "flexible-paired": "cairn.ued.flexible_paired:METHOD",
                "population-paired": "cairn.ued.population_paired:METHOD",
                "repaired": "cairn.ued.repaired:METHOD",
                "minimax": "cairn.ued.minimax:METHOD",
                "backplay": "cairn.ued.backplay:METHOD",
                "remidi": "cairn.ued.remidi:METHOD",
            }
        ),
        "quality-diversity": MappingProxyType(
            {
                "map-elites": "cairn.qd.map_elites:METHOD",
                "cma-me": "cairn.qd.cma_me:METHOD",
                "cma-mae": "cairn.qd.cma_mae:METHOD",
            }
        ),
        "learning from data": MappingProxyType(
            {
                "bc": "cairn.offline.bc:METHOD",
                "pretrain": "cairn.offline.pretrain:METHOD",
            }
        ),
        "self-improvement": MappingProxyType(
            {
                "sft": "cairn.improve.sft:METHOD",
                "rft": "cairn.improve.rft:METHOD",
                "raft": "cairn.improve.raft:METHOD",
                "expert-iteration": "cairn.improve.expert_iteration:METHOD",
                "star": "cairn.improve.star:METHOD",
                "reinforce": "cairn.improve.reinforce:METHOD",
                "rloo": "cairn.improve.rloo:METHOD",
                "grpo": "cairn.improve.grpo:METHOD",
                "dr-grpo": "cairn.improve.dr_grpo:METHOD",
                "dapo": "cairn.improve.dapo:METHOD",
                "ppo": "cairn.improve.ppo:METHOD",
                "conditioned": "cairn.improve.conditioned:METHOD",
                "crlft": "cairn.improve.crlft:METHOD",
                "dpo": "cairn.improve.dpo:METHOD",
                "ipo": "cairn.improve.ipo:METHOD",
                "orpo": "cairn.improve.orpo:METHOD",
                "copg": "cairn.improve.copg:METHOD",
                "orm": "cairn.improve.orm:METHOD",
                "sorm": "cairn.improve.sorm:METHOD",
                "refine": "cairn.improve.refine:METHOD",
                "exit": "cairn.improve.exploratory:METHOD",
            }
        ),
        "games": MappingProxyType(
            {
                "naive": "cairn.games.naive:METHOD",
                "look-ahead": "cairn.games.look_ahead:METHOD",
                "lola": "cairn.games.lola:METHOD",
                "sos": "cairn.games.sos:METHOD",
                "good-shepherd": "cairn.games.good_shepherd:METHOD",
                "m-fos": "cairn.games.m_fos:METHOD",
                "shaper": "cairn.games.shaper:METHOD",
            }
        ),
    }
)
METHODS: Mapping[str, str] = MappingProxyType(
    {name: address for methods in WINGS.values() for name, address in methods.items()}
)
DEFAULTS = ("dr", "map-elites", "grpo", "lola")
"""Which method a task is learned by if none is named: the first of these that takes it."""
TASKS: Mapping[str, str] = MappingProxyType(
    {
        "sphere": "cairn.qd.tasks:Sphere",
        "rastrigin": "cairn.qd.tasks:Rastrigin",
        "arm": "cairn.qd.tasks:Arm",
        **tokens.TASKS,
        "text": "cairn.offline.text:Text",
        "ipd": "cairn.games.tasks:Ipd",
        "pennies": "cairn.games.tasks:Pennies",
        "chicken": "cairn.games.tasks:Chicken",
        "stag-hunt": "cairn.games.tasks:StagHunt",
        "dilemma": "cairn.games.tasks:Dilemma",
        "public-goods": "cairn.games.tasks:PublicGoods",
        "snowdrift": "cairn.games.tasks:Snowdrift",
        "majority": "cairn.games.tasks:Majority",
    }
)
"""Tasks that are no environments."""
LEARNERS: Mapping[str, str] = MappingProxyType({"ppo": "cairn.learners.ppo:PPO"})
"""A learner is a class with `Config`, made of that and the task's specs."""


def method(name: str) -> Method:
    """The method called `name`, or the one at `package.module:Name`. Raises ConfigError."""
    found = resolve(name, METHODS, "method")
    if not isinstance(found, Method):
        raise ConfigError(
            f"{name} is not a method: expected a cairn.runs.method.Method, got "
            f"{type(found).__name__}."
        )
    return found


def task(name: str) -> Any:
    """What makes the task called `name` from its settings. Raises ConfigError."""
    if name in TASKS or (":" in name and "/" not in name):
        # Whether a method takes it, of whatever wing, is for the method to say.
        return resolve(name, TASKS, "environment")
    if name.startswith(tokens.PREFIX):
        return tokens.find(name)
    return environments.find(name, beside=TASKS)


def learner(name: str) -> Any:
    """The learner called `name`, or the one at `package.module:Name`. Raises ConfigError."""
    found = resolve(name, LEARNERS, "learner")
    lacking = [part for part in ("Config", "of") if not hasattr(found, part)]
    if not lacking:
        fields = ("gamma", "gae_lambda", "bootstraps")
        lacking = [f"Config.{part}" for part in fields if not hasattr(found.Config, part)]
    if lacking:
        raise ConfigError(
            f"{name} is not a learner: it has no {' and no '.join(lacking)}. Expected a class with "
            f"`Config` (settings, among them gamma, gae_lambda and bootstraps(env)) and "
            f"`of(env, config)`; see docs/own-method.md."
        )
    return found


def owners(field: str) -> list[str]:
    """The methods that have a setting called so in a section of their own."""
    kinds = {name: method(name).sections.values() for name in METHODS}
    fields = "__dataclass_fields__"
    return [
        name for name, parts in kinds.items()
        if any(field in getattr(part, fields, {}) for part in parts if part is not None)
    ]  # fmt: skip


def default_method(kind: Any) -> str:
    """The method for a kind of task, if none is named."""
    names = [name for name in DEFAULTS if method(name).takes(kind) is None]
    return names[0] if names else DEFAULTS[0]


def describe_method(name: str) -> str:
    """One line about a method."""
    return method(name).about


def describe_task(name: str) -> str:
    """One line about a task."""
    return (task(name).__doc__ or "").split("\n", 1)[0]
