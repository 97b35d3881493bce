"""A task of one's own in Python: problems and answers are texts, and a function judges them.

What is compiled holds the seed of a problem and its prompt as symbols; a verdict is a call to the
host, one for all answers of a batch. A symbol is a character.
"""

import abc
import functools
import math
import string
import traceback
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Key, UInt32

from cairn.core import checks, hosted
from cairn.core.errors import TaskError
from cairn.core.vocabulary import BOS, EOS, PAD, RESERVED, SEP
from cairn.envs.tokens import layout
from cairn.envs.tokens.protocol import Prompt, TokenTask, Verdict

KEPT = 10_000
"""Questions that are remembered; any other is asked again when it is to be judged."""


class Question(NamedTuple):
    """One problem."""

    text: str
    """What is shown of it."""
    answer: str
    """A correct answer, for demonstrations."""
    data: Any = None
    """Whatever else the judge must know."""


class Told(NamedTuple):
    """A question in a compiled program."""

    seed: UInt32[Array, ""]
    shifted: Int[Array, ""]
    prompt: Int[Array, " Tp"]
    answer: Int[Array, " T"]
    asked: UInt32[Array, ""]
    """Hash of the text."""


class Written(TokenTask):
    """A task of texts: give it `question` and, if there are several answers, `score`."""

    longest_prompt: int = eqx.field(static=True, default=64)
    """Characters of a question, at most."""
    longest_answer: int = eqx.field(static=True, default=32)
    """Characters of an answer, at most."""

    def __check_init__(self) -> None:
        """Room for something."""
        checks.at_least(self, 1, "longest_prompt", "longest_answer")

    @abc.abstractmethod
    def question(self, rng: np.random.Generator, shifted: bool) -> Question:
        """Any question, of the usual or of the harder kind; all chance is from `rng`."""

    def score(self, question: Question, answer: str) -> float:
        """A number in [0, 1]; 1 for a correct answer. Default: whether it is the one given."""
        return float(answer == question.answer)

    @property
    def characters(self) -> str:
        """All that texts are made of. Default: what is printed of ASCII, and line breaks."""
        return string.digits + string.ascii_letters + string.punctuation + " \n"

    @property
    def many(self) -> bool:
        """Nobody knows."""
        return True

    @property
    def graded(self) -> bool:
        """Whether `score` says more than right and wrong is up to it."""
        return type(self).score is not Written.score

    @property
    def own_symbols(self) -> tuple[str, ...]:
        """The characters."""
        return tuple(self.characters)

    @property
    def prompt_length(self) -> int:
        """BOS, the text, SEP."""
        return self.longest_prompt + 2

    @property
    def answer_length(self) -> int:
        """The text, EOS."""
        return self.longest_answer + 1

    def draw(self, key: Key[Array, ""], shifted: bool) -> Told:
        """A seed, and the question that the host makes of it."""
        seed = jax.random.bits(key, (), jnp.uint32)
        form = (
            jax.ShapeDtypeStruct((self.prompt_length,), jnp.int32),
            jax.ShapeDtypeStruct((self.answer_length,), jnp.int32),
            jax.ShapeDtypeStruct((), jnp.uint32),
        )
        ask = functools.partial(hosted.kept(_asked), self, shifted)
        return Told(
            seed,
            jnp.int32(shifted),
            *jax.pure_callback(ask, form, seed, vmap_method="broadcast_all"),
        )

    def identity(self, problem: Told) -> UInt32[Array, ""]:
        """The text."""
        return layout.mix(problem.asked)

    def prompt(self, problem: Told) -> Prompt:
        """BOS, the text, SEP."""
        return Prompt(problem.prompt, (problem.prompt != PAD).sum(dtype=jnp.int32))

    def demonstration(self, problem: Told, key: Key[Array, ""]) -> Int[Array, " T"]:
        """The answer that the question came with."""
        return problem.answer

    def verify(self, problem: Told, tokens: Int[Array, " T"], length: Int[Array, ""]) -> Verdict:
        """The host's number. What is between is not judged: `right` is so for all or for none."""
        number = jax.ShapeDtypeStruct((), jnp.float32), jax.ShapeDtypeStruct((), jnp.uint32)
        judge = functools.partial(hosted.kept(_judged), self)
        told = problem.seed, problem.shifted, tokens, length, layout.ended(tokens, length)
        quality, canonical = jax.pure_callback(judge, number, *told, vmap_method="broadcast_all")
        correct = quality == 1
        return Verdict(
            quality=quality,
            correct=correct,
            canonical=canonical,
            step=jnp.zeros(tokens.shape[0], jnp.int32),
            right=jnp.full(tokens.shape[0], correct),
        )

    def text(self, ids: Any) -> str:
        """Characters stand side by side; of the reserved symbols only SEP shows, as an arrow."""
        symbols = {SEP: " → "} | dict.fromkeys((PAD, BOS, EOS), "")
        return "".join(symbols.get(int(one), self.symbols[int(one)]) for one in ids)


@functools.lru_cache(KEPT)
def _question(task: Written, shifted: bool, seed: int) -> Question:
    rng = np.random.default_rng((seed, int(shifted)))
    try:
        return task.question(rng, shifted)
    except Exception as error:  # a user's own code
        raise TaskError(
            f"{type(task).__name__}.question failed for seed {seed}: "
            f"{type(error).__name__}: {error}"
        ) from error


def _ids(task: Written, text: str, longest: int, what: str) -> list[int]:
    if len(text) > longest:
        raise TaskError(
            f"{type(task).__name__}: the {what} {text!r} has {len(text)} characters; there is room "
            f"for {longest}. Make longest_{what} larger."
        )
    place = {character: number for number, character in enumerate(task.characters, len(RESERVED))}
    if strange := sorted(set(text) - place.keys()):
        raise TaskError(
            f"{type(task).__name__}: the {what} {text!r} has characters that `characters` does "
            f"not: {''.join(strange)!r}. Add them there."
        )
    return [place[character] for character in text]


def _asked(task: Written, shifted: bool, seed: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    batch = np.shape(seed)
    prompts, answers, asked = [], [], []
    for one in np.ravel(seed):
        question = _question(task, shifted, int(one))
        shown = [BOS, *_ids(task, question.text, task.longest_prompt, "prompt"), SEP]
        prompts.append([PAD] * (task.prompt_length - len(shown)) + shown)
        said = [*_ids(task, question.answer, task.longest_answer, "answer"), EOS]
        answers.append(said + [PAD] * (task.answer_length - len(said)))
        asked.append(zlib.crc32(question.text.encode()))
    return (
        np.array(prompts, np.int32).reshape(*batch, -1),
        np.array(answers, np.int32).reshape(*batch, -1),
        np.array(asked, np.uint32).reshape(batch),
    )


def _judged(
    task: Written, seed: Any, shifted: Any, tokens: Any, length: Any, ended: Any
) -> tuple[np.ndarray, np.ndarray]:
    rows = [np.ravel(part) for part in (seed, shifted, length, ended)]
    columns = np.reshape(tokens, (-1, np.shape(tokens)[-1]))
    found = [_one(task, *row) for row in zip(*rows, columns, strict=True)]
    quality, canonical = zip(*found, strict=True)
    batch = np.shape(seed)
    return np.array(quality, np.float32).reshape(batch), np.array(canonical, np.uint32).reshape(
        batch
    )


def _one(
    task: Written, seed: Any, shifted: Any, length: Any, ended: Any, tokens: Any
) -> tuple[float, int]:
    said = [int(one) for one in tokens[: int(length)] if one != EOS]
    text = "".join(task.symbols[one] for one in said)
    canonical = zlib.crc32(" ".join(text.split()).encode())
    if not ended or min(said, default=len(RESERVED)) < len(RESERVED):
        return 0.0, canonical  # no text, or one that has no end
    question, name = _question(task, bool(shifted), int(seed)), type(task).__name__
    try:
        score = float(task.score(question, text))
    except Exception as error:  # a user's own code
        at = traceback.extract_tb(error.__traceback__)[-1]
        raise TaskError(
            f"{name}.score failed on the answer {text!r} to {question.text!r}: "
            f"{type(error).__name__}: {error} ({Path(at.filename).name}, line {at.lineno}). It "
            f"must give every text a number."
        ) from error
    if not (math.isfinite(score) and 0 <= score <= 1):
        raise TaskError(
            f"{name}.score must give a number in [0, 1], got {score} for the answer {text!r} to "
            f"{question.text!r}."
        )
    return score, canonical
