"""Named settings: what `cairn train` starts from before flags change it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from cairn.core.errors import ConfigError, suggest
from cairn.envs import catalogue as environments
from cairn.learners.ppo import PPOConfig
from cairn.ued.catalogue import METHODS
from cairn.ued.experiment import Experiment, RunConfig


class Preset(NamedTuple):
    """Fields to change from their defaults. Those a method or environment lacks are passed over."""

    description: str
    method: str
    maze: Mapping[str, Any]
    """Fields of the maze; other environments keep their own defaults."""
    algorithm: Mapping[str, Any]
    student: Mapping[str, Any]
    run: Mapping[str, Any]


_REFERENCE = Preset(
    description="The peers' network, batch and hyperparameters (JaxUED's for the maze).",
    method="dr",
    maze=MappingProxyType({}),
    algorithm=MappingProxyType({}),
    student=MappingProxyType({}),
    run=MappingProxyType({"steps": 245_760_000}),
)

_CPU = Preset(
    description="Made for a small CPU: minutes instead of hours. The default.",
    method="dr",
    # Structured mazes beside scattered walls: what is learned there carries over to corridors.
    maze=MappingProxyType({"generator": "mixed", "walls": 60}),
    algorithm=MappingProxyType({"batch": 64, "turns": 4, "capacity": 1000, "minimum_fill": 0.25}),
    student=MappingProxyType(
        {
            "hidden": 128,
            "learning_rate": 1e-3,
            "epochs": 3,
            "minibatches": 4,
        }
    ),
    run=MappingProxyType({"steps": 8_192_000}),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({"cpu": _CPU, "reference": _REFERENCE})
DEFAULT = "cpu"


def experiment(environment: str, *, method: str | None = None, preset: str = DEFAULT) -> Experiment:
    """The experiment that `cairn train environment --method … --preset …` starts from.

    Raises ConfigError for a name that does not exist, saying which do.
    """
    chosen = _find(PRESETS, preset, "preset")
    name = method or chosen.method
    kind = _find(METHODS, name, "method").Config
    cls = environments.find(environment)
    fields = chosen.maze if environment == "maze" else {}
    if environment == "maze" and name.endswith("accel"):
        # ACCEL starts from empty rooms: its edits supply the walls.
        fields = {**fields, "generator": "empty"}
    return Experiment(
        environment,
        cls(**fields),
        name,
        kind(**_known(kind, chosen.algorithm)),
        PPOConfig(**chosen.student),
        RunConfig(**chosen.run),
    )


def _known(kind: type, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name in kind.__dataclass_fields__}


def _find(table: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise ConfigError(
            f"Unknown {what} {name!r}. Expected one of {', '.join(table)}.{suggest(name, table)}"
        )
    return table[name]
