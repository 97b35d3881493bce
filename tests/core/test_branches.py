"""Work that only some cycles need: done where it is wanted, skipped where nobody wants it."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import cairn
from cairn.core.branches import SIDE_BY_SIDE, when, zeros


@pytest.mark.parametrize("wanted", [[False, True, False], [True, True, True], [False] * 3])
def test_each_of_several_seeds_has_what_it_has_alone(wanted):
    def step(wanted, number):
        return when(wanted, lambda n: (n + 1, n * 2), lambda n: (n, jnp.zeros_like(n)), number)

    numbers, flags = jnp.arange(3) + 5, jnp.array(wanted)
    together = jax.vmap(step, axis_name=SIDE_BY_SIDE)(flags, numbers)
    alone = [step(flag, number) for flag, number in zip(flags, numbers, strict=True)]
    for ours, theirs in zip(together, zip(*alone, strict=True), strict=True):
        assert ours.tolist() == [int(each) for each in theirs]


@pytest.mark.parametrize(
    ("wanted", "axis", "works"),
    [
        ([False, False], SIDE_BY_SIDE, False),
        ([False, True], SIDE_BY_SIDE, True),
        ([False, False], None, True),  # so it is told: what a `cond` becomes in a `vmap`
    ],
)
def test_work_is_skipped_where_no_seed_wants_it(wanted, axis, works):
    done = []

    def work(number):
        jax.debug.callback(lambda: done.append(1))
        return number + 1

    step = jax.jit(jax.vmap(lambda w, n: when(w, work, lambda n: n, n), axis_name=axis))
    jax.block_until_ready(step(jnp.array(wanted), jnp.arange(2)))
    jax.effects_barrier()
    assert bool(done) == works


def test_nothing_has_the_shapes_of_something():
    nothing = zeros(lambda x: {"sum": jnp.sum(x), "sign": x > 0}, jnp.ones((2, 3)))
    assert nothing["sum"] == 0 and nothing["sum"].dtype == jnp.float32
    assert nothing["sign"].shape == (2, 3) and not nothing["sign"].any()


def test_nobody_else_branches():
    """A `cond` in a method's cycle is both branches where seeds run side by side."""
    sources = Path(cairn.__file__).parent.rglob("*.py")
    assert [path.name for path in sources if "lax.cond" in path.read_text()] == ["branches.py"]
