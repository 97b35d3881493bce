"""The maze against the `minigrid` package, step by step over random levels and actions.

Two differences are meant: MiniGrid walks onto the goal where we stay, and its images are
[column, row]. Its reward is 1 - 0.9 t / limit as ours.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from minigrid.core.grid import Grid
from minigrid.core.mission import MissionSpace
from minigrid.core.world_object import Goal, Wall
from minigrid.minigrid_env import MiniGridEnv

from cairn.envs.maze import generate
from cairn.envs.maze.env import Maze
from cairn.envs.maze.level import MazeLevel

HEIGHT, WIDTH, VIEW, LIMIT, EPISODES = 7, 9, 5, 60, 30


class Oracle(MiniGridEnv):
    """MiniGrid's own dynamics and view, on one of our levels."""

    def __init__(self, level: MazeLevel):
        self.level = jax.tree.map(np.asarray, level)
        super().__init__(
            mission_space=MissionSpace(mission_func=lambda: "goal"),
            width=WIDTH + 2,
            height=HEIGHT + 2,
            max_steps=LIMIT,
            see_through_walls=True,
            agent_view_size=VIEW,
        )

    def _gen_grid(self, width: int, height: int) -> None:
        self.grid = Grid(width, height)
        self.grid.wall_rect(0, 0, width, height)
        for y, x in np.argwhere(self.level.walls):
            self.grid.set(int(x) + 1, int(y) + 1, Wall())
        self.put_obj(Goal(), *(int(v) + 1 for v in self.level.goal))
        self.agent_pos = tuple(int(v) + 1 for v in self.level.agent)
        self.agent_dir = int(self.level.heading)
        self.mission = "goal"


@pytest.fixture(scope="module")
def maze() -> Maze:
    return Maze(height=HEIGHT, width=WIDTH, view=VIEW, limit=LIMIT, normalize=False)


@pytest.fixture(scope="module")
def play(maze):
    """Episodes of random actions: levels, actions, and what each step returned."""

    def episode(key):
        level_key, action_key = jax.random.split(key)
        level = generate.random_walls(level_key, height=HEIGHT, width=WIDTH, walls=15)
        # Forward half of the time, so that walks get somewhere.
        weights = jnp.array([0.2, 0.2, 0.5, 0.025, 0.025, 0.025, 0.025])
        actions = jax.random.choice(action_key, 7, (LIMIT,), p=weights)
        state, first = maze.reset(action_key, level)

        def step(state, action):
            out = maze.step(action_key, state, action)
            return out.state, (out, state)

        _, (steps, before) = jax.lax.scan(step, state, actions)
        return level, actions, first, steps, before

    keys = jax.random.split(jax.random.key(0), EPISODES)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(episode))(keys))


@pytest.mark.slow
def test_views_rewards_and_ends_are_those_of_minigrid(play):
    levels, actions, first, steps, _ = play
    reached = 0
    for i in range(EPISODES):
        oracle = Oracle(jax.tree.map(lambda leaf, i=i: leaf[i], levels))
        seen, _ = oracle.reset()
        image, heading = first.image[i], first.heading[i]
        for t in range(LIMIT):
            # MiniGrid blanks the agent's own cell only when it carries nothing: an empty cell.
            np.testing.assert_array_equal(image, seen["image"].transpose(1, 0, 2))
            assert heading == seen["direction"]
            seen, reward, terminated, truncated, _ = oracle.step(int(actions[i, t]))
            assert steps.terminated[i, t] == terminated
            assert steps.truncated[i, t] == (truncated and not terminated)
            assert steps.reward[i, t] == pytest.approx(reward, abs=1e-6)
            if terminated:
                reached += 1
                break
            image, heading = steps.observation.image[i, t], steps.observation.heading[i, t]
    assert 5 <= reached <= EPISODES - 5  # both kinds of end were met


def test_the_agent_stays_before_the_goal_it_reaches(play):
    *_, steps, before = play
    ends = steps.terminated
    assert (steps.state.agent[ends] == before.agent[ends]).all()
