"""cairn's own side: the same work as the peers' drivers, through the same public calls as a run."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cairn.core import trees
from cairn.core.axes import COLUMNS
from cairn.engine import devices
from cairn.engine.compiled import SeedForm, seed_form
from cairn.envs.maze.env import Maze
from cairn.envs.maze.level import MazeLevel
from cairn.envs.maze.named import FIXED_GOAL, named
from cairn.evaluation.attempts import attempt
from cairn.learners.protocol import Actor
from cairn.runs.experiment import Experiment
from cairn.runs.presets import experiment

PACKAGES = ("jax", "jaxlib", "equinox", "optax", "cairn")

WARM = 1 / 4000
"""Fill at which replay may start: the first batch of levels warms the archive."""

KINDS = ("training", "scoring", "mutation", "designing")

PRODUCTS = 8
"""Matrix products in one call of the peak."""


def setup(checkout: str | None) -> None:
    """Nothing to find: this is the cairn that is installed. Strict types, as in the tests."""
    jax.config.update("jax_numpy_dtype_promotion", "strict")


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """The work called `request["name"]`."""
    match request["name"]:
        case "env":
            return stepping(request)
        case "peak":
            return peak(request)
        case "lm-sample" | "lm-grpo":
            from cairn.bench import language_work

            return language_work.prepare(request)
        case "quality":
            return quality(request)
        case _:
            return training(request)


def reference(request: dict[str, Any]) -> Experiment:
    """The reference preset at the size asked for; ACCEL with cycles of one kind.

    With a teacher, `students` says how many learn, and `filters` how wide its convolution is.
    """
    name, taught = request["name"], "students" in request
    method = name if taught else name.split("-")[0]
    own: dict[str, Any] = {"teacher": {"filters": request["filters"]}} if taught else {}
    if name == "population-paired":
        own |= {"students": request["students"]}
    chosen = experiment("maze", method=method, preset="reference", **own)
    size = {"batch": request["envs"], "steps_per_cycle": request["length"]}
    if name.startswith("accel"):
        replay = {"accel-new": 0.0, "accel-replay": 1.0}[name]
        size |= {"replay_probability": replay, "minimum_fill": WARM}
    run = dataclasses.replace(
        chosen.run,
        log_every=request["amount"],
        seeds=request.get("seeds", 1),
        seed=request.get("seed", 0),
        steps=max(chosen.run.steps, 16 * request["envs"] * request["length"]),
    )
    algorithm = dataclasses.replace(chosen.algorithm, **size)
    return chosen.with_sections({**chosen.everything, "algorithm": algorithm, "run": run})


def training(request: dict[str, Any]) -> dict[str, Any]:
    """Cycles of a method with the reference preset."""
    form = request.get("form", seed_form())
    return cycles(reference(request), form)[0] | {"facts": {"form": form}}


def cycles(chosen: Experiment, form: SeedForm | None = None) -> tuple[dict[str, Any], list]:
    """One compiled chunk is one run. Also the list whose only element is the newest state."""
    compiled = chosen.compiled(form)
    state = [jax.block_until_ready(compiled.init())]
    compiled = compiled.ready(state[0])

    def run() -> None:
        state[0], _ = jax.block_until_ready(compiled.advance(state[0]))

    def count() -> dict[str, int]:
        totals = state[0].ledger.totals()
        sums = {kind: int(np.sum(totals[kind])) for kind in KINDS if kind in totals}
        return {kind: total for kind, total in sums.items() if total}

    learner = state[0].learner
    learners = learner.values() if isinstance(learner, dict) else [learner]
    leaves = jax.tree.leaves([each.network for each in learners])
    parameters = sum(leaf[0].size for leaf in leaves)
    return {"parameters": parameters, "run": run, "count": count}, state


def quality(request: dict[str, Any]) -> dict[str, Any]:
    """The default preset, and a test on the eight mazes with a fixed goal."""
    chosen = experiment("maze")
    run = {"seed": request["seed"], "log_every": request["amount"]}
    attempts = 20
    if request.get("tiny"):
        chosen = reference(request | {"name": "dr", "envs": 2, "length": 256})
        attempts = 1
    chosen = dataclasses.replace(chosen, run=dataclasses.replace(chosen.run, **run))
    work, state = cycles(chosen)
    return work | {"test": tester(chosen, state, attempts)}


def tester(chosen: Experiment, state: list, attempts: int) -> Callable[[], float]:
    """Mean solve rate of `attempts` at each maze with at most 250 steps, as in JaxUED."""
    env = Maze(limit=250)
    keys = jax.random.split(jax.random.key(0), (len(FIXED_GOAL), attempts))
    mazes = [
        jax.vmap(partial(named, name))(key) for name, key in zip(FIXED_GOAL, keys, strict=True)
    ]
    levels = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *mazes)
    number = keys.size
    program = chosen.program

    def actor(state: list) -> Actor:
        return program.actors(state[0])["student"]

    @jax.jit
    def solved(learner: Any, key: Any) -> Any:
        keys, count = jax.random.split(key, number), jnp.int32(number)
        return attempt(
            env, actor(state).policy, learner, levels, keys, count, columns=number
        ).solved

    def test() -> float:
        learner = jax.tree.map(lambda leaf: leaf[0], actor(state).state)
        key = jax.random.fold_in(jax.random.key(1), state[0].cycle[0])
        return float(np.mean(solved(learner, key)))

    return test


def stepping(request: dict[str, Any]) -> dict[str, Any]:
    """The mazes and actions on file; an ended episode restarts on the same level.

    As in training, the columns are shared by all devices (the cores of a CPU).
    """
    with np.load(request["mazes"]) as file:
        actions = jnp.asarray(file["actions"])
        levels = MazeLevel(*(jnp.asarray(file[name]) for name in MazeLevel._fields))
    (length, envs), amount = actions.shape, request["amount"]
    env = Maze()
    keys = jax.random.split(jax.random.key(0), envs)
    start, observation = jax.vmap(env.reset)(keys, levels)

    def flat(observation: Any) -> Any:
        """As the first product of a policy takes it."""
        return jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[0], -1), observation)

    def one(start: Any, carry: tuple, action: Any) -> tuple[tuple, None]:
        (state, _), total, ended = carry
        state, observation, reward, done = raw_step(env, start, state, action)
        # The observation goes round the loop: it is made, as a policy would need it.
        now = (state, flat(observation))
        return (now, total + reward, ended + done.astype(jnp.int32)), None

    def scan(carry: tuple, start: Any, actions: Any) -> tuple:
        return jax.lax.scan(partial(one, start), carry, actions)[0]

    mesh = devices.plan(devices.usable(1, envs), 1, envs).columns
    columns = devices.along(COLUMNS)
    inputs = (columns, columns, devices.along(COLUMNS, 1))
    advance = jax.jit(devices.over(mesh, scan, inputs, columns))
    zeros = jnp.zeros(envs, jnp.float32), jnp.zeros(envs, jnp.int32)
    carry = [((start, flat(observation)), *zeros)]
    steps = [0]

    def run() -> None:
        for _ in range(amount):
            carry[0] = advance(carry[0], start, actions)
        jax.block_until_ready(carry[0])
        steps[0] += amount * length * envs

    def outcome() -> dict[str, float]:
        _, *sums = carry[0]
        total, ended = map(np.asarray, sums)
        return {"episodes": int(ended.sum()), "reward": float(total.sum(dtype=float))}

    count = lambda: {"steps": steps[0]}  # noqa: E731
    return {"parameters": 0, "run": run, "count": count, "outcome": outcome}


def raw_step(env: Any, start: Any, state: Any, action: Any) -> tuple[Any, Any, Any, Any]:
    """One step of every column without a player: states, observations, rewards, ends.

    Not the step of a rollout, which serves environments that cannot be asked what they show: it
    keeps the observation of the start as well and chooses, and this loop would take twice as long.
    """
    played = jax.vmap(env.step, (None, 0, 0))(jax.random.key(0), state, action)
    done = played.terminated | played.truncated
    state = trees.where(done, start, played.state)
    return state, jax.vmap(env.observe)(state), played.reward, done


def peak(request: dict[str, Any]) -> dict[str, Any]:
    """Square float32 products, one after the other: "steps" are floating-point operations."""
    size, amount = request["size"], request["amount"]
    a = jax.random.normal(jax.random.key(0), (size, size), jnp.float32) / jnp.sqrt(
        jnp.float32(size)
    )

    def chain(x: Any) -> Any:
        return jax.lax.fori_loop(0, PRODUCTS, lambda _, x: x @ a, x)

    multiply = jax.jit(chain)
    x = [a]
    done = [0]

    def run() -> None:
        for _ in range(amount):
            x[0] = multiply(x[0])
        jax.block_until_ready(x[0])
        x[0] = a  # products of products would fade to denormal numbers, which are slow
        done[0] += amount * PRODUCTS * 2 * size**3

    return {"parameters": 0, "run": run, "count": lambda: {"operations": done[0]}}
