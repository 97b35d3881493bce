"""Searches of several seeds in one `vmap`: what accelerators run."""

from collections.abc import Iterator
from typing import Any

import jax
import pytest
from jax.extend.core import jaxprs_in_params

from cairn.core.branches import SIDE_BY_SIDE
from cairn.qd import cma_mae, cma_me
from cairn.qd.tasks import Sphere
from cairn.runs.method import Setup

METHODS: dict[str, Any] = {"cma-me": cma_me, "cma-mae": cma_mae}


def decompositions(jaxpr: Any, branched: bool = False) -> Iterator[bool]:
    """Of every eigendecomposition in a program, whether it is in a branch."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "eigh":
            yield branched
        for inner in jaxprs_in_params(equation.params):
            yield from decompositions(inner, branched or equation.primitive.name == "cond")


@pytest.mark.parametrize("name", METHODS)
def test_seeds_decompose_when_one_of_them_does_and_not_in_every_cycle(name):
    method, task = METHODS[name], Sphere(dims=6, side=8)
    config = method.Config(emitters=3, batch=6)
    program = method.METHOD.program(Setup(task, {"algorithm": config}, 10_000))
    state = jax.eval_shape(jax.vmap(program.init), jax.random.split(jax.random.key(0), 2))
    together = jax.vmap(program.step, axis_name=SIDE_BY_SIDE)
    assert list(decompositions(jax.make_jaxpr(together)(state).jaxpr)) == [True]
