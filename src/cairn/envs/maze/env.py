"""The maze as an environment."""

import dataclasses
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8

from cairn.core.errors import ConfigError
from cairn.envs.belief import Exact, certain
from cairn.envs.maze import edit, files, generate, observe, rules, solve, structured, suites
from cairn.envs.maze.editor import MazeEditor
from cairn.envs.maze.level import MazeLevel
from cairn.envs.protocol import Category, Environment, Image, Space, Step, Suite, unknown_suite

Generator = Literal[
    "walls", "uniform-walls", "empty", "dcd-teacher", "dcd-reset", "braided", "rooms", "mixed"
]
Mutation = Literal["move-goal-flip-walls", "walls-none-goal", "walls-none-goal-agent"]


class Observation(NamedTuple):
    """What the agent perceives: a small view ahead (see `observe`) and a compass."""

    image: Array | Image
    heading: Array | Category


class MazeSpace(Space):
    """Mazes of one size from one generator, and one way to edit them."""

    maze: "Maze"

    def sample(self, key: Key[Array, ""]) -> MazeLevel:
        """Draw a level."""
        maze = self.maze
        size = {"height": maze.height, "width": maze.width}
        match maze.generator:
            case "walls":
                return generate.random_walls(
                    key, **size, walls=maze.walls, replace=maze.replace_walls
                )
            case "uniform-walls":
                return generate.uniform_walls(key, **size, max_walls=maze.walls)
            case "empty":
                return generate.empty_room(key, **size)
            case "dcd-teacher":
                return generate.dcd_teacher(
                    key, **size, walls=maze.walls, variable=maze.variable_walls
                )
            case "dcd-reset":
                return generate.dcd_reset_random(
                    key, **size, walls=maze.walls, variable=maze.variable_walls
                )
            case "braided":
                return structured.braided(key, **size, braid=maze.braid)
            case "rooms":
                return structured.rooms(key, **size)
            case "mixed":
                return generate.mixture(
                    key,
                    [
                        lambda k: generate.uniform_walls(k, **size, max_walls=maze.walls),
                        lambda k: structured.braided(k, **size, braid=maze.braid),
                        lambda k: structured.rooms(k, **size),
                    ],
                    [0.3, 0.5, 0.2],
                )

    def mutate(self, key: Key[Array, ""], level: MazeLevel) -> MazeLevel:
        """Edit a level."""
        match self.maze.mutation:
            case "move-goal-flip-walls":
                return edit.move_goal_flip_walls(key, level, self.maze.edits)
            case "walls-none-goal":
                return edit.walls_none_goal(key, level, self.maze.edits)
            case "walls-none-goal-agent":
                return edit.walls_none_goal_agent(key, level, self.maze.edits)


class Maze(Environment):
    """Find the goal of a maze, seeing only a small view ahead."""

    actions: ClassVar[int] = 7
    random_start: ClassVar[bool] = False
    level_settings: ClassVar[tuple[str, ...]] = (
        "generator", "walls", "replace_walls", "variable_walls", "braid", "mutation", "edits",
    )  # fmt: skip

    width: int = eqx.field(static=True, default=13)
    """Cells from west to east, without the border."""
    height: int = eqx.field(static=True, default=13)
    """Cells from north to south, without the border."""
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

    def suites(self, full: bool = False) -> tuple[str, ...]:
        """The named mazes, fresh ones, procedural families, and the worst of many."""
        return suites.ORDINARY + ((suites.LARGEST,) if full else ())

    def suite(self, name: str, key: Key[Array, ""], full: bool = False) -> Suite:
        """See `cairn.envs.maze.suites`. Sizes and generators are the suite's, the view is ours."""
        if name not in self.suites(full):
            raise unknown_suite(self, name, full)
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
