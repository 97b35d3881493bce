"""Every method of this wing by name. One line about each is the first of its file."""

from collections.abc import Mapping
from types import MappingProxyType, ModuleType

from cairn.ued import (
    accel,
    dr,
    parallel_accel,
    parallel_plr,
    plr,
    random_policy,
    robust_plr,
    sfl,
)

METHODS: Mapping[str, ModuleType] = MappingProxyType(
    {
        "random": random_policy,
        "dr": dr,
        "plr": plr,
        "robust-plr": robust_plr,
        "parallel-plr": parallel_plr,
        "accel": accel,
        "parallel-accel": parallel_accel,
        "sfl": sfl,
    }
)
"""Each module has `Config`, `init(problem, config, key)` and `step(problem, config, state)`."""


def describe(name: str) -> str:
    """One line about the method called `name`."""
    return (METHODS[name].__doc__ or "").split("\n", 1)[0]
