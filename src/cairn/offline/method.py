"""What the methods of this wing share: settings, state, windows of a dataset, and how they run."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key, PyTree, Shaped

from cairn.core import checks, trees
from cairn.core.dataset import Dataset
from cairn.core.errors import ConfigError, DatasetError
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.core.sections import values
from cairn.engine.program import Data, Measured, Program, Report
from cairn.envs.protocol import Environment
from cairn.envs.recorded import check_same
from cairn.learners.ppo import PPO, PPOConfig
from cairn.learners.protocol import Actor
from cairn.nn.catalogue import NetworkConfig
from cairn.nn.protocol import example
from cairn.runs.method import Method, Preset, Setup

COUNTS = ("evaluation", "updates", "rows")
PRESETS = {
    "small": Preset(
        "The network of the cpu preset, so that --init-from goes either way.",
        sections={"run": {"steps": 10_000, "log_every": 100, "evaluate_every": 10}},
    )
}


@dataclass(frozen=True)
class OfflineConfig:
    """What every method that learns from data needs to know."""

    data: str = ""
    """Directory of the dataset (`cairn collect`)."""
    batch: int = 32
    """Windows in one update."""
    window: int = 32
    """Rows of a window, one after another in the data. Memory is empty at its first row, and is
    emptied where an episode begins."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "batch", "window")


@dataclass(frozen=True)
class StudentConfig(NetworkConfig):
    """The student: its network, which is PPO's, and its optimiser."""

    hidden: int = 128
    """Size of the LSTM's memory, or of the dense layer that takes its place."""
    learning_rate: float = 1e-3
    """Adam's step size (epsilon 1e-5)."""
    max_gradient_norm: float = 0.5
    """Global norm at which gradients are clipped."""

    def __post_init__(self) -> None:
        NetworkConfig.__post_init__(self)
        checks.positive(self, "max_gradient_norm")
        checks.not_negative(self, "learning_rate")


class Rows(NamedTuple):
    """Transitions in order, episode after episode; of a window (window, batch, ...)."""

    observation: PyTree[Array]
    action: Shaped[Array, "..."]
    """As the student's distribution judges it: before squashing, if that squashes."""
    first: Bool[Array, "..."]
    """Where an episode begins."""


class State(eqx.Module):
    """Everything that changes. Its arrays are the checkpoint."""

    key: Key[Array, ""]
    """Root of every random stream; never changes."""
    cycle: Int[Array, ""]
    learner: PyTree
    ledger: Ledger


def begin(student: PPO, key: Key[Array, ""]) -> State:
    """A new student, and nothing spent."""
    learner = student.init(stream(key, "learner"))
    return State(key=key, cycle=jnp.int32(0), learner=learner, ledger=Ledger.zero(COUNTS))


def after(state: State, config: OfflineConfig, learner: PyTree) -> State:
    """The state one cycle of one update on."""
    ledger = state.ledger.add(updates=1, rows=config.batch * config.window)
    return dataclasses.replace(state, cycle=state.cycle + 1, learner=learner, ledger=ledger)


def windows(data: Rows, state: State, config: OfflineConfig) -> Rows:
    """This cycle's windows. They begin anywhere, each row as likely, and go round at the end."""
    number, shape = data.first.shape[0], (config.batch,)
    start = jax.random.randint(stream(state.key, "windows", state.cycle), shape, 0, number)
    steps = jnp.arange(config.window, dtype=jnp.int32)
    return trees.take(data, (start[None, :] + steps[:, None]) % number)


def method(
    page: str | None,
    config: type[OfflineConfig],
    step: Callable[[PPO, Any, State, Rows], tuple[State, Report]],
) -> Method:
    """The METHOD of a file with `Config` and `step(student, config, state, data)`.

    `page` is the file's docstring, whose first line describes the method.
    """
    return Method(
        about=(page or "").split("\n", 1)[0],
        sections={"algorithm": config, "student": StudentConfig},
        program=partial(_program, step),
        takes=takes_lone_players,
        constant_cost=True,
        presets=PRESETS,
    )


def takes_lone_players(kind: Any) -> str | None:
    """Refuse what is no environment of one player."""
    if isinstance(kind, type) and issubclass(kind, Environment) and len(kind.players) == 1:
        return None
    return "it is not an environment of one player: expected a subclass of Environment."


def _program(step: Callable, setup: Setup) -> Program:
    env, config = setup.task, setup.sections["algorithm"]
    student = PPO.of(env, PPOConfig(**values(setup.sections["student"])))
    opened = partial(_opened, config, setup.name, env)
    return Program(
        init=partial(begin, student),
        step=partial(step, student, config),
        counts=COUNTS,
        budget=("updates",),
        actors=lambda state: {"student": Actor(student, state.learner)},
        measured=Measured(env),
        data=Data(lambda: opened().digest, lambda: _rows(opened(), config, student)),
    )


def _opened(config: OfflineConfig, task: str, env: Environment) -> Dataset:
    """The dataset, if it is one of this environment."""
    if not config.data:
        raise ConfigError("It learns from a dataset: give --data DIR, made by cairn collect.")
    dataset = Dataset.open(config.data)
    check_same(dataset.about, task, env, config.data)
    return dataset


def _rows(dataset: Dataset, config: OfflineConfig, student: PPO) -> Rows:
    """Its transitions, ready to be drawn from."""
    shape = jax.eval_shape(lambda: example(student.observation))
    names = trees.named("observation", shape)
    arrays = dataset.read("valid", "action", *names)
    valid = arrays["valid"]
    if config.window > valid.sum():
        raise DatasetError(
            f"{dataset.path} has {valid.sum()} steps, fewer than a window of {config.window}. "
            f"Give a smaller --window, or collect more."
        )
    first = np.concatenate([[True], ~valid[:-1]])
    parts = {name: jnp.asarray(array[valid]) for name, array in arrays.items()}
    observation = jax.tree.unflatten(jax.tree.structure(shape), [parts[name] for name in names])
    action = jax.jit(student.distribution.raw)(parts["action"])
    return Rows(observation, action, jnp.asarray(first[valid]))
