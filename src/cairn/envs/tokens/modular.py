"""Arithmetic modulo a prime: one symbol a number, so that there is a table to find out.

Power et al. 2022, arXiv:2201.02177: small transformers fill in the held-out part of such tables
long after they know the rest by heart. The harder split has one operation more, from left to right.
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

SIGNS = "+-*"


class Expression(NamedTuple):
    """Two numbers or three, and what is between them."""

    numbers: Int[Array, "3"]
    """Each in [0, modulus)."""
    signs: Int[Array, "2"]
    """Places in `SIGNS`."""
    long: Int[Array, ""]
    """1 if the third number counts, else 0."""


class Modular(TokenTask):
    """Add, subtract and multiply modulo a prime: a table with held-out entries."""

    modulus: int = eqx.field(static=True, default=31)
    """p; a number is one symbol."""
    signs: str = eqx.field(static=True, default=SIGNS)
    """What is done, some of +-*."""

    def __check_init__(self) -> None:
        """Refuse what leaves no table to fill in."""
        checks.between(self, 5, 1000, "modulus")
        if not self.signs or set(self.signs) - set(SIGNS) or len(set(self.signs)) < len(self.signs):
            raise ConfigError(f"signs must be some of {SIGNS}, each once, got {self.signs!r}.")

    @property
    def own_symbols(self) -> tuple[str, ...]:
        """The numbers, then the signs."""
        return (*map(str, range(self.modulus)), *SIGNS)

    @property
    def prompt_length(self) -> int:
        """BOS, three numbers with two signs between them, SEP."""
        return 7

    @property
    def answer_length(self) -> int:
        """One number and EOS."""
        return 2

    def draw(self, key: Key[Array, ""], shifted: bool) -> Expression:
        """All are as likely."""
        number_key, sign_key = jax.random.split(key)
        numbers = jax.random.randint(number_key, (3,), 0, self.modulus, jnp.int32)
        chosen = jax.random.randint(sign_key, (2,), 0, len(self.signs), jnp.int32)
        signs = jnp.array([SIGNS.index(sign) for sign in self.signs], jnp.int32)[chosen]
        if not shifted:
            numbers, signs = numbers.at[2].set(0), signs.at[1].set(0)
        return Expression(numbers, signs, jnp.int32(shifted))

    def identity(self, problem: Expression) -> UInt32[Array, ""]:
        """a + b is b + a, and so is a * b."""
        first, second, third = problem.numbers
        turned = (problem.signs[0] != SIGNS.index("-")) & (first > second)
        pair = jnp.where(turned, jnp.stack([second, first]), jnp.stack([first, second]))
        return layout.digest(jnp.stack([*pair, third, *problem.signs, problem.long]))

    def prompt(self, problem: Expression) -> Prompt:
        """BOS a + b SEP."""
        first, second, third = problem.numbers + self.code("0")
        one, two = problem.signs + self.code(SIGNS[0])
        begin, end, long = jnp.int32(BOS), jnp.int32(SEP), problem.long == 1
        ids = jnp.stack([begin, first, one, second, two, third, end])
        kept = jnp.ones(7, bool).at[4:6].set(long)
        return Prompt(*layout.right_aligned(ids, kept))

    def demonstration(self, problem: Expression, key: Key[Array, ""]) -> Int[Array, " T"]:
        """The number; there is no other answer."""
        return self.answer(problem)

    def answer(self, problem: Expression) -> Int[Array, " T"]:
        """The number."""
        first, second, third = problem.numbers
        result = self.operate(problem.signs[0], first, second)
        longer = self.operate(problem.signs[1], result, third)
        result = jnp.where(problem.long == 1, longer, result)
        return jnp.stack([result + self.code("0"), jnp.int32(EOS)])

    def operate(
        self, sign: Int[Array, ""], left: Int[Array, ""], right: Int[Array, ""]
    ) -> Int[Array, ""]:
        """Modulo p."""
        results = jnp.stack([left + right, left - right, left * right])
        return (results % self.modulus)[sign]

    def verify(
        self, problem: Expression, tokens: Int[Array, " T"], length: Int[Array, ""]
    ) -> Verdict:
        """Exactly the number."""
        return exact(self.answer(problem), tokens, length)
