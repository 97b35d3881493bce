"""The maze as an environment."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8

from cairn.core.errors import ConfigError
from cairn.envs.belief import Exact, certain
from cairn.envs.maze import files, fixed, generate, observe, rules, solve, suites
from cairn.envs.maze.editor import MazeEditor
from cairn.envs.maze.level import MazeLevel
from cairn.envs.maze.space import Generator, MazeSpace, Mutation
from cairn.envs.protocol import (
    Category,
    Environment,
    Image,
    Quick,
    Step,
    Suite,
    unknown_suite,
)


class Observation(NamedTuple):
    """What the agent perceives: a small view ahead (see `observe`) and a compass."""

    image: Array | Image
    heading: Array | Category


class Maze(Environment):
    """Find the goal of a maze, seeing only a small view ahead."""

    actions: ClassVar[int] = 7
    random_start: ClassVar[bool] = False
    level_settings: ClassVar[tuple[str, ...]] = (
        "level", "generator", "walls", "replace_walls", "variable_walls", "braid", "mutation",
        "edits",
    )  # fmt: skip

    width: int = eqx.field(static=True, default=13)
    """Cells from west to east, without the border."""
    height: int = eqx.field(static=True, default=13)
    """Cells from north to south, without the border."""
    level: str = eqx.field(static=True, default="", converter=fixed.plain)
    """Train on this instead of what a generator draws: a named maze (Labyrinth), the mazes of a
    level file (.json), or a maze as text (see `fixed`). The named mazes are no test then."""
    generator: Generator = eqx.field(static=True, default="walls")
    """Where new levels come from: scattered `walls`, a random number of them, none, DCD's random
    teacher or its `reset_random`, corridors with loops (`braided`), `rooms` with doors, or
    `uniform-walls`, `braided` and `rooms` mixed 3 : 5 : 2."""
    walls: int = eqx.field(static=True, default=25)
    """Walls drawn by `walls`, or built by a teacher in the editor; an exclusive upper bound for
    `uniform-walls` and `mixed`."""
    replace_walls: bool = eqx.field(static=True, default=True)
    """Whether `walls` draws cells with replacement (JaxUED, minimax) or all distinct (DCD)."""
    variable_walls: bool = eqx.field(static=True, default=False)
    """Whether DCD's generators draw the number of walls as well ("variable blocks")."""
    braid: float = eqx.field(static=True, default=0.5)
    """Largest share of inner walls that `braided` opens, in [0, 1]; 0 makes perfect mazes."""
    mutation: Mutation = eqx.field(static=True, default="move-goal-flip-walls")
    """How levels are edited: minimax's and JaxUED's operator, DCD's, or JaxUED's own."""
    edits: int = eqx.field(static=True, default=5)
    """Edits of one mutation. JaxUED and DCD 5, minimax 20."""
    limit: int = eqx.field(static=True, default=250)
    """Steps until truncation."""
    view: int = eqx.field(static=True, default=5)
    """Side of the square the agent sees; odd, at most 17."""
    see_agent: bool = eqx.field(static=True, default=False)
    """Whether the agent's own cell shows the agent instead of reading as empty."""
    normalize: bool = eqx.field(static=True, default=True)
    """Divide codes by 10 (all public configs) or leave them as small integers."""
    penalize_time: bool = eqx.field(static=True, default=True)
    """Reward 1 - 0.9 t/limit at the goal, or 1."""

    def __check_init__(self) -> None:
        """Refuse sizes that cannot work."""
        generate.check_room(self.height, self.width, walls=0)
        if self.level:
            fixed.mazes(self.level, self.height, self.width)
        if self.generator == "walls":
            generate.check_room(self.height, self.width, walls=self.walls)
        if self.view % 2 == 0 or not 1 <= self.view <= 17:
            raise ConfigError(f"view must be odd and at most 17, got {self.view}.")
        if self.view > min(self.height, self.width):
            raise ConfigError(
                f"view must fit into the maze: {self.view} is larger than "
                f"{self.height}x{self.width}. Use a smaller --view or a larger maze."
            )
        if self.limit < 1:
            raise ConfigError(f"limit must be at least 1 step, got {self.limit}.")
        if self.edits < 0:
            raise ConfigError(f"edits must not be negative, got {self.edits}.")

    @property
    def max_steps(self) -> int:
        """Steps until truncation."""
        return self.limit

    @property
    def observation_spec(self) -> Observation:
        """A (view, view, 3) image and the heading."""
        return Observation(Image((self.view, self.view, 3)), Category(4))

    @property
    def space(self) -> MazeSpace:
        """The levels to train on."""
        return MazeSpace(self)

    @property
    def given(self) -> list[files.NamedLevel]:
        """What `level` stands for, of this maze's size."""
        return fixed.mazes(self.level, self.height, self.width)

    @property
    def editor(self) -> MazeEditor:
        """A teacher builds `walls` walls, then places goal and agent."""
        return MazeEditor(self.width, self.height, self.walls)

    @property
    def belief(self) -> Exact:
        """No chance is hidden in a maze: its state is what the level says."""
        return Exact(self, certain)

    @property
    def border(self) -> int:
        """Cells of wall around the map: no view ever leaves them."""
        return self.view - 1

    def reset(self, key: Key[Array, ""], level: MazeLevel) -> tuple[rules.MazeState, Observation]:
        """Put the agent at the start. Nothing here is random."""
        state = rules.begin(level, self.border)
        return state, self.observe(state)

    def step(self, key: Key[Array, ""], state: rules.MazeState, action: Int[Array, ""]) -> Step:
        """Turn, walk, or lose a step; the goal terminates, the limit truncates."""
        after, at_goal = rules.move(state, action, self.border)
        reward = rules.goal_reward(state.time, self.limit, self.penalize_time)
        return Step(
            state=after,
            observation=self.observe(after),
            reward=jnp.where(at_goal, reward, 0.0),
            terminated=at_goal,
            truncated=~at_goal & (after.time >= self.limit),
        )

    def optimal_return(self, level: MazeLevel) -> Float[Array, ""]:
        """By flooding from the goal; 0 where it cannot be reached within the limit."""
        timed = solve.optimal_return(level, self.limit)
        return timed if self.penalize_time else (timed > 0).astype(jnp.float32)

    def demonstration(self, level: MazeLevel) -> Int[Array, " max_steps"]:
        """A shortest way, by flooding from the goal."""
        return solve.plan(level, self.limit)

    def suites(self, full: bool = False) -> tuple[str, ...]:
        """The given levels, if any; the named mazes, fresh ones, families, the worst of many."""
        own = (suites.GIVEN,) if self.level else ()
        return own + suites.ORDINARY + ((suites.LARGEST,) if full else ())

    def quick_suites(self) -> Mapping[str, Quick]:
        """Who trains on given levels is tested on them."""
        given = {suites.GIVEN: Quick(len(self.given), 10)} if self.level else {}
        return given or super().quick_suites()

    def suite(self, name: str, key: Key[Array, ""], full: bool = False) -> Suite:
        """See `cairn.envs.maze.suites`. Sizes and generators are the suite's, the view is ours."""
        if name not in self.suites(full):
            raise unknown_suite(self, name, full)
        if name == suites.GIVEN:
            return suites.from_levels(self, self.given, name)
        env = dataclasses.replace(self, limit=suites.limit_of(name))
        return suites.build(name, env, key, full)

    def suite_from(self, path: Path) -> Suite:
        """The levels of a level file (see `cairn.envs.maze.files`), with this maze's own limit."""
        return suites.from_levels(self, files.read_levels(path))

    def picture(
        self,
        level: MazeLevel,
        states: rules.MazeState | None = None,
        *,
        live: bool = False,
        pixels: int = 300,
    ) -> UInt8[np.ndarray, "rows columns 3"]:
        """The maze with the agent's way and, `live`, its view. See `cairn.envs.maze.picture`."""
        from cairn.envs.maze.picture import picture  # training must not load Pillow

        size = (self.height, self.width)
        return picture(
            level, states, live=live, view=self.view, limit=self.limit, size=size, pixels=pixels
        )

    def legend(self) -> str:
        """Start and goal."""
        return "Red arrow: the start, and where the agent looks; green square: the goal."

    def observe(self, state: rules.MazeState) -> Observation:
        """The view and the compass."""
        image = observe.image(state, self.view, self.border, self.see_agent, self.normalize)
        return Observation(image, state.heading)
