"""Run by test_devices_share.py in a process that sees two devices: a cycle on one, and on both."""

import json
from typing import Any

import jax
import numpy as np

from cairn.runs.presets import experiment

TINY: dict[str, Any] = {
    "model": {"width": 16, "layers": 1, "heads": 2, "kv_heads": 1, "head_width": 8, "inner": 16},
    "prompts": 4, "group": 4, "reward": "random", "steps": 10_000, "log_every": 1,
    "evaluate_every": 0,
}  # fmt: skip


def cycle(devices: int) -> tuple[Any, Any, list[np.ndarray]]:
    """What a cycle gives, and the parameters before it."""
    compiled = experiment("addition", method="grpo", devices=devices, **TINY).compiled()
    state = compiled.init()
    before = leaves(state)
    return *compiled.advance(state), before


def leaves(state: Any) -> list[np.ndarray]:
    return [np.array(leaf) for leaf in jax.tree.leaves(state.student)]


def apart(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


alone, told, before = cycle(1)
both, also_told, _ = cycle(2)
found = {
    "moved": apart(before, leaves(alone)),
    "apart": apart(leaves(alone), leaves(both)),
    "devices": len(both.student.model.embed.sharding.device_set),
    "mismatch": [float(report.metrics["mismatch"].max()) for report in (told, also_told)],
    "length": [float(report.metrics["length"].mean()) for report in (told, also_told)],
}
print(json.dumps(found))
