"""Levels that are given instead of drawn: a named maze, a level file, or mazes as text.

As text a maze is what `cairn.envs.maze.files.to_text` writes, `/` between its rows and a space
between mazes: `>.#/..G`. A file is turned into text when the setting is made, so that a run holds
its levels, wherever the file has gone.
"""

from pathlib import Path

import jax
import numpy as np

from cairn.core.errors import ConfigError, LevelError, suggest
from cairn.envs.maze.files import (
    AGENT,
    FREE,
    GOAL,
    WALL,
    NamedLevel,
    from_text,
    read_levels,
    to_text,
)
from cairn.envs.maze.level import MazeLevel
from cairn.envs.maze.named import NAMED

_SIGNS = frozenset(FREE + WALL + AGENT + GOAL + "/")


def plain(level: str) -> str:
    """The setting as a run keeps it: a level file (it ends in .json) becomes text.

    Raises LevelError for a broken file.
    """
    if not level.endswith(".json"):
        return level.strip()
    mazes = [to_text(one.level) for one in read_levels(Path(level))]
    return " ".join(text.replace("\n", "/") for text in mazes)


def mazes(level: str, height: int, width: int) -> list[NamedLevel]:
    """The mazes that `level` stands for, walls added in the east and south up to the size.

    A named maze whose heading or goal is drawn has one for each. Raises ConfigError for an unknown
    name, or for a maze that is larger.
    """
    if level in NAMED:
        found = _variants(level)
    elif level and set(level) <= _SIGNS | {" "}:
        parts = level.split()
        found = [NamedLevel(f"{i:04d}", _drawn(text)) for i, text in enumerate(parts)]
    else:
        raise ConfigError(
            f"There is no maze {level!r}. Give --level one of {', '.join(NAMED)}, a level file "
            f"(.json), or a maze as text, like >.#/..G.{suggest(level, NAMED)}"
        )
    return [NamedLevel(name, _fitted(maze, name, height, width)) for name, maze in found]


def stacked(levels: list[NamedLevel]) -> MazeLevel:
    """The mazes side by side, as NumPy arrays."""
    return MazeLevel._make(
        np.stack([np.asarray(field) for field in fields])
        for fields in zip(*(maze for _, maze in levels), strict=True)
    )


def _variants(name: str) -> list[NamedLevel]:
    """Every heading and goal that may be drawn of a named maze."""
    maze = NAMED[name]
    headings = range(4) if maze.heading is None else [maze.heading]
    walls, agent = maze.walls, np.array(maze.agent, np.int32)
    return [
        NamedLevel(
            name, MazeLevel._make([walls, agent, np.int32(heading), np.array(goal, np.int32)])
        )
        for heading in headings
        for goal in maze.goals
    ]


def _drawn(text: str) -> MazeLevel:
    try:
        # Asked for while a program is traced, too, of which these are no part.
        with jax.ensure_compile_time_eval():
            return jax.tree.map(np.asarray, from_text(text.replace("/", "\n")))
    except LevelError as error:
        raise ConfigError(f"level {text!r} draws no maze: {error}") from None


def _fitted(maze: MazeLevel, name: str, height: int, width: int) -> MazeLevel:
    rows, columns = maze.walls.shape
    if rows > height or columns > width:
        raise ConfigError(
            f"level {name} is {rows}x{columns}, larger than the {height}x{width} maze: set "
            f"--height {max(rows, height)} --width {max(columns, width)}."
        )
    missing = ((0, height - rows), (0, width - columns))
    return maze._replace(walls=np.pad(np.asarray(maze.walls), missing, constant_values=True))
