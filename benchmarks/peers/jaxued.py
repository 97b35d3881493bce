"""JaxUED, timed from outside by `cairn bench` (src/cairn/bench/serve.py says how to run it alone).

Needs an environment with jax, flax, gymnax, chex, optax, distrax (and the tfp-nightly it brings),
orbax-checkpoint, and JaxUED itself: installed with its examples beside it, or as a checkout.

Its training step is a function inside `main` of an example. `main` is called with more updates
between two evaluations than there are in the run, so it builds everything and trains nothing;
`jax.jit`, as the example sees it, notes what it is given, and the training step is taken from
there. The tracker `wandb` is replaced by an empty one. Nothing else is changed.

What is not the same work as cairn's: a column plays a new level after every episode, drawn (at
its own cost) at every step; state and memory go on from one rollout to the next; in ACCEL, cycles
without a gradient still compute the losses of all epochs.
"""

import argparse
import importlib
import os
import sys
import types
from pathlib import Path

PACKAGES = ("jax", "jaxlib", "flax", "optax", "distrax", "gymnax", "chex")

WARM = 1 / 4000
"""Fill at which replay may start: the first batch of levels warms the buffer."""


def setup(checkout):
    """Where JaxUED and its examples are found."""
    if checkout:
        sys.path[:0] = [os.path.join(checkout, "src"), os.path.join(checkout, "examples")]


def example(name, settings):
    """`main` of an example with its own defaults but for `settings`: its inner functions."""
    import jax

    tracker = types.ModuleType("wandb")
    tracker.init = lambda **_: None
    tracker.define_metric = lambda *_, **__: None
    sys.modules["wandb"] = tracker
    module = importlib.import_module(name)
    inner = {}

    def jit(function):
        names = function.__code__.co_freevars
        cells = function.__closure__ or ()
        inner.update(zip(names, cells, strict=True))
        return jax.jit(function)

    module.jax = types.ModuleType("jax")
    vars(module.jax).update(vars(jax) | {"jit": jit})
    config = defaults(module) | settings
    config |= {"eval_freq": config["num_updates"] + 1, "checkpoint_save_interval": 0}
    tracker.config = config
    module.wandb = tracker  # an example that is used twice still has the first one
    state = module.main(config)
    return {name: cell.cell_contents for name, cell in inner.items()}, state


def defaults(module):
    """The example's flags, read by running the part of the file that parses them."""
    source = Path(module.__file__).read_text().split('if __name__=="__main__":')[1]
    body = "\n".join(line[4:] for line in source.splitlines())
    scope = dict(vars(module)) | {"main": lambda config, **_: None, "argparse": argparse}
    arguments, sys.argv = sys.argv, ["example"]
    try:
        exec(compile(body, module.__file__, "exec"), scope)
    finally:
        sys.argv = arguments
    return scope["config"]


def prepare(request):
    """The work called `request["name"]`."""
    if request["name"] == "env":
        return stepping(request)
    return training(request)


def training(request):
    """Updates of domain randomisation, or ACCEL's cycles of one kind."""
    import jax

    amount = request["amount"]
    envs, length = request.get("envs", 32), request.get("length", 256)
    settings = {"num_train_envs": envs, "num_steps": length, "seed": request.get("seed", 0)}
    name, scans = request["name"], amount
    attempts = 1 if request.get("tiny") else 20
    if name == "quality":
        settings = {"seed": request["seed"]}  # everything else as the example has it
        settings |= {"num_train_envs": 2} if request.get("tiny") else {}
    elif name != "dr":
        replay = {"accel-new": 0.0, "accel-replay": 1.0}[name]
        settings |= {"use_accel": True, "replay_prob": replay, "minimum_fill_ratio": WARM}
        settings |= {"n_walls": 0}  # as ACCEL's paper, and as cairn's side
        scans = 2 * amount if replay else amount  # replaying and editing are a step each
    inner, state = example("maze_plr" if name.startswith("accel") else "maze_dr", settings)
    advance = jax.jit(lambda carry: jax.lax.scan(inner["train_step"], carry, None, scans))
    carry = [(jax.random.PRNGKey(request.get("seed", 0)), state)]
    batch = settings.get("num_train_envs", 32) * settings.get("num_steps", 256)

    def run():
        carry[0], _ = jax.block_until_ready(advance(carry[0]))

    def count():
        state = carry[0][1]
        if not name.startswith("accel"):
            return {"training": int(state.update_count) * batch}
        kinds = ("replay", "dr", "mutation")
        done = [int(getattr(state, f"num_{kind}_updates")) * batch for kind in kinds]
        return dict(zip(("training", "scoring", "mutation"), done, strict=True))

    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.params))
    work = {"parameters": parameters, "run": run, "count": count}
    if name == "quality":
        work["test"] = tester(inner["eval"], carry, attempts)
    return work


def tester(evaluate, carry, attempts):
    """Mean solve rate of `attempts` at each of the example's eight mazes, its own test."""
    import jax

    returns = jax.jit(lambda keys, state: jax.vmap(evaluate, (0, None))(keys, state)[1])
    number = [0]

    def test():
        number[0] += 1
        keys = jax.random.split(jax.random.PRNGKey(number[0]), attempts)
        return float((returns(keys, carry[0][1]) > 0).mean())

    return test


def stepping(request):
    """The mazes and actions on file; an ended episode restarts on the same level."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jaxued.environments import Maze
    from jaxued.environments.maze import Level
    from jaxued.wrappers import AutoReplayWrapper

    with np.load(request["mazes"]) as file:
        walls, agent, heading, goal, actions = (
            jnp.asarray(file[name]) for name in ("walls", "agent", "heading", "goal", "actions")
        )
    height, width = walls.shape[1:]
    env = AutoReplayWrapper(Maze(max_height=height, max_width=width, normalize_obs=True))
    params = env.default_params
    keys = jax.random.split(jax.random.PRNGKey(0), len(walls))
    place = jax.vmap(lambda w, g, a, h: Level(w, g, a, h, width, height))
    levels = place(walls, *(part.astype(jnp.uint32) for part in (goal, agent)), heading)
    reset = jax.vmap(env.reset_to_level, in_axes=(0, 0, None))
    step = jax.vmap(env.step, in_axes=(0, 0, 0, None))

    def one(carry, action):
        state, _, total, ended = carry
        observation, state, reward, done, _ = step(keys, state, action, params)
        return (state, observation, total + reward, ended + done), None

    return loop(one, reset(keys, levels, params)[::-1], actions, request["amount"])


def loop(one, begin, actions, amount):
    """Scans of `one` over all actions. The observation is part of what goes round: it is made."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    length, envs = actions.shape
    advance = jax.jit(lambda carry: jax.lax.scan(one, carry, actions)[0])
    carry = [(*begin, jnp.zeros(envs), jnp.zeros(envs, jnp.int32))]
    steps = [0]

    def run():
        for _ in range(amount):
            carry[0] = advance(carry[0])
        jax.block_until_ready(carry[0])
        steps[0] += amount * length * envs

    def outcome():
        total, ended = map(np.asarray, carry[0][-2:])
        return {"episodes": int(ended.sum()), "reward": float(total.sum(dtype=float))}

    count = lambda: {"steps": steps[0]}  # noqa: E731
    return {"parameters": 0, "run": run, "count": count, "outcome": outcome}
