"""Which answers count as the same, and what answers make of an attempt."""

import jax
import jax.numpy as jnp
import numpy as np

from cairn.core.vocabulary import EOS
from cairn.envs.tokens.countdown import Countdown, Numbers
from cairn.envs.tokens.protocol import BASE, DIVERGE
from cairn.envs.tokens.repair import Colouring, Repair


def test_expressions_that_algebra_calls_the_same_have_one_hash():
    task = Countdown(numbers=3, largest=9)
    numbers = jnp.array([2, 3, 4, 0], jnp.int32)
    said = ["2 3 + 4 *", "4 3 2 + *", "3 2 + 4 *", "4 2 - 3 +", "4 3 + 2 -", "4 2 * 3 -"]
    ids = [[*map(task.code, text.split()), EOS, 0, 0] for text in said]
    targets = jnp.array([20, 20, 20, 5, 5, 5], jnp.int32)
    judge = lambda target, row: task.verify(  # noqa: E731
        Numbers(numbers, target, jnp.zeros(8, jnp.int32)), row, jnp.int32(6)
    )
    verdicts = jax.jit(jax.vmap(judge))(targets, jnp.array(ids, jnp.int32))
    assert verdicts.correct.all()
    a, b, c, d, e, f = verdicts.canonical.tolist()
    assert a == b == c and d == e and len({a, d, f}) == 3


def test_an_answer_mends_the_attempt_that_the_next_prompt_shows():
    task, whole = Repair(nodes=3, edges=2), Repair(nodes=3, edges=2, binary=True)
    edges = jnp.array([[0, 1], [1, 2], [0, 0]], jnp.int32)
    kept = jnp.array([True, True, False])
    there = jnp.array([True, True, True, False, False])
    clash = jnp.zeros(5, jnp.int32)
    problem = Colouring(edges, kept, there, clash, clash, jnp.int32(BASE))
    said = ["B 2", "B 3", "A 2", "B 2 B", "D 2"]
    ids = [[*map(task.code, text.split()), EOS] for text in said]
    length = jnp.array([len(row) for row in ids], jnp.int32)
    rows = jnp.array([row + [0] * (5 - len(row)) for row in ids], jnp.int32)

    def one(row, number):
        after = task.asked(task.after(problem, row, number), DIVERGE)
        again = task.start(after)
        shown = task.prompt(after).ids
        strict = whole.verify(problem, row, number), whole.standing(after)
        return task.verify(problem, row, number), after, again, task.standing(after), shown, strict

    verdict, after, again, standing, shown, strict = jax.jit(jax.vmap(one))(rows, length)
    np.testing.assert_allclose(verdict.quality, [1, 1, 0.5, 0, 0])
    np.testing.assert_allclose(standing, [1, 1, 0.5, 0, 0])  # no list of changes changes nothing
    judged, reached = strict
    assert judged.quality.tolist() == reached.tolist() == [1, 1, 0, 0, 0]
    assert (judged.right == verdict.right).all() and task.graded and not whole.graded
    assert verdict.canonical[0] == verdict.canonical[1] != verdict.canonical[2]  # 2 or 3, the same
    assert after.colours[:, :3].tolist() == [[0, 1, 0], [0, 2, 0], [1, 0, 0], [0] * 3, [0] * 3]
    assert (again.colours == 0).all() and (again.mode == BASE).all()
    words = task.text(np.asarray(shown[0]))
    assert words == "<bos> diverge A B B C <sep> A 1 B 2 C 1 <sep>"
