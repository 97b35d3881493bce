"""Countdown: reach a number from others, using each once. An expression is written behind first
(reverse Polish), so that it needs no brackets and a verifier is a stack.

As in Gandhi et al. 2024 (stream of search), arXiv:2404.03683, in small. No result on the way is
below 0 and every division is exact. The harder split has one number more. Two answers are the same
if algebra says so: then they agree at random numbers in the place of the given ones, in arithmetic
modulo a prime, where everything but 0 can be divided by.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key, UInt32

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.vocabulary import BOS, EOS, PAD, SEP
from cairn.envs.tokens import layout
from cairn.envs.tokens.protocol import Prompt, TokenTask, Verdict

SIGNS = "+-*/"
FIELD = 65521
"""The largest prime below 2^16: products of two numbers below it fit into uint32."""


class Numbers(NamedTuple):
    """What to reach, and of what."""

    numbers: Int[Array, " most"]
    """Ascending; 0 where there is none."""
    target: Int[Array, ""]
    """In [1, highest]; -1 where an expression was drawn that breaks the rules."""
    solution: Int[Array, " T"]
    """Symbols of an answer."""


class Countdown(TokenTask):
    """Reach a number by + - * / from others, using each of them once."""

    numbers: int = eqx.field(static=True, default=3)
    """Given; in the harder split one more."""
    largest: int = eqx.field(static=True, default=12)
    """Of the given numbers; each is one symbol."""
    highest: int = eqx.field(static=True, default=99)
    """Of the numbers to reach, which are written in digits."""

    def __check_init__(self) -> None:
        """Refuse what does not fit int32, or the sign of a digit."""
        checks.between(self, 2, 5, "numbers")
        checks.between(self, 9, 30, "largest")
        checks.between(self, 1, 9999, "highest")
        if self.largest ** (self.numbers + 1) >= 2**31:
            raise ConfigError(
                f"The product of {self.numbers + 1} numbers up to {self.largest} is too large: "
                f"take fewer numbers or a smaller `largest`."
            )

    @property
    def many(self) -> bool:
        """Most numbers can be reached in several ways."""
        return True

    @property
    def own_symbols(self) -> tuple[str, ...]:
        """Numbers, those up to 9 digits too, and signs."""
        return (*map(str, range(self.largest + 1)), *SIGNS)

    @property
    def most(self) -> int:
        """Numbers of the largest problem of any split."""
        return self.numbers + 1

    @property
    def prompt_length(self) -> int:
        """BOS, the numbers, SEP, the digits of the target, SEP."""
        return self.most + len(str(self.highest)) + 3

    @property
    def answer_length(self) -> int:
        """Every number, a sign less, EOS."""
        return 2 * self.most

    def draw(self, key: Key[Array, ""], shifted: bool) -> Numbers:
        """An expression of any shape; the target is what comes out."""
        count = self.most if shifted else self.numbers
        number_key, sign_key, shape_key = jax.random.split(key, 3)
        numbers = jax.random.randint(number_key, (count,), 1, self.largest + 1, jnp.int32)
        signs = jax.random.randint(sign_key, (count - 1,), 0, len(SIGNS), jnp.int32)
        shapes = jnp.asarray(_shapes(count))
        which = jax.random.randint(shape_key, (), 0, shapes.shape[0])
        is_number, place = shapes[which, 0] == 1, shapes[which, 1]
        ids = jnp.where(
            is_number,
            numbers[jnp.minimum(place, count - 1)] + self.code("0"),
            signs[jnp.minimum(place, count - 2)] + self.code(SIGNS[0]),
        )
        solution = jnp.full(self.answer_length, PAD, jnp.int32).at[: 2 * count - 1].set(ids)
        solution = solution.at[2 * count - 1].set(EOS)
        given = jnp.pad(jnp.sort(numbers), (0, self.most - count))
        ran = self.run(given, solution)
        reached = ran.legal.all() & (ran.value >= 1) & (ran.value <= self.highest)
        return Numbers(given, jnp.where(reached, ran.value, -1), solution)

    def acceptable(self, problem: Numbers) -> Bool[Array, ""]:
        """The expression keeps to the rules, and to the highest target."""
        return problem.target > 0

    def identity(self, problem: Numbers) -> UInt32[Array, ""]:
        """Numbers and target, whatever the solution."""
        return layout.digest(jnp.concatenate([problem.numbers, problem.target[None]]))

    def prompt(self, problem: Numbers) -> Prompt:
        """BOS, the numbers, SEP, the target, SEP."""
        powers = 10 ** jnp.arange(len(str(self.highest)))[::-1]
        digits = problem.target // powers % 10
        begin, end = jnp.full(1, BOS, jnp.int32), jnp.full(1, SEP, jnp.int32)
        zero = self.code("0")
        ids = jnp.concatenate([begin, problem.numbers + zero, end, digits + zero, end])
        kept = jnp.ones(self.prompt_length, bool).at[1 : 1 + self.most].set(problem.numbers > 0)
        return Prompt(*layout.right_aligned(ids, kept))

    def demonstration(self, problem: Numbers, key: Key[Array, ""]) -> Int[Array, " T"]:
        """The expression that the problem was made of."""
        return problem.solution

    def verify(self, problem: Numbers, tokens: Int[Array, " T"], length: Int[Array, ""]) -> Verdict:
        """Whether the rules are kept and the target comes out. A step ends with a sign; `right`:
        the rules are kept, and where it ends the target is reached."""
        time = jnp.arange(tokens.shape[0], dtype=jnp.int32)
        inside = time < length
        ran = self.run(problem.numbers, jnp.where(inside, tokens, PAD))
        ends = (tokens == EOS) & (ran.value == problem.target)
        good = ran.legal & (tokens != PAD) & (ends | (tokens != EOS))
        right = layout.until(~good & inside)
        correct = right.all() & layout.ended(tokens, length)
        told = layout.digest(tokens, inside)
        signs = tokens >= self.code(SIGNS[0])
        return Verdict(
            quality=correct.astype(jnp.float32),
            correct=correct,
            canonical=jnp.where(correct, layout.digest(ran.algebra), told),
            step=jnp.cumsum(signs, dtype=jnp.int32) - signs.astype(jnp.int32),
            right=right,
        )

    def run(self, numbers: Int[Array, " most"], tokens: Int[Array, " T"]) -> "Ran":
        """What becomes of the stack. PAD is passed over, wherever it stands."""
        first, sign = self.code("0"), self.code(SIGNS[0])
        alike = jnp.asarray(_alike(self.largest))
        places = jnp.arange(self.most + 1)
        empty = jnp.zeros(self.most + 1, jnp.int32)
        start = (empty, jnp.zeros((self.most + 1, 2), jnp.uint32), jnp.int32(0), numbers == 0)

        def read(carry: tuple, token: Array) -> tuple[tuple, Array]:
            stack, algebra, depth, used = carry
            number, operator = token - first, token - sign
            pushes, operates = (number >= 0) & (number <= self.largest), operator >= 0
            unused = (numbers == number) & ~used
            left, right = jnp.maximum(depth - 2, 0), jnp.maximum(depth - 1, 0)
            operator = jnp.clip(operator, 0, 3)
            result, allowed = _operate(operator, stack[left], stack[right])
            same = _algebra(operator, algebra[left], algebra[right])
            number = jnp.clip(number, 0, self.largest)
            legal = jnp.where(pushes, unused.any(), operates & (depth >= 2) & allowed)
            ends = (token == EOS) & (depth == 1) & used.all()
            writes = legal & (pushes | operates)
            where = jnp.where(pushes, depth, left)
            here = (places == where) & writes
            stack = jnp.where(here, jnp.where(pushes, number, result), stack)
            same = jnp.where(pushes, alike[number], same)
            algebra = jnp.where(here[:, None], same[None], algebra)
            depth = depth + jnp.where(writes, jnp.where(pushes, 1, -1), 0)
            taken = jnp.arange(self.most) == jnp.argmax(unused)
            used = used | (taken & pushes & legal)
            return (stack, algebra, depth, used), legal | ends | (token == PAD)

        (stack, algebra, _, _), legal = jax.lax.scan(read, start, tokens)
        return Ran(stack[0], algebra[0], legal)


class Ran(NamedTuple):
    """What an expression comes to."""

    value: Int[Array, ""]
    algebra: UInt32[Array, "2"]
    """Its values at two lots of random numbers."""
    legal: Bool[Array, " T"]
    """Whether each symbol keeps to the rules."""


def _operate(
    sign: Int[Array, ""], left: Int[Array, ""], right: Int[Array, ""]
) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """In whole numbers, and whether that is allowed."""
    divisor = jnp.maximum(right, 1)
    results = jnp.stack([left + right, left - right, left * right, left // divisor])
    divides = (right > 0) & (left % divisor == 0)
    allowed = jnp.stack([jnp.ones((), bool), left >= right, jnp.ones((), bool), divides])
    return results[sign], allowed[sign]


def _algebra(
    sign: Int[Array, ""], left: UInt32[Array, "2"], right: UInt32[Array, "2"]
) -> UInt32[Array, "2"]:
    """Modulo `FIELD`."""
    inverse, square = jnp.ones_like(right), right
    for bit in range(16):  # by Fermat: right to the power of FIELD - 2
        if (FIELD - 2) >> bit & 1:
            inverse = inverse * square % FIELD
        square = square * square % FIELD
    results = jnp.stack([left + right, left + FIELD - right, left * right, left * inverse])
    return results[sign] % FIELD


def _alike(largest: int) -> np.ndarray:
    """Two random elements in the place of each number."""
    return np.random.default_rng(0).integers(1, FIELD, (largest + 1, 2)).astype(np.uint32)


def _shapes(count: int) -> np.ndarray:
    """Every order of `count` numbers and the signs between them: whether a place is a number's, and
    the how manieth of its kind it is."""
    orders = [[True]]
    for _ in range(2 * count - 2):
        orders = [
            [*order, number] for order in orders for number in (True, False)
            if (sum(order) < count if number else 2 * sum(order) > len(order) + 1)
        ]  # fmt: skip
    rows = [[order, np.where(order, np.cumsum(order), np.cumsum(~np.array(order))) - 1]
            for order in orders]  # fmt: skip
    return np.array(rows, np.int32)
