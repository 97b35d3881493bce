"""Named settings for the methods of this wing."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cairn.runs.method import Preset

# Structured mazes beside scattered walls: what is learned there carries over to corridors.
_MAZE = {"generator": "mixed", "walls": 60}
_STUDENT = {"hidden": 128, "learning_rate": 1e-3, "epochs": 3, "minibatches": 4}
# minimax's: a teacher that must keep surprising wants much entropy.
_TEACHER = {"embedding": 10, "entropy_weight": 0.05}
# What solves it in `benchmarks/verify/actions_and_images.py`, there without other levels: few
# columns and many epochs, and a short horizon, for its reward comes at once.
_PENDULUM = {
    # SFL's usual 512 levels of 512 steps would cost more than the whole budget.
    "algorithm": {"batch": 16, "steps_per_cycle": 200, "turns": 1}
    | {"candidates": 32, "keep": 32, "scoring_steps": 400},
    "student": {
        "memory": "none",
        "hidden": 64,
        "head": 64,
        "gamma": 0.95,
        "gae_lambda": 0.95,
        "epochs": 10,
        "entropy_weight": 0.0,
    },
    "run": {"steps": 200_000, "log_every": 5},
}
# What `benchmarks/verify/remidi_levers.py` takes, but for the decay of the learning rate: archives
# smaller than the number of levels on which regret cannot fall.
_LEVERS = {
    "algorithm": {"batch": 32, "steps_per_cycle": 16, "turns": 1, "capacity": 16}
    | {"minimum_fill": 0.5, "adversaries": 2, "cycles": 300, "chunk": 16}
    | {"candidates": 64, "keep": 32, "scoring_steps": 16},
    "student": {
        "memory": "none",
        "hidden": 64,
        "head": 64,
        "learning_rate": 1e-3,
        "gae_lambda": 0.95,
        "epochs": 4,
        "minibatches": 1,
        "entropy_weight": 0.0,
    },
    "run": {"steps": 2_800_000},
}
_TMAZES = {
    "task": {"width": 7, "height": 7, "view": 3, "walls": 12, "limit": 32},
    "algorithm": {"batch": 32, "steps_per_cycle": 64, "turns": 1, "capacity": 32}
    | {"minimum_fill": 0.5, "adversaries": 2, "cycles": 200, "chunk": 32}
    | {"candidates": 64, "keep": 32, "scoring_steps": 64},
    "student": {
        "memory": "none",
        "hidden": 64,
        "head": 32,
        "filters": 8,
        "learning_rate": 3e-3,
        "gamma": 0.99,
        "gae_lambda": 0.95,
        "epochs": 4,
        "minibatches": 2,
        "entropy_weight": 0.01,
    },
    "run": {"steps": 14_000_000},
}
# What `benchmarks/verify/samplr_fruit.py` takes: of so few different levels an archive of
# the usual size would never be warm. ReMiDi's first adversary has about a quarter of the steps.
_FRUIT = {
    "algorithm": {"batch": 128, "steps_per_cycle": 16, "turns": 1, "capacity": 20}
    | {"minimum_fill": 0.1, "replay_probability": 0.5, "temperature": 1.0, "staleness": 0.3}
    | {"adversaries": 2, "cycles": 240, "chunk": 20},
    "student": {
        "memory": "none",
        "hidden": 32,
        "head": 32,
        "learning_rate": 3e-3,
        "decay": "none",
        "gamma": 0.99,
        "gae_lambda": 0.95,
        "epochs": 4,
        "minibatches": 2,
        "entropy_weight": 0.01,
    },
    "run": {"steps": 1_966_080},
}

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "cpu": Preset(
            "Made for a small CPU: minutes instead of hours.",
            tasks={
                "maze": {"task": _MAZE},
                "pendulum": _PENDULUM,
                "levers": _LEVERS,
                "tmazes": _TMAZES,
                "fruit": _FRUIT,
            },
            sections={
                "algorithm": {"batch": 64, "turns": 4, "capacity": 1000, "minimum_fill": 0.25},
                "student": _STUDENT,
                "teacher": _STUDENT | _TEACHER,
                "run": {"steps": 11_468_800},
            },
        ),
        "reference": Preset(
            "The peers' network, batch and hyperparameters (JaxUED's for the maze).",
            sections={
                "teacher": _TEACHER | {"filters": 128},
                "run": {"steps": 245_760_000},
            },
        ),
    }
)


def changed(**sections: Mapping[str, Any]) -> Mapping[str, Preset]:
    """These presets with some fields of the default one otherwise, for a method that needs it."""
    small = PRESETS["cpu"]
    own = {name: {**small.sections.get(name, {}), **new} for name, new in sections.items()}
    return MappingProxyType({**PRESETS, "cpu": small._replace(sections={**small.sections, **own})})
