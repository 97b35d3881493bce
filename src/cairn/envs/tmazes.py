"""Mazes, mixed with T-mazes whose goal nobody can see.

Beukman et al. 2024, arXiv:2402.12284. A hidden level stands the agent at the top of a T: one step
to the left or to the right, one of which is right, and no view tells which. It pays `stake` or
takes it, so that against the worse of the two levels nothing is better than a coin, and the regret
of that, the stake, is above any maze's, which pays less than 1. Who trains on the largest regret
trains on these and not on mazes, where there is something to learn.

A hidden level has random walls where it cannot be seen, so that there are very many of them. Walls
within sight, whichever way the agent turns, are the same in all.

Differs from the public code: a wrong turn takes the stake (there it pays 0, so that a coin's regret
is half of a maze's), and all four headings occur.
"""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.envs.maze import rules
from cairn.envs.maze.env import Generator, Maze, Observation
from cairn.envs.maze.level import MazeLevel
from cairn.envs.protocol import Environment, Quick, Space, Step, Suite, plain_suite, unknown_suite

NOWHERE = -64
"""A cell that no view shows."""


class TMazeLevel(NamedTuple):
    """One maze, or one hidden T. Batched levels carry leading axes."""

    maze: MazeLevel
    hidden: Bool[Array, "*batch"]
    """Whether it is a T, whose goal is not shown."""


class TMazeState(NamedTuple):
    """One being played."""

    maze: rules.MazeState
    hidden: Bool[Array, ""]


class TMazeSpace(Space):
    """Mazes from one of the maze's generators, and hidden ones."""

    game: "TMazes"

    def sample(self, key: Key[Array, ""]) -> TMazeLevel:
        """Draw a level; it is hidden with the probability `share`."""
        hidden = jax.random.bernoulli(stream(key, "hidden"), self.game.share)
        return self.of_kind(key, hidden)

    def of_kind(self, key: Key[Array, ""], hidden: Bool[Array, ""]) -> TMazeLevel:
        """Draw a hidden level, or a maze."""
        maze, unseen = self.game.maze.space.sample(stream(key, "maze")), self.game.hidden_maze(key)
        chosen = jax.tree.map(lambda a, b: jnp.where(hidden, a, b), unseen, maze)
        return TMazeLevel(chosen, hidden)

    def mutate(self, key: Key[Array, ""], level: TMazeLevel) -> TMazeLevel:
        """Edit a maze; draw another hidden level."""
        edited, another = self.game.maze.space.mutate(key, level.maze), self.game.hidden_maze(key)
        pick = lambda a, b: jnp.where(level.hidden, a, b)  # noqa: E731
        return TMazeLevel(jax.tree.map(pick, another, edited), level.hidden)

    def describe(self, level: TMazeLevel) -> dict[str, Any]:
        """Whether it is hidden, and how many walls it has."""
        return {"hidden": bool(level.hidden), "walls": int(np.sum(level.maze.walls))}


class TMazes(Environment):
    """Find the goal of a maze, or guess on which side it lies where that is hidden (for ReMiDi)."""

    actions: ClassVar[int] = Maze.actions
    random_start: ClassVar[bool] = False
    level_settings: ClassVar[tuple[str, ...]] = ("share", "generator", "walls")

    share: float = eqx.field(static=True, default=0.5)
    """Of new levels, those that are hidden."""
    stake: float = eqx.field(static=True, default=1.0)
    """What the right side of a hidden level pays, and the wrong one takes."""
    width: int = eqx.field(static=True, default=13)
    """Cells from west to east, without the border."""
    height: int = eqx.field(static=True, default=13)
    """Cells from north to south, without the border."""
    generator: Generator = eqx.field(static=True, default="walls")
    """Where mazes come from (see the maze)."""
    walls: int = eqx.field(static=True, default=25)
    """Walls of the generators that draw them."""
    limit: int = eqx.field(static=True, default=250)
    """Steps until truncation."""
    view: int = eqx.field(static=True, default=5)
    """Side of the square the agent sees; odd."""

    def __check_init__(self) -> None:
        """Refuse what cannot work."""
        if not 0 <= self.share <= 1:
            raise ConfigError(f"share must lie in [0, 1], got {self.share}.")
        if not 0 < self.stake < jnp.inf:
            raise ConfigError(f"stake must be positive, got {self.stake}.")
        if self.view < 3:
            raise ConfigError(
                f"view must be at least 3, got {self.view}: else nobody would see that a T has "
                f"two sides, and its walls would be drawn by chance."
            )
        if self.limit < 2:
            raise ConfigError(
                f"limit must be at least 2, got {self.limit}: a turn and a step end a hidden level."
            )
        assert self.maze

    @property
    def maze(self) -> Maze:
        """What plays."""
        names = ("width", "height", "generator", "walls", "limit", "view")
        return Maze(**{name: getattr(self, name) for name in names})

    @property
    def max_steps(self) -> int:
        """Steps until truncation."""
        return self.limit

    @property
    def observation_spec(self) -> Observation:
        """As in the maze."""
        return self.maze.observation_spec

    @property
    def space(self) -> TMazeSpace:
        """The levels to train on."""
        return TMazeSpace(self)

    def hidden_maze(self, key: Key[Array, ""]) -> MazeLevel:
        """A T in the middle: free cells left and right of the agent, of which one is the goal."""
        x, y = self.width // 2, self.height // 2
        heading = jax.random.randint(stream(key, "heading"), (), 0, 4, jnp.int32)
        side = jnp.where(jax.random.bernoulli(stream(key, "side")), 1, -1)
        aside = rules.direction((heading + 1) & 3)
        agent = jnp.array([x, y], jnp.int32)
        # Whichever way it turns, the agent sees so far.
        columns, rows = jnp.meshgrid(jnp.arange(self.width), jnp.arange(self.height))
        far = jnp.maximum(jnp.abs(columns - x), jnp.abs(rows - y)) >= self.view
        free = (columns - x) * aside[1] == (rows - y) * aside[0]
        free = free & (jnp.abs(columns - x) + jnp.abs(rows - y) <= 1)
        scattered = jax.random.bernoulli(stream(key, "walls"), 0.5, (self.height, self.width))
        return MazeLevel(jnp.where(far, scattered, ~free), agent, heading, agent + side * aside)

    def reset(self, key: Key[Array, ""], level: TMazeLevel) -> tuple[TMazeState, Observation]:
        """Put the agent at the start. Nothing here is random."""
        maze, _ = self.maze.reset(key, level.maze)
        state = TMazeState(maze, level.hidden)
        return state, self.observe(state)

    def step(self, key: Key[Array, ""], state: TMazeState, action: Int[Array, ""]) -> Step:
        """As in the maze; in a hidden level the first walk ends it, and pays or takes the stake."""
        played = self.maze.step(key, state.maze, action)
        assert not isinstance(played.reward, tuple)
        after = TMazeState(played.state, state.hidden)
        wrong = state.hidden & (played.state.agent != state.maze.agent).any()
        paid = jnp.where(wrong, -self.stake, jnp.where(played.terminated, self.stake, 0.0))
        return Step(
            state=after,
            observation=self.observe(after),
            reward=jnp.where(state.hidden, paid, played.reward),
            terminated=played.terminated | wrong,
            truncated=played.truncated & ~wrong,
        )

    def observe(self, state: TMazeState) -> Observation:
        """What the agent perceives, without a hidden goal."""
        goal = jnp.where(state.hidden, NOWHERE, state.maze.goal)
        return self.maze.observe(state.maze._replace(goal=goal))

    def optimal_return(self, level: TMazeLevel) -> Float[Array, ""]:
        """The maze's, or the stake."""
        return jnp.where(level.hidden, self.stake, self.maze.optimal_return(level.maze))

    def suites(self, full: bool = False) -> tuple[str, ...]:
        """What can be learned, and what nobody can know."""
        return ("mazes", "hidden")

    def suite(self, name: str, key: Key[Array, ""], full: bool = False) -> Suite:
        """200 levels of one kind, of the environment's own size. Mazes may be unsolvable."""
        if name not in self.suites(full):
            raise unknown_suite(self, name, full)
        keys = jax.random.split(stream(key, name), 200)
        hidden = jnp.full(200, name == "hidden")
        return plain_suite(name, self, jax.jit(jax.vmap(self.space.of_kind))(keys, hidden))

    def quick_suites(self) -> dict[str, Quick]:
        """Both kinds."""
        return {name: Quick(64, 1) for name in self.suites()}

    def picture(
        self,
        level: TMazeLevel,
        states: TMazeState | None = None,
        *,
        live: bool = False,
        pixels: int = 300,
    ) -> UInt8[np.ndarray, "rows columns 3"]:
        """As the maze's; a hidden goal is drawn for people."""
        played = None if states is None else states.maze
        return self.maze.picture(level.maze, played, live=live, pixels=pixels)

    def legend(self) -> str:
        """As the maze's."""
        return self.maze.legend()
