"""Addition of numbers of several digits, with or without the sums on the way.

The classic of small transformers: Nogueira, Jiang and Lin 2021, arXiv:2102.13019. Sums written from
the ones up are much easier, since each digit then needs only those before it: Lee et al. 2023,
arXiv:2307.03381. The harder split has numbers of one digit more, all of them.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key, UInt32

from cairn.core import checks
from cairn.core.vocabulary import BOS, EOS, SEP
from cairn.envs.tokens import layout
from cairn.envs.tokens.protocol import Prompt, TokenTask, Verdict


class Sum(NamedTuple):
    """Numbers to add, the ones first."""

    digits: Int[Array, "operands width"]
    """0 from `length` on."""
    length: Int[Array, " operands"]
    """Digits of each number, at least one."""


class Addition(TokenTask):
    """Add numbers of several digits; with `scratch` the sum after every number."""

    digits: int = eqx.field(static=True, default=3)
    """Of a number, at most; in the harder split all have one more."""
    operands: int = eqx.field(static=True, default=2)
    """Numbers to add."""
    backward: bool = eqx.field(static=True, default=True)
    """Whether sums are written from the ones up. Numbers in prompts are written as usual."""
    scratch: bool = eqx.field(static=True, default=False)
    """Whether demonstrations write the sum after each number, a line each."""
    room: int = eqx.field(static=True, default=0)
    """Tokens that an answer may take beyond a demonstration: only its last line is judged."""

    def __check_init__(self) -> None:
        """Refuse what is no sum, or has carries of two digits."""
        checks.at_least(self, 1, "digits")
        checks.between(self, 2, 10, "operands")
        checks.at_least(self, 0, "room")

    @property
    def own_symbols(self) -> tuple[str, ...]:
        """Digits, the sign between numbers and the one between lines."""
        return (*map(str, range(10)), "+", ";")

    @property
    def width(self) -> int:
        """Digits of the longest number."""
        return self.digits + 1

    @property
    def lines(self) -> int:
        """Of a demonstration."""
        return self.operands - 1 if self.scratch else 1

    @property
    def prompt_length(self) -> int:
        """BOS, the numbers with a sign behind each, the last of which is SEP."""
        return 1 + self.operands * (self.width + 1)

    @property
    def answer_length(self) -> int:
        """Lines of sums, which are one digit longer, with a sign behind each; and the room."""
        return self.lines * (self.width + 2) + self.room

    def draw(self, key: Key[Array, ""], shifted: bool) -> Sum:
        """All lengths are as likely, and of a length all numbers."""
        length_key, digit_key, first_key = jax.random.split(key, 3)
        length = jax.random.randint(length_key, (self.operands,), 1, self.digits + 1, jnp.int32)
        length = jnp.full_like(length, self.width) if shifted else length
        digits = jax.random.randint(digit_key, (self.operands, self.width), 0, 10, jnp.int32)
        first = jax.random.randint(first_key, (self.operands, 1), 1, 10, jnp.int32)
        place = jnp.arange(self.width)[None]
        leads = (place == length[:, None] - 1) & (length[:, None] > 1)
        digits = jnp.where(leads, first, digits)
        return Sum(jnp.where(place < length[:, None], digits, 0), length)

    def identity(self, problem: Sum) -> UInt32[Array, ""]:
        """Whatever the order of the numbers."""
        return layout.unordered(jax.vmap(layout.digest)(problem.digits))

    def prompt(self, problem: Sum) -> Prompt:
        """BOS, the numbers as usual with + between them, SEP."""
        there = jnp.arange(self.width)[None] < problem.length[:, None]
        sign = jnp.full((self.operands, 1), self.code("+"), jnp.int32).at[-1].set(SEP)
        rows = jnp.concatenate([problem.digits[:, ::-1] + self.code("0"), sign], axis=1)
        kept = jnp.concatenate([there[:, ::-1], jnp.ones_like(sign, bool)], axis=1)
        begin = jnp.full(1, BOS, jnp.int32)
        ids = jnp.concatenate([begin, rows.ravel()])
        return Prompt(*layout.right_aligned(ids, jnp.concatenate([begin > 0, kept.ravel()])))

    def sums(self, problem: Sum) -> tuple[Int[Array, "lines room"], Bool[Array, "lines room"]]:
        """Lines of a demonstration with the sign behind each, and which places are used."""
        totals = jnp.cumsum(problem.digits, axis=0, dtype=jnp.int32)[self.operands - self.lines :]
        carry, columns = jnp.zeros(self.lines, jnp.int32), []
        for column in range(self.width):
            total = totals[:, column] + carry
            columns.append(total % 10)
            carry = total // 10
        digits = jnp.stack([*columns, carry], axis=1)
        # The highest digit that is not 0, or the ones.
        used = jnp.cumsum(digits[:, ::-1], axis=1)[:, ::-1] > 0
        used = used.at[:, 0].set(True)
        if not self.backward:
            digits, used = digits[:, ::-1], used[:, ::-1]
        sign = jnp.full((self.lines, 1), self.code(";"), jnp.int32).at[-1].set(EOS)
        rows = jnp.concatenate([digits + self.code("0"), sign], axis=1)
        return rows, jnp.concatenate([used, jnp.ones_like(sign, bool)], axis=1)

    def demonstration(self, problem: Sum, key: Key[Array, ""]) -> Int[Array, " T"]:
        """The lines, one behind the other; there is no other answer."""
        rows, used = self.sums(problem)
        return layout.left_aligned(rows.ravel(), used.ravel(), self.answer_length)

    def hint(self, problem: Sum, key: Key[Array, ""]) -> Int[Array, " T"]:
        """The last line: how to come by it is left to be found."""
        rows, used = self.sums(problem)
        return layout.left_aligned(rows[-1], used[-1], self.answer_length)

    def verify(self, problem: Sum, tokens: Int[Array, " T"], length: Int[Array, ""]) -> Verdict:
        """Only the last line makes an answer correct. `right`: each line is the next sum, or the
        last one already. Without scratch each digit is a step."""
        rows, used = self.sums(problem)
        lines = jax.vmap(lambda row, kept: layout.left_aligned(row, kept, row.shape[0]))(rows, used)
        time = jnp.arange(tokens.shape[0], dtype=jnp.int32)
        inside = time < length
        behind = jnp.roll(tokens == self.code(";"), 1).at[0].set(False)
        line = jnp.cumsum(behind, dtype=jnp.int32)
        start = jax.lax.cummax(jnp.where(behind, time, 0))
        place = jnp.minimum(time - start, lines.shape[1])
        # Behind the end of a line, and behind the last line, nothing fits.
        padded = jnp.pad(lines, ((0, 1), (0, 1)))
        wrong_next = tokens != padded[jnp.minimum(line, self.lines), place]
        # The last sum may come early, and then more lines: it ends as the others do.
        early = jnp.where(padded[self.lines - 1] == EOS, self.code(";"), padded[self.lines - 1])
        ends = jnp.where(tokens == EOS, self.code(";"), tokens)
        wrong_last = ends != early[place]
        good = _fits_so_far(wrong_next, start) | _fits_so_far(wrong_last, start)
        final = jnp.maximum(length - 1, 0)
        correct = layout.ended(tokens, length) & _fits_so_far(wrong_last, start)[final]
        return Verdict(
            quality=correct.astype(jnp.float32),
            correct=correct,
            canonical=layout.digest(tokens, inside),
            step=line if self.scratch else jnp.minimum(time, self.width + 1),
            right=layout.until(~good & inside),
        )


def _fits_so_far(wrong: Bool[Array, " T"], start: Int[Array, " T"]) -> Bool[Array, " T"]:
    """Whether nothing is wrong from the start of each token's line to the token."""
    before = jnp.cumsum(wrong, dtype=jnp.int32)
    return before == (before - wrong.astype(jnp.int32))[start]
