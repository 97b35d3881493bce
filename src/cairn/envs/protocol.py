"""What an environment and its space of levels are.

An environment plays one level; the engine maps it over a batch. A space makes levels. Both are
frozen pytrees (`equinox.Module`), so their fields are the config of a run.
"""

import abc
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, Shaped, UInt8

from cairn.core.errors import ConfigError, LevelError
from cairn.core.keys import stream
from cairn.envs.belief import Belief

Level = PyTree
"""The free parameters of one task: a pytree of arrays of fixed shape."""

State = PyTree
"""What an environment needs to go on: a pytree of arrays."""


class Image(NamedTuple):
    """A float32 observation (rows, columns, channels) for a convolution."""

    shape: tuple[int, int, int]
    cells: bool = False
    """Whether every place counts, as on a board: networks are to convolve it place by place,
    whatever its size. Otherwise they may take strides."""


class Vector(NamedTuple):
    """A float32 observation (size,)."""

    size: int


class Category(NamedTuple):
    """An int32 scalar in [0, size)."""

    size: int


@dataclass(frozen=True)
class Discrete:
    """An action that is an int32 scalar in [0, size)."""

    size: int


@dataclass(frozen=True)
class Continuous:
    """An action that is a float32 array (size,) between two bounds, which it may reach."""

    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        pairs = zip(self.low, self.high, strict=False)
        finite = all(math.isfinite(end) for end in (*self.low, *self.high))
        sizes = len(self.low), len(self.high)
        if not (sizes[0] == sizes[1] > 0 and finite and all(low < high for low, high in pairs)):
            raise ConfigError(
                f"Continuous actions need finite bounds, as many below as above, each low below "
                f"its high; got {self.low} and {self.high}."
            )

    @property
    def size(self) -> int:
        """Numbers in one action."""
        return len(self.low)


MEASURES = ("solve_rate", "win_rate", "return", "length")
"""What an environment's tests may be about."""


class Step(NamedTuple):
    """What one step returns. `terminated` ends the task; `truncated` is only a time limit."""

    state: State
    observation: PyTree
    reward: Float[Array, ""] | tuple[Float[Array, ""], ...]
    """With several players, one for each."""
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]


class Space(eqx.Module):
    """Makes levels. `describe` is for people, `solve` only where the truth can be computed."""

    @property
    def edits(self) -> bool:
        """Whether `mutate` makes small changes. Not where levels have no neighbours: seeds, say."""
        return True

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""]) -> Level:
        """Draw a new level."""

    @abc.abstractmethod
    def mutate(self, key: Key[Array, ""], level: Level) -> Level:
        """A small edit of `level`."""

    def describe(self, level: Level) -> dict[str, Any]:
        """Facts about one level (host side), for tables and files; must survive JSON."""
        return {}


class Suite(NamedTuple):
    """A test: L named levels, some in several variants (say, of where the goal lies)."""

    name: str
    env: "Environment"
    """What plays the levels: the training environment with the suite's own time limit."""
    variants: Level
    """NumPy arrays, variants first."""
    owner: Int[np.ndarray, " variants"]
    """The level each variant belongs to, in [0, L), ascending: all of one level are as likely."""
    levels: tuple[str, ...]
    """Names of the levels, all different."""
    groups: tuple[str, ...]
    """The family each level belongs to; "" for none."""
    headline: Bool[np.ndarray, " L"]
    """Which levels make the suite's figure; the others are reported beside it."""
    optimal_steps: tuple[int | None, ...] | None = None
    """The fewest steps that solve each level, None for one nobody can; None if nobody knows."""


class Quick(NamedTuple):
    """How much of a suite is played in a test during training."""

    levels: int
    """Headline levels, the first ones."""
    attempts: int
    """At each of them."""


def plain_suite(name: str, env: "Environment", levels: Level, *, group: str = "") -> Suite:
    """A suite of L `levels`, numbered, each with one variant."""
    variants = jax.tree.map(np.asarray, levels)
    number = jax.tree.leaves(variants)[0].shape[0]
    names = tuple(f"{group or name}/{index:04d}" for index in range(number))
    owner = np.arange(number, dtype=np.int32)
    return Suite(name, env, variants, owner, names, (group,) * number, np.ones(number, bool))


class Environment(eqx.Module):
    """Plays levels. Subclasses give `actions` or `action_spec`, `observation_spec`, and below."""

    actions: ClassVar[int]
    """Number of discrete actions, where that is what there is."""

    random_start: ClassVar[bool] = True
    """Whether `reset` uses its key. If not, a rollout computes each level's start only once."""

    players: ClassVar[tuple[str, ...]] = ("student",)
    """Who acts at each step, by role. Several are given a tuple of actions, in this order, and
    observations, rewards and their specs are tuples too; an episode ends for all at once."""

    bootstrap_time_limit: ClassVar[bool] = False
    """Whether a time limit hides a future that is worth valuing, or is an end like any other."""

    exact_resume: ClassVar[bool] = True
    """Whether a run goes on bit for bit. Not where part of the state is out of JAX's reach."""

    level_settings: ClassVar[tuple[str, ...]] = ()
    """Settings that only say which levels there are, and neither how a level is played nor how it
    looks: episodes collected with others are still episodes of this environment."""

    measure: ClassVar[str] = "solve_rate"
    """What a test's headline is: `solve_rate`, `win_rate`, `return` or `length`."""

    higher_is_better: ClassVar[bool] = True
    """Of the measure."""

    @property
    @abc.abstractmethod
    def max_steps(self) -> int:
        """Time limit: the step that reaches it is `truncated` unless it is `terminated`."""

    @property
    def action_spec(self) -> Discrete | Continuous | tuple[Discrete | Continuous, ...]:
        """What an action is; with several players, a tuple. Default: one of `actions`."""
        one = Discrete(self.actions)
        return one if len(self.players) == 1 else (one,) * len(self.players)

    @property
    @abc.abstractmethod
    def observation_spec(self) -> PyTree:
        """Pytree of `Image`, `Vector` and `Category` with the structure of an observation."""

    @property
    @abc.abstractmethod
    def space(self) -> Space:
        """Where new and mutated levels come from."""

    @property
    def editor(self) -> "Editor | None":
        """What a teacher plays to design levels, for methods whose teacher learns to; or None."""
        return None

    @property
    def belief(self) -> Belief | None:
        """What may be believed of a hidden state, for methods that train on that; or None."""
        return None

    @abc.abstractmethod
    def reset(self, key: Key[Array, ""], level: Level) -> tuple[State, PyTree]:
        """Start `level`: the first state and observation."""

    @abc.abstractmethod
    def step(self, key: Key[Array, ""], state: State, action: Any) -> Step:
        """One step. Never restarts: the rollout does, on the same or on a new level.

        `action` is what `action_spec` says: an int32 scalar, or an array of numbers.
        """

    def solved(
        self, episode_return: Float[Array, "..."], terminated: Bool[Array, "..."]
    ) -> Bool[Array, "..."]:
        """Whether a finished episode counts as success. Default: a positive return."""
        return episode_return > jnp.float32(0)

    def optimal_return(self, level: Level) -> Float[Array, ""] | None:
        """The best mean return of an episode on `level`, undiscounted, by whoever knows the level.

        For oracles: `perfect-regret`, `cairn audit`. None, whatever the level, where nobody can
        compute it.
        """
        return None

    def demonstration(self, level: Level) -> Shaped[Array, "max_steps ..."] | None:
        """Actions that solve `level` from its start, as far as they are needed; for `backplay`.

        They are played again, and kept only where they do solve it. None, whatever the level, where
        nobody knows any.
        """
        return None

    def picture(
        self, level: Level, states: State | None = None, *, live: bool = False, pixels: int = 300
    ) -> UInt8[np.ndarray, "rows columns 3"] | None:
        """A drawing of `level` about `pixels` large (host side); None if there is none to be had.

        `states`: those of an attempt so far, NumPy with time in front, to draw what happened.
        `live`: draw the last of them, with what the agent perceives; else the attempt as a whole.
        """
        return None

    def legend(self) -> str:
        """What the signs in a picture mean, in a sentence; "" if there is nothing to explain."""
        return ""

    def suites(self, full: bool = False) -> tuple[str, ...]:
        """Names of the tests there are, the most telling first; `full` adds the costly ones."""
        return ("random",)

    def suite(self, name: str, key: Key[Array, ""], full: bool = False) -> Suite:
        """The test called `name`, its levels drawn by `key`. `full`: in its published size.

        Default: 200 levels of the environment's own space. Raises ConfigError for other names.
        """
        if name not in self.suites(full):
            raise unknown_suite(self, name, full)
        keys = jax.random.split(stream(key, name), 200)
        return plain_suite(name, self, jax.jit(jax.vmap(self.space.sample))(keys))

    def quick_suites(self) -> Mapping[str, Quick]:
        """The suites that a run is tested on while it trains: default `random` and `named`, or else
        the first there is.
        """
        usual = {"random": Quick(64, 1), "named": Quick(8, 10)}
        found = {name: quick for name, quick in usual.items() if name in self.suites()}
        return found or {self.suites()[0]: Quick(64, 1)}

    def suite_from(self, path: Path) -> Suite:
        """The test that a file of levels makes. Raises LevelError where the file is broken."""
        raise LevelError(
            f"{path}: {type(self).__name__} has no file format for levels. Give it a "
            f"`suite_from` method, or use --suite."
        )


class Noise(Space):
    """Vectors of numbers in [0, 1): what an editor is given, so that its designs can differ."""

    size: int = eqx.field(static=True)

    def sample(self, key: Key[Array, ""]) -> Float[Array, " size"]:
        """Draw them."""
        return jax.random.uniform(key, (self.size,))

    def mutate(self, key: Key[Array, ""], level: Float[Array, " size"]) -> Float[Array, " size"]:
        """Others."""
        return self.sample(key)


class Editor(Environment):
    """Designs the levels of another environment: an episode makes one, for no reward of its own.

    Every episode takes exactly `max_steps` steps and then terminates. Its own levels, of its own
    space, are what a design starts from.
    """

    @abc.abstractmethod
    def level(self, state: State) -> Level:
        """The level that an episode which ended in `state` has made."""


def unknown_suite(env: Environment, name: str, full: bool) -> ConfigError:
    """The error that says which tests there are."""
    names = ", ".join(env.suites(full))
    more = set(env.suites(True)) - set(env.suites(full))
    hint = f" {name} needs --full." if name in more else ""
    return ConfigError(
        f"{type(env).__name__} has no test suite {name!r}. Expected one of {names}.{hint}"
    )
