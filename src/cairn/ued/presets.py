"""Named settings for the methods of this wing."""

from collections.abc import Mapping
from types import MappingProxyType

from cairn.runs.method import Preset

# Structured mazes beside scattered walls: what is learned there carries over to corridors.
_MAZE = {"generator": "mixed", "walls": 60}
_STUDENT = {"hidden": 128, "learning_rate": 1e-3, "epochs": 3, "minibatches": 4}
# minimax's: a teacher that must keep surprising wants much entropy.
_TEACHER = {"embedding": 10, "entropy_weight": 0.05}

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "cpu": Preset(
            "Made for a small CPU: minutes instead of hours.",
            tasks={"maze": _MAZE},
            sections={
                "algorithm": {"batch": 64, "turns": 4, "capacity": 1000, "minimum_fill": 0.25},
                "student": _STUDENT,
                "teacher": _STUDENT | _TEACHER,
                "run": {"steps": 8_192_000},
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
