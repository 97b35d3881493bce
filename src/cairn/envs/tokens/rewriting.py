"""Rewriting of strings by rules that the prompt gives: what to do must be read, not remembered.

A rule turns two letters that stand side by side into one. The leftmost pair with a rule is
rewritten, again and again, until there is none. The harder split has longer strings.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, UInt32

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.vocabulary import BOS, EOS, SEP
from cairn.envs.tokens import layout
from cairn.envs.tokens.protocol import Prompt, TokenTask, Verdict
from cairn.envs.tokens.verdicts import exact

LONGER = 2
"""Letters that strings of the harder split have more than any other."""


class Rewrite(NamedTuple):
    """Rules and a string."""

    rules: Int[Array, "rules 3"]
    """Two letters, and what they become; no two rules are about the same two."""
    letters: Int[Array, " longest"]
    """From 0; of no meaning from `length` on."""
    length: Int[Array, ""]


class Rewriting(TokenTask):
    """Rewrite a string by the rules in the prompt until none applies."""

    letters: int = eqx.field(static=True, default=4)
    """Of the alphabet."""
    rules: int = eqx.field(static=True, default=5)
    """That a problem has."""
    length: int = eqx.field(static=True, default=6)
    """Of a string, at most; at least 2."""

    def __check_init__(self) -> None:
        """Refuse more rules than there are pairs of letters."""
        checks.between(self, 2, 26, "letters")
        checks.at_least(self, 2, "length")
        if not 1 <= self.rules <= self.letters**2:
            raise ConfigError(
                f"rules must lie in [1, {self.letters**2}], one for each pair of {self.letters} "
                f"letters at most; got {self.rules}."
            )

    @property
    def own_symbols(self) -> tuple[str, ...]:
        """The alphabet."""
        return tuple(chr(ord("a") + place) for place in range(self.letters))

    @property
    def longest(self) -> int:
        """Letters of the longest string of any split."""
        return self.length + LONGER

    @property
    def prompt_length(self) -> int:
        """BOS, three letters a rule, SEP, the string, SEP."""
        return 3 * self.rules + self.longest + 3

    @property
    def answer_length(self) -> int:
        """A string of which nothing could be rewritten, and EOS."""
        return self.longest + 1

    def draw(self, key: Key[Array, ""], shifted: bool) -> Rewrite:
        """Rules about different pairs; strings of all lengths, or of the harder one."""
        pair_key, turn_key, letter_key, length_key = jax.random.split(key, 4)
        order = jax.random.permutation(pair_key, self.letters**2)[: self.rules].astype(jnp.int32)
        turned = jax.random.randint(turn_key, (self.rules,), 0, self.letters, jnp.int32)
        rules = jnp.stack([order // self.letters, order % self.letters, turned], axis=1)
        letters = jax.random.randint(letter_key, (self.longest,), 0, self.letters, jnp.int32)
        length = jax.random.randint(length_key, (), 2, self.length + 1, jnp.int32)
        length = jnp.int32(self.longest) if shifted else length
        return Rewrite(rules, jnp.where(jnp.arange(self.longest) < length, letters, 0), length)

    def acceptable(self, problem: Rewrite) -> Array:
        """Something can be rewritten."""
        return self.normal(problem)[1] < problem.length

    def identity(self, problem: Rewrite) -> UInt32[Array, ""]:
        """Whatever the order of the rules."""
        rules = layout.unordered(jax.vmap(layout.digest)(problem.rules))
        string = layout.digest(problem.letters, jnp.arange(self.longest) < problem.length)
        return layout.digest(jnp.stack([rules, string, problem.length.astype(jnp.uint32)]))

    def prompt(self, problem: Rewrite) -> Prompt:
        """BOS, the rules, SEP, the string, SEP."""
        begin, end = jnp.full(1, BOS, jnp.int32), jnp.full(1, SEP, jnp.int32)
        first = self.code("a")
        ids = [begin, problem.rules.ravel() + first, end, problem.letters + first, end]
        used = jnp.arange(self.longest) < problem.length
        kept = jnp.ones(self.prompt_length, bool).at[-1 - self.longest : -1].set(used)
        return Prompt(*layout.right_aligned(jnp.concatenate(ids), kept))

    def normal(self, problem: Rewrite) -> tuple[Int[Array, " longest"], Int[Array, ""]]:
        """The string of which nothing can be rewritten any more, and its length."""
        place = jnp.arange(self.longest)

        def rewrite(_: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            string, length = carry
            pairs = jnp.stack([string, jnp.roll(string, -1)], axis=1)
            fits = (pairs[:, None] == problem.rules[None, :, :2]).all(-1)
            fits = fits & (place < length - 1)[:, None]
            where = jnp.argmax(fits.any(1))
            shorter = jnp.where(place > where, jnp.roll(string, -1), string)
            letter = problem.rules[jnp.argmax(fits[where]), 2]
            shorter = jnp.where(place == where, letter, shorter)
            some = fits.any()
            return jnp.where(some, shorter, string), length - some.astype(jnp.int32)

        return jax.lax.fori_loop(0, self.longest - 1, rewrite, (problem.letters, problem.length))

    def demonstration(self, problem: Rewrite, key: Key[Array, ""]) -> Int[Array, " T"]:
        """What is left in the end; there is no other answer."""
        return self.answer(problem)

    def answer(self, problem: Rewrite) -> Int[Array, " T"]:
        """What is left in the end."""
        string, length = self.normal(problem)
        ids = jnp.concatenate([string + self.code("a"), jnp.zeros(1, jnp.int32)])
        place = jnp.arange(self.answer_length)
        return jnp.where(place < length, ids, jnp.where(place == length, EOS, 0))

    def verify(self, problem: Rewrite, tokens: Int[Array, " T"], length: Int[Array, ""]) -> Verdict:
        """Exactly what is left in the end."""
        return exact(self.answer(problem), tokens, length)
