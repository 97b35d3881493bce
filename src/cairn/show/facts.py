"""What there is to say of a level, in words."""

from typing import Any

import numpy as np

from cairn.envs.protocol import Environment, Level
from cairn.envs.tokens.protocol import Revising, TokenTask


def described(task: Environment | TokenTask, level: Level) -> dict[str, str]:
    """Its facts as its space gives them; of a place where answers start what is shown there."""
    facts = _shown(task, level) if isinstance(task, TokenTask) else task.space.describe(level)
    return {n: f"{v:.4g}" if isinstance(v, float) else str(v) for n, v in facts.items()}


def _shown(task: TokenTask, place: Any) -> dict[str, Any]:
    """Of a problem with what earlier answers made of it (`cairn.improve.histories.Node`)."""
    quality = {}
    if isinstance(task, Revising):
        quality["quality"] = float(task.standing(place.problem))
    prompt = task.text(np.asarray(task.prompt(place.problem).ids))
    return {"answers before": int(place.depth), **quality, "prompt": prompt}
