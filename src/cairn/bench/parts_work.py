"""What `cairn bench parts` times: the machine's bounds, a training cycle, and its parts."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from cairn.bench import archive, driver, flops, stepping
from cairn.bench.clock import Work
from cairn.bench.flops import Cost
from cairn.core.axes import COLUMNS
from cairn.core.trace import Trace
from cairn.engine import devices
from cairn.engine.devices import WHOLE, Layout
from cairn.learners.ppo import PPO
from cairn.runs.experiment import Experiment
from cairn.ued import parts as ued
from cairn.ued.method import problem_of


class Part(NamedTuple):
    """What is timed, and what a unit of it is known to cost."""

    work: Work
    cost: Cost
    units: int = 1
    """Units in one call."""


def bounds(*, size: int, megabytes: int) -> dict[str, Part]:
    """The most this machine does: products of large matrices, and streams of numbers."""
    peak = driver.peak({"size": size, "amount": 1})["run"]
    products = driver.PRODUCTS * 2 * size**3
    numbers = megabytes * 2**20 // flops.FLOAT_BYTES
    small = min(numbers, 2**17 * len(jax.devices()))
    return {
        "peak": Part(_repeated(peak), Cost(products, 0)),
        "memory": _stream(numbers, 1),
        # Half a megabyte for each array and device stays in the caches.
        "cache": _stream(small, 100),
    }


def _stream(numbers: int, passes: int) -> Part:
    """`x ← x / 2 + b`, in place: two arrays read and one written in each pass."""
    mesh = devices.plan(devices.usable(1, numbers), 1, numbers).columns

    def chain(x: Array, b: Array) -> Array:
        half = lambda _, x: x * jnp.float32(0.5) + b  # noqa: E731
        return jax.lax.fori_loop(0, passes, half, x)

    spec = devices.along(COLUMNS)
    step = jax.jit(devices.over(mesh, chain, (spec, spec), spec), donate_argnums=0)
    x, b = jnp.zeros(numbers, jnp.float32), jnp.ones(numbers, jnp.float32)
    if mesh is not None:
        x, b = jax.device_put((x, b), jax.NamedSharding(mesh, spec))
    cost = Cost(2 * numbers, 3 * flops.FLOAT_BYTES * numbers)
    return Part(_chained(lambda x: step(x, b), x), cost, passes)


def parts(envs: int, length: int, *, products: int) -> dict[str, Part]:
    """The cycle of the reference preset and its parts, each laid over the devices as in a run."""
    chosen = driver.reference({"name": "dr", "envs": envs, "length": length, "amount": 1})
    layout, epochs = chosen.layout, chosen.student.epochs
    copies = 1 if layout.columns is None else layout.columns.size
    played, learned = _products(chosen, copies)
    learner = problem_of(chosen.setup(chosen.layout)).learner
    assert isinstance(learner, PPO)
    state = jax.tree.map(lambda leaf: leaf[0], layout.put(chosen.compiled().init()))
    play, update, descend = _rollout(chosen), _update(chosen), _descend(chosen, learner)
    trace = play(state)
    slope = eqx.filter(state.learner.network, eqx.is_array)  # whatever it holds, it takes as long
    held = jax.tree.map(jnp.copy, state.learner)
    # Its loop over the epochs is counted once.
    adam = _times(_counted(descend, held, slope), copies * epochs)
    with tempfile.TemporaryDirectory() as folder:
        mazes = Path(folder) / "mazes.npz"
        stepping.draw(mazes, envs, length)
        steps = driver.stepping({"mazes": str(mazes), "amount": 1})
    stepped = _times(_counted(*_environment_step(chosen)), length)
    return {
        "cycle": Part(
            _repeated(driver.cycles(chosen)[0]["run"]),
            Cost(played.flop + learned.flop, played.bytes + learned.bytes + adam.bytes),
        ),
        "rollout": Part(_repeated(lambda: play(state)), played),
        "environment": Part(_repeated(steps["run"]), stepped),
        "update": Part(
            _repeated(lambda: update(state, trace)),
            Cost(learned.flop, learned.bytes + adam.bytes),
        ),
        "adam": Part(_chained(lambda held: descend(held, slope), held), adam),
        "archive": _archive(layout, copies),
        "product": _recurrent_product(envs, chosen.student.hidden, products),
    }


def _products(chosen: Experiment, copies: int) -> tuple[Cost, Cost]:
    """What the network's products cost in a cycle: in the rollout, and in all epochs."""
    cycle = chosen.algorithm
    costs = flops.training_step(
        chosen.env.observation_spec,
        chosen.env.actions,
        chosen.student,
        batch=cycle.batch,
        length=cycle.steps_per_cycle,
        devices=copies,
    )

    def together(kind: str) -> Cost:
        of_kind = [cost for name, cost in costs.items() if name.startswith(kind)]
        step = Cost(sum(cost.flop for cost in of_kind), sum(cost.bytes for cost in of_kind))
        return _times(step, cycle.batch * cycle.steps_per_cycle)

    return together("rollout"), together("epochs")


def _rollout(chosen: Experiment) -> Callable[[Any], Trace]:
    """Draw levels and play them, as `ued.dr.step` does."""
    problem, cycle = problem_of(chosen.setup(chosen.layout)), chosen.algorithm

    def play(state: Any) -> Trace:
        keys = jax.random.split(ued.key_for(state, "levels"), (1, cycle.batch))
        levels = jax.vmap(jax.vmap(problem.env.space.sample))(keys)
        key = ued.key_for(state, "rollout")
        return ued.play_turns(problem, state.learner, levels, key, cycle.steps_per_cycle)

    return jax.jit(play)


def _update(chosen: Experiment) -> Callable[[Any, Trace], Any]:
    """Learn from a rollout, as `ued.dr.step` does."""
    problem = problem_of(chosen.setup(chosen.layout))
    return jax.jit(lambda state, trace: ued.learn(problem, state, trace))


def _descend(chosen: Experiment, learner: PPO) -> Callable[[Any, Any], Any]:
    """The optimiser steps of a cycle, on every device."""

    def here(state: Any, slope: Any) -> Any:
        once = lambda state, _: learner.descend(state, slope, jnp.float32(1e-4))  # noqa: E731
        return jax.lax.scan(once, state, length=chosen.student.epochs)[0]

    over = devices.over(chosen.layout.columns, here, (WHOLE, WHOLE), WHOLE)
    return jax.jit(over, donate_argnums=0)


def _environment_step(chosen: Experiment) -> tuple:
    """One step of every column with restart and observation, and its arguments, to be counted."""
    env: Any = chosen.env
    keys = jax.random.split(jax.random.key(0), chosen.algorithm.batch)
    start, _ = jax.vmap(env.reset)(keys, jax.vmap(env.space.sample)(keys))

    step = jax.jit(partial(driver.raw_step, env))
    return step, start, start, jnp.zeros(len(keys), jnp.int32)


def _archive(layout: Layout, copies: int) -> Part:
    """The archive of the methods that have one, full: a batch inserted and one drawn."""
    config = archive.Config()
    work = archive.works(config.capacities[0], config, layout)["both"]
    held, key = archive.full(jax.random.key(0), config.capacities[0]), jax.random.key(0)
    insert, draw = archive.kinds(config.capacities[0])
    # Offers come one after the other, in a loop whose body would be counted once.
    offer = _times(_counted(jax.jit(partial(insert, 1)), held, key), config.batch)
    drawn = _counted(jax.jit(partial(draw, config.batch)), held, key)
    flop, moved = offer.flop + drawn.flop, offer.bytes + drawn.bytes
    return Part(work, Cost(flop * copies, moved * copies), config.calls)


def _recurrent_product(columns: int, hidden: int, products: int) -> Part:
    """Products (columns × hidden) · (hidden × 4 hidden), each needing the last one's result."""
    mesh = devices.plan(devices.usable(1, columns), 1, columns).columns

    def chain(h: Array, weights: Array) -> Array:
        def once(_: Any, h: Array) -> Array:
            return (h @ weights).reshape(h.shape[0], 4, -1).sum(axis=1) * jnp.float32(0.5)

        return jax.lax.fori_loop(0, products, once, h)

    spec = devices.along(COLUMNS)
    multiply = jax.jit(devices.over(mesh, chain, (spec, WHOLE), spec))
    h = jnp.ones((columns, hidden), jnp.float32)
    weights = jax.random.normal(jax.random.key(0), (hidden, 4 * hidden), jnp.float32) / hidden
    copies = 1 if mesh is None else mesh.size
    product = flops.Product(hidden, 4 * hidden)
    each = Cost(product.forward, product.traffic(columns / copies))
    return Part(_repeated(lambda: multiply(h, weights)), _times(each, columns), products)


def _counted(program: Any, *arguments: Any) -> Cost:
    """Operations and bytes as XLA counts them in a program without loops, on one device."""
    found = program.lower(*arguments).compile().cost_analysis()
    return Cost(found.get("flops", 0.0), found["bytes accessed"])


def _times(cost: Cost, number: int) -> Cost:
    return Cost(cost.flop * number, cost.bytes * number)


def _repeated(run: Callable[[], PyTree]) -> Work:
    """Waits for each call: JAX would work on several at once, in each other's way."""

    def work(times: int) -> None:
        for _ in range(times):
            jax.block_until_ready(run())

    return work


def _chained(function: Callable[[Any], Any], state: Any) -> Work:
    """Each call uses up what the last one gave."""
    held = [state]

    def work(times: int) -> None:
        for _ in range(times):
            held[0] = function(held[0])
        jax.block_until_ready(held[0])

    return work
