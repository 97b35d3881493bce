"""What a source is told: ids, completions and rewards, each mistake named in one line."""

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cairn.core.errors import ConfigError
from cairn.improve.hand_off.wording import Wording


class Said(NamedTuple):
    """Answers as tokens."""

    tokens: Int[np.ndarray, "n G T"]
    length: Int[np.ndarray, "n G"]


def numbers(ids: Any) -> list[int]:
    """Ids as they were given out, each once and at least one. Raises ConfigError."""
    try:
        found = [operator.index(one) for one in ids]
    except TypeError:
        raise ConfigError(
            f"ids must be a list of whole numbers, those that ask gave; got {ids!r:.80}. Nothing "
            f"was counted."
        ) from None
    if not found:
        raise ConfigError("tell needs at least one prompt, got none. Nothing was counted.")
    if twice := [one for one in found if found.count(one) > 1]:
        raise ConfigError(
            f"tell needs each prompt once, and id {twice[0]} is there {found.count(twice[0])} "
            f"times: put its answers into one group. Nothing was counted."
        )
    return found


def answers(wording: Wording, n: int, completions: Any, ended: Any) -> Said:
    """Completions of n prompts, as many of each, as tokens. Raises ConfigError."""
    listed = lambda one: isinstance(one, Sequence) and not isinstance(one, str)  # noqa: E731
    if not (listed(completions) and all(map(listed, completions))):
        raise ConfigError(
            f"tell needs a list of completions for each of {n} prompts, got {completions!r:.80}: "
            f"a single answer is a list too. Nothing was counted."
        )
    sizes = [len(each) for each in completions]
    if len(sizes) != n or len(set(sizes)) != 1 or 0 in sizes:
        raise ConfigError(
            f"tell needs as many completions of each of {n} prompts, at least one; got {sizes}. "
            f"Nothing was counted."
        )
    over = np.ones((n, sizes[0]), bool) if ended is None else _array(ended, bool, "ended")
    if over.shape != (n, sizes[0]):
        raise ConfigError(f"ended must be of shape {(n, sizes[0])}, got {over.shape}.")
    said = [
        [wording.read(one, bool(end)) for one, end in zip(each, ends, strict=True)]
        for each, ends in zip(completions, over, strict=True)
    ]
    tokens = np.array([[one[0] for one in each] for each in said], np.int32)
    return Said(tokens, np.array([[one[1] for one in each] for each in said], np.int32))


def rewards(n: int, given: Any) -> Float[np.ndarray, "n G"]:
    """Rewards of n prompts' answers, in [0, 1]; NaN or None says nothing. Raises ConfigError."""
    found = _array(given, np.float32, "rewards")
    if found.ndim != 2 or len(found) != n or not found.size:
        raise ConfigError(f"rewards must be of shape ({n}, G), got {found.shape}.")
    if ((found < 0) | (found > 1)).any():
        raise ConfigError(
            f"A reward must lie in [0, 1] to be a chance of success, got {np.nanmin(found)} to "
            f"{np.nanmax(found)}. Scale them."
        )
    return found


def _array(given: Any, kind: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(given, kind)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{name} must be numbers, as many of each prompt: {error}. Nothing was counted."
        ) from None
