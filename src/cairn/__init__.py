"""cairn: open-ended learning on one loop (Space, Learner, Score, Archive, Sampler, Ledger)."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "experiment": "cairn.ued.train",
    "train": "cairn.ued.train",
    "resume": "cairn.ued.train",
    "digest": "cairn.ued.digest",
    "load": "cairn.ued.runs",
    "evaluate": "cairn.ued.runs",
    "compare": "cairn.ued.runs",
}
"""What is imported on first use, so that importing cairn stays light."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'cairn' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
