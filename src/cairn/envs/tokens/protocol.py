"""What a task of symbols is: it makes problems, shows them as prompts and verifies answers.

All of it is arrays of fixed shape in pure functions, so that a whole step of reinforcement learning
(problems, prompts, answers, verdicts, update) is one compiled program. A task's fields are its
settings, as an environment's are.

A vocabulary begins with `core.vocabulary.RESERVED`. A prompt begins with BOS and ends with SEP, and
stands at the right end of its row: padding is on its left. An answer ends with EOS.
"""

import abc
from collections.abc import Iterable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, UInt32

from cairn.core.errors import ConfigError, suggest
from cairn.core.vocabulary import EOS, PAD, RESERVED, SEP
from cairn.envs.tokens import layout

Problem = PyTree
"""What is to be solved, and what its verifier must know: a pytree of arrays of fixed shape."""

SPLITS = ("train", "test", "shifted")
"""Problems to learn from; others of the same kind; others of a harder kind. No two share one."""

HELD_OUT = 8
"""One problem in so many is of the test split, by the hash of what it asks."""
TRIES = 10_000
"""Draws for one problem, at most. Only a split without problems uses them up: `check.py`."""

BASE, IMPROVE, DIVERGE = 0, 1, 2
"""What a prompt asks for: an answer; a better one than it shows; one unlike that."""


class Prompt(NamedTuple):
    """What a model is shown."""

    ids: Int[Array, " Tp"]
    """int32, padded on the left."""
    length: Int[Array, ""]
    """How many of them are the prompt's."""


class Verdict(NamedTuple):
    """What an answer of T tokens is worth."""

    quality: Float[Array, ""]
    """In [0, 1], and 1 exactly where it is correct."""
    correct: Bool[Array, ""]
    """An answer that has no end is not."""
    canonical: UInt32[Array, ""]
    """Equal for answers that say the same: hash of the solution, however it is written."""
    step: Int[Array, " T"]
    """The step that each token belongs to, from 0; of no meaning behind the end."""
    right: Bool[Array, " T"]
    """Whether the answer is free of errors up to this token, itself included. Once it is not, it
    stays so: a step is right if its last token is. A correct answer can have errors on its way."""


class TokenTask(eqx.Module):
    """Makes problems and verifies answers. Subclasses give the abstract members below."""

    @property
    def graded(self) -> bool:
        """Whether quality takes values between 0 and 1."""
        return False

    @property
    def many(self) -> bool:
        """Whether a problem may have several solutions."""
        return False

    @property
    @abc.abstractmethod
    def own_symbols(self) -> tuple[str, ...]:
        """What the vocabulary has besides the reserved symbols, all different."""

    @property
    @abc.abstractmethod
    def prompt_length(self) -> int:
        """Tp: symbols of the longest prompt of any split, BOS and SEP counted."""

    @property
    @abc.abstractmethod
    def answer_length(self) -> int:
        """T: symbols of the longest answer of any split that is worth sampling, EOS counted."""

    @abc.abstractmethod
    def draw(self, key: Key[Array, ""], shifted: bool) -> Problem:
        """Any problem, of the usual or of the harder kind: none may be of both."""

    @abc.abstractmethod
    def identity(self, problem: Problem) -> UInt32[Array, ""]:
        """Hash of what is asked: equal for problems with equal solutions, told in another way."""

    @abc.abstractmethod
    def prompt(self, problem: Problem) -> Prompt:
        """What is shown of it."""

    @abc.abstractmethod
    def demonstration(self, problem: Problem, key: Key[Array, ""]) -> Int[Array, " T"]:
        """A correct answer with its EOS and padding behind it; of several, any."""

    @abc.abstractmethod
    def verify(self, problem: Problem, tokens: Int[Array, " T"], length: Int[Array, ""]) -> Verdict:
        """Judge the first `length` tokens, EOS counted; what lies behind is not looked at.

        T is whatever was sampled. Any tokens get a verdict; none is an error.
        """

    def acceptable(self, problem: Problem) -> Bool[Array, ""]:
        """Whether a draw is a problem at all. Default: always."""
        return jnp.ones((), bool)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The vocabulary: symbol by id."""
        return (*RESERVED, *self.own_symbols)

    def code(self, symbol: str) -> int:
        """The id of a symbol."""
        return self.symbols.index(symbol)

    def problem(self, key: Key[Array, ""], split: str) -> Problem:
        """A problem of a split, by drawing until there is one.

        Which of train and test a problem is of is said by its identity alone, so that no problem is
        of both. Raises ConfigError for another split.
        """
        if split not in SPLITS:
            there = ", ".join(SPLITS)
            raise ConfigError(
                f"Unknown split {split!r}. Expected one of {there}.{suggest(split, SPLITS)}"
            )
        form = jax.eval_shape(lambda: self.draw(key, split == "shifted"))
        nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), form)

        def again(carry: tuple) -> tuple:
            tries = carry[0]
            made = self.draw(jax.random.fold_in(key, tries), split == "shifted")
            return tries + 1, self.fits(made, split), made

        more = lambda carry: ~carry[1] & (carry[0] < TRIES)  # noqa: E731
        return jax.lax.while_loop(more, again, (jnp.int32(0), jnp.zeros((), bool), nothing))[2]

    def fits(self, problem: Problem, split: str) -> Bool[Array, ""]:
        """Whether what `draw` made for a split may stay in it."""
        held_out = self.identity(problem) % HELD_OUT == 0
        return self.acceptable(problem) & (split == "shifted" or held_out == (split == "test"))

    @property
    def hinted_length(self) -> int:
        """Symbols of the longest prompt that gives the answer away."""
        return self.prompt_length + self.answer_length

    def hint(self, problem: Problem, key: Key[Array, ""]) -> Int[Array, " T"]:
        """What gives the answer away. Default: a demonstration."""
        return self.demonstration(problem, key)

    def hinted(self, problem: Problem, key: Key[Array, ""]) -> Prompt:
        """The prompt and then a hint that ends with SEP: for methods that learn to explain (STaR).

        Zelikman et al. 2022, arXiv:2203.14465, section 3.2.
        """
        shown, hint = self.prompt(problem), self.hint(problem, key)
        ids = jnp.concatenate([shown.ids, jnp.where(hint == EOS, SEP, hint)])
        return Prompt(*layout.right_aligned(ids, ids != PAD))

    def text(self, ids: Iterable[Any]) -> str:
        """Symbols in words (host side), without padding."""
        return " ".join(self.symbols[int(one)] for one in ids if int(one) != PAD)


class Revising(TokenTask):
    """A task whose answers mend an attempt, which the prompt shows: several make a good one.

    A problem holds the attempt that was reached, and the one that it began with.
    """

    @abc.abstractmethod
    def standing(self, problem: Problem) -> Float[Array, ""]:
        """Quality of the attempt that the prompt shows, in [0, 1]."""

    @abc.abstractmethod
    def start(self, problem: Problem) -> Problem:
        """The same with the attempt that it began with, and BASE for instruction."""

    @abc.abstractmethod
    def after(self, problem: Problem, tokens: Int[Array, " T"], length: Int[Array, ""]) -> Problem:
        """The same with what the answer makes of the attempt; as it was where it makes no sense."""

    @abc.abstractmethod
    def asked(self, problem: Problem, mode: Int[Array, ""] | int) -> Problem:
        """The same with another instruction: BASE, IMPROVE or DIVERGE."""
