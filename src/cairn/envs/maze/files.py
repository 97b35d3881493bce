"""Mazes as text and as files.

A level file is a JSON list of objects, made to be written by hand:

    [{"name": "corner", "rows": ["..#", "..."], "agent": [0, 0], "heading": "east", "goal": [2, 1]}]

`.` is free and `#` a wall; the border is implied. Positions are [x, y], from 0, y downwards.
`heading` is east, south, west or north, or 0 to 3. `name` may be left out. Levels of one file may
differ in size, and a level nobody can solve is allowed: `describe` says so.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from cairn.core.errors import LevelError
from cairn.envs.maze import solve
from cairn.envs.maze.level import MazeLevel

# The agent's sign shows its heading: east, south, west, north.
FREE, WALL, AGENT, GOAL = ".", "#", ">v<^", "G"
HEADING_NAMES = ("east", "south", "west", "north")

_FIELDS = {"name", "rows", "agent", "heading", "goal"}


class _Fields(dict[str, Any]):
    """A JSON object that remembers which of its fields were given more than once."""

    def __init__(self, pairs: list[tuple[str, Any]]):
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.repeated = sorted(name for name in self if names.count(name) > 1)


class NamedLevel(NamedTuple):
    """A level out of a file."""

    name: str
    level: MazeLevel


def write_levels(path: Path, levels: list[NamedLevel]) -> None:
    """Write `levels` to a level file, one maze row per line so that a person can edit it."""
    if not levels:
        raise LevelError(f"{path}: expected one or more levels to write, got none.")
    entries = []
    for name, level in levels:
        walls = np.asarray(level.walls)
        rows = ["".join(WALL if wall else FREE for wall in row) for row in walls]
        lines = [f'    "name": {json.dumps(name)}', '    "rows": [\n      ']
        lines[1] += ",\n      ".join(f'"{row}"' for row in rows) + "\n    ]"
        lines.append(f'    "agent": {np.asarray(level.agent).tolist()}')
        lines.append(f'    "heading": "{HEADING_NAMES[int(level.heading)]}"')
        lines.append(f'    "goal": {np.asarray(level.goal).tolist()}')
        entries.append("  {\n" + ",\n".join(lines) + "\n  }")
    path.write_text("[\n" + ",\n".join(entries) + "\n]\n", encoding="utf-8")


def read_levels(path: Path) -> list[NamedLevel]:
    """The levels of a level file; a level without a name is called by its place, from 0.

    Raises LevelError, naming the file and the level, if anything is not as it should be.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors may put a byte-order mark in front
        entries = json.loads(text, object_pairs_hook=_Fields) if text.strip() else None
    except FileNotFoundError:
        raise LevelError(f"{path}: there is no such level file.") from None
    except UnicodeDecodeError as error:
        raise LevelError(f"{path}: expected UTF-8 text, got bytes that are not: {error}.") from None
    except json.JSONDecodeError as error:
        raise LevelError(
            f"{path}: expected JSON, got text that breaks off being JSON at line {error.lineno}, "
            f"column {error.colno}: {error.msg}."
        ) from None
    except RecursionError:
        raise LevelError(
            f"{path}: expected a list of levels, got brackets nested too deeply to be read."
        ) from None
    except OSError as error:
        raise LevelError(f"{path}: the level file cannot be read: {error.strerror}.") from None
    if not isinstance(entries, list) or not entries:
        came = _kind(entries) if text.strip() else "an empty file"
        raise LevelError(f"{path}: expected a list of one or more levels, got {came}.")
    return [_entry(entry, f"{path}: level {i}", i) for i, entry in enumerate(entries)]


def to_text(level: MazeLevel) -> str:
    """The maze as a drawing: `.` free, `#` wall, `>v<^` the agent and where it looks, `G` goal."""
    signs = np.where(np.asarray(level.walls), WALL, FREE)
    (x, y), (u, v) = np.asarray(level.agent), np.asarray(level.goal)
    signs[y, x] = AGENT[int(level.heading)]
    signs[v, u] = GOAL
    return "\n".join("".join(row) for row in signs)


def from_text(text: str) -> MazeLevel:
    """The maze drawn by `text`, the inverse of `to_text`.

    Indentation and empty lines around the drawing are ignored. Raises LevelError if it is no maze.
    """
    rows = [line.strip() for line in text.strip().splitlines()]
    _check_rows(rows, "text", FREE + WALL + AGENT + GOAL)
    cells = [(sign, x, y) for y, row in enumerate(rows) for x, sign in enumerate(row)]
    agents = [cell for cell in cells if cell[0] in AGENT]
    goals = [cell for cell in cells if cell[0] == GOAL]
    if len(agents) != 1 or len(goals) != 1:
        raise LevelError(
            f"text: expected one agent ({' '.join(AGENT)}) and one goal ({GOAL}), "
            f"got {len(agents)} and {len(goals)}."
        )
    (sign, *agent), (_, *goal) = agents[0], goals[0]
    return _level(rows, agent, AGENT.index(sign), goal)


def describe(level: MazeLevel) -> dict[str, Any]:
    """Facts about one level; moves and actions are None where the goal cannot be reached."""
    walls = np.asarray(level.walls)
    moves, actions = int(solve.shortest_path(level)), int(solve.optimal_actions(level))
    solvable = moves < solve.UNREACHABLE
    return {
        "height": walls.shape[0],
        "width": walls.shape[1],
        "walls": int(walls.sum()),
        "solvable": solvable,
        "shortest_path": moves if solvable else None,
        "optimal_actions": actions if solvable else None,
    }


def _entry(entry: Any, where: str, index: int) -> NamedLevel:
    if not isinstance(entry, _Fields):
        raise LevelError(
            f"{where}: expected an object with rows, agent, heading and goal, got {_kind(entry)}."
        )
    name = entry.get("name", str(index))
    if not isinstance(name, str):
        raise LevelError(f"{where}: expected a text as name, got {_kind(name)}.")
    where = f"{where} ({name})" if "name" in entry else where
    if entry.repeated:
        raise LevelError(
            f"{where}: expected every field once, got {' and '.join(entry.repeated)} repeatedly."
        )
    unlike = [f"no {field}" for field in sorted(_FIELDS - {"name"} - set(entry))]
    unlike += [f"an unknown {field!r}" for field in sorted(set(entry) - _FIELDS)]
    if unlike:
        raise LevelError(
            f"{where}: expected the fields rows, agent, heading and goal, got {', '.join(unlike)}."
        )
    rows = entry["rows"]
    _check_rows(rows, where, FREE + WALL)
    agent = _check_cell(entry["agent"], rows, "agent", where)
    goal = _check_cell(entry["goal"], rows, "goal", where)
    if agent == goal:
        raise LevelError(f"{where}: expected agent and goal on two cells, got both at {agent}.")
    return NamedLevel(name, _level(rows, agent, _check_heading(entry["heading"], where), goal))


def _level(rows: list[str], agent: list[int], heading: int, goal: list[int]) -> MazeLevel:
    walls = np.array([[sign == WALL for sign in row] for row in rows])
    return MazeLevel(
        jnp.asarray(walls),
        jnp.asarray(np.array(agent, np.int32)),
        jnp.int32(heading),
        jnp.asarray(np.array(goal, np.int32)),
    )


def _check_rows(rows: Any, where: str, signs: str) -> None:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, str) for row in rows):
        raise LevelError(f"{where}: expected rows to be a list of texts, got {_kind(rows)}.")
    if not rows[0]:
        raise LevelError(f"{where}: expected one cell or more in a row, got an empty row 0.")
    for y, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise LevelError(
                f"{where}: expected rows of equal length, got {len(row)} signs in row {y} "
                f"after {len(rows[0])} in row 0."
            )
        for x, sign in enumerate(row):
            if sign not in signs:
                raise LevelError(
                    f"{where}: expected the signs {' '.join(signs)}, got {sign!r} at [{x}, {y}]."
                )


def _check_cell(cell: Any, rows: list[str], what: str, where: str) -> list[int]:
    if not (
        isinstance(cell, list) and len(cell) == 2 and all(type(number) is int for number in cell)
    ):
        raise LevelError(f"{where}: expected {what} to be [x, y], got {json.dumps(cell)}.")
    x, y = cell
    width, height = len(rows[0]), len(rows)
    if not (0 <= x < width and 0 <= y < height):
        raise LevelError(
            f"{where}: expected {what} within x 0 to {width - 1} and y 0 to {height - 1}, "
            f"got {cell}."
        )
    if rows[y][x] == WALL:
        raise LevelError(f"{where}: expected {what} on a free cell, got {cell}, which is a wall.")
    return cell


def _check_heading(heading: Any, where: str) -> int:
    if heading in HEADING_NAMES:
        return HEADING_NAMES.index(heading)
    if type(heading) is int and 0 <= heading < 4:
        return heading
    raise LevelError(
        f"{where}: expected heading to be one of {', '.join(HEADING_NAMES)} or 0 to 3, "
        f"got {json.dumps(heading)}."
    )


def _kind(value: Any) -> str:
    """What a JSON value is, for a person."""
    match value:
        case dict():
            return "an object"
        case list():
            return "an empty list" if not value else f"a list of {len(value)}"
        case str():
            return f"the text {value[:40]!r}"
        case None:
            return "null"
        case _:
            return f"{json.dumps(value)}"
