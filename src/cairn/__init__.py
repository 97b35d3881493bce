"""cairn: open-ended learning on one loop (Space, Learner, Score, Archive, Sampler, Ledger)."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_LAZY = {
    "experiment": "cairn.runs.presets",
    "train": "cairn.runs.train",
    "resume": "cairn.runs.train",
    "digest": "cairn.runs.digest",
    "load": "cairn.runs.agent",
    "evaluate": "cairn.runs.evaluate",
    "compare": "cairn.runs.evaluate",
    "collect": "cairn.runs.collect",
    "search": "cairn.runs.search",
    "JsonPolicy": "cairn.engine.json_policy",
    "map": "cairn.runs.mapping",
    "Reject": "cairn.engine.map_items",
}
"""What is imported on first use, so that importing cairn stays light."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'cairn' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
