"""Plain breadth-first searches, one cell at a time: the truth for the maze tests."""

from collections import deque

import numpy as np

STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def free(walls: np.ndarray, x: int, y: int) -> bool:
    height, width = walls.shape
    return 0 <= x < width and 0 <= y < height and not walls[y, x]


def moves(walls: np.ndarray, start: tuple[int, int]) -> dict[tuple[int, int], int]:
    """Moves from `start` to every cell that can be reached."""
    found, queue = {start: 0}, deque([start])
    while queue:
        x, y = queue.popleft()
        for dx, dy in STEPS:
            cell = (x + dx, y + dy)
            if free(walls, *cell) and cell not in found:
                found[cell] = found[x, y] + 1
                queue.append(cell)
    return found


def actions(walls, agent, heading, goal) -> int | None:
    """Fewest turns and moves from a start to the goal, by search from the start."""
    start = (*agent, heading)
    found, queue = {start: 0}, deque([start])
    while queue:
        x, y, way = state = queue.popleft()
        if (x, y) == tuple(goal):
            return found[state]
        dx, dy = STEPS[way]
        nexts = [(x, y, (way + 1) % 4), (x, y, (way - 1) % 4)]
        if free(walls, x + dx, y + dy):
            nexts.append((x + dx, y + dy, way))
        for after in nexts:
            if after not in found:
                found[after] = found[state] + 1
                queue.append(after)
    return None


def facts(level) -> tuple[int | None, int | None]:
    """(moves, actions) from the level's start to its goal, None where there is no way."""
    walls = np.asarray(level.walls)
    agent, goal = tuple(map(int, level.agent)), tuple(map(int, level.goal))
    return moves(walls, agent).get(goal), actions(walls, agent, int(level.heading), goal)


def check_valid(levels) -> None:
    """Of a batch: agent and goal apart, inside, on no wall; fields of the promised types."""
    walls, agent, heading, goal = (np.asarray(field) for field in levels)
    batch, height, width = walls.shape
    assert walls.dtype == bool and {agent.dtype, heading.dtype, goal.dtype} == {np.dtype("int32")}
    for cells in (agent, goal):
        assert (cells >= 0).all() and (cells < [width, height]).all()
        assert not walls[np.arange(batch), cells[:, 1], cells[:, 0]].any()
    assert (agent != goal).any(axis=1).all()
    assert ((heading >= 0) & (heading < 4)).all()
