"""cairn: open-ended learning on one loop (Space, Learner, Score, Archive, Sampler, Ledger)."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    "audit": "cairn.runs.audit",
    "regret": "cairn.runs.regret",
    "behaviour": "cairn.runs.behaviour",
    "search": "cairn.runs.search",
    "optimise": "cairn.research.optimise",
    "tune": "cairn.tuning.driver",
    "JsonPolicy": "cairn.engine.json_policy",
    "map": "cairn.runs.mapping",
    "Reject": "cairn.engine.map_items",
    "Teacher": "cairn.ued.ask_tell.teacher",
    "Prompts": "cairn.improve.hand_off.source",
    "Box": "cairn.envs.spaces",
    "Finite": "cairn.envs.spaces",
    "Product": "cairn.envs.spaces",
}
"""What is imported on first use, so that importing cairn stays light."""
__all__ = ["__version__", *_LAZY]  # pyright: ignore[reportUnsupportedDunderAll]


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'cairn' has no attribute {name!r}")
    with _xla_speaks_of_what_is_fatal():
        module = import_module(_LAZY[name])
    return getattr(module, name)


@contextmanager
def _xla_speaks_of_what_is_fatal() -> Iterator[None]:
    """Where JAX is first imported here, and nobody chose a level of XLA's log, let it be 3.

    Reading the CPU's compilation cache logs kilobytes of false alarms as errors. XLA reads the
    variable when it is loaded; afterwards the environment is what JAX alone would have left.
    """
    level = "TF_CPP_MIN_LOG_LEVEL"
    if level in os.environ or "jax" in sys.modules:
        yield
        return
    os.environ[level] = "3"
    try:
        yield
    finally:
        del os.environ[level]
        if "jax" in sys.modules:
            os.environ[level] = "1"
