"""Problems as texts, so that whoever has a row of data can verify an answer to it anew."""

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from cairn.core import hosted, sections
from cairn.core.errors import ConfigError
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve.parts import Problems
from cairn.runs import catalogue


class Named(NamedTuple):
    """A task by name, or `package.module:Class`, and its settings: enough to make it again."""

    name: str
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, task: TokenTask) -> "Named":
        """As a run saves it."""
        return cls(name, sections.values(task))

    def made(self) -> TokenTask:
        """The task. Raises ConfigError if there is none of that name or it has other settings."""
        kind = catalogue.task(self.name)
        if not (isinstance(kind, type) and issubclass(kind, TokenTask)):
            raise ConfigError(
                f"{self.name} is no task of symbols: expected one of those that cairn list shows "
                f"for self-improvement, or the address of a class that extends TokenTask."
            )
        known = {field.name for field in dataclasses.fields(kind) if field.init}
        if strange := sorted(set(self.settings) - known):
            raise ConfigError(
                f"{self.name} has no setting {strange[0]!r}; it has {', '.join(sorted(known))}."
            )
        tuples = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.settings.items()
        }
        return kind(**tuples)


def written(problem: Problems) -> str:
    """One problem as JSON: its arrays, in order."""
    return json.dumps([np.asarray(leaf).tolist() for leaf in jax.tree.leaves(problem)])


def read(task: TokenTask, text: str) -> Problems:
    """The problem that was `written`. Raises ConfigError if it is none of the task's."""
    form = _form(task)
    leaves, structure = jax.tree.flatten(form)
    try:
        told = json.loads(text)
        arrays = [
            np.asarray(one, leaf.dtype).reshape(leaf.shape)
            for one, leaf in zip(told, leaves, strict=True)
        ]
    except (ValueError, TypeError) as error:
        raise ConfigError(f"This is no problem of {type(task).__name__}: {error}.") from None
    return jax.tree.unflatten(structure, arrays)


@functools.lru_cache(64)
def _form(task: TokenTask) -> Problems:
    return jax.eval_shape(lambda: task.problem(jax.random.key(0), "train"))


class Grades(NamedTuple):
    """What n answers are worth."""

    quality: Float[np.ndarray, " n"]
    """In [0, 1]; NaN where the verifier could not say."""
    correct: Bool[np.ndarray, " n"]


def verified(
    task: TokenTask,
    problems: Problems,
    tokens: Int[np.ndarray, "n T"],
    length: Int[np.ndarray, " n"],
) -> Grades:
    """Judge answers, one to each problem (leaves (n, ...)), by the task's own verifier.

    Compiled once for each power of two that n is padded to. Raises TaskError if a verifier in
    Python fails.
    """
    n = len(length)
    size = 1 << max(n - 1, 0).bit_length()
    wide = lambda leaf: np.concatenate([leaf, np.repeat(leaf[:1], size - n, axis=0)])  # noqa: E731
    args = jax.tree.map(lambda leaf: wide(np.asarray(leaf)), (problems, tokens, length))
    with hosted.told():
        quality, correct = jax.device_get(_verify(task)(*args))
    return Grades(quality[:n], correct[:n])


@functools.lru_cache(64)
def _verify(task: TokenTask) -> Any:
    def each(problem: Problems, tokens: Any, length: Any) -> tuple[Any, Any]:
        verdict = task.verify(problem, tokens, length)
        return verdict.quality, verdict.correct

    return jax.jit(jax.vmap(each))


def rows(problems: Problems) -> Sequence[Problems]:
    """Each problem of a batch by itself, in NumPy."""
    problems = jax.device_get(problems)
    n = len(jax.tree.leaves(problems)[0])
    return [jax.tree.map(lambda leaf, at=at: leaf[at], problems) for at in range(n)]


def stacked(problems: Sequence[Problems]) -> Problems:
    """The way back."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *problems)
