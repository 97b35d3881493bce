"""The tests of the maze: named mazes, fresh ones, families drawn by a rule, and the worst cases.

All mazes but the largest are padded with walls to 19x19, so that one compiled program plays them
all; what the agent sees is the same, because outside a maze everything is wall.
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key

from cairn.core.keys import stream
from cairn.envs.maze.families import FAMILIES
from cairn.envs.maze.generate import random_walls
from cairn.envs.maze.level import MazeLevel
from cairn.envs.maze.named import NAMED
from cairn.envs.maze.solve import UNREACHABLE, optimal_actions, solvable
from cairn.envs.protocol import Environment, Suite, plain_suite

LIMIT = 250
"""Steps per attempt in every suite but the largest mazes, whose shortest ways are longer."""
SIDE = 19
"""Height and width that smaller mazes are padded to."""
ORDINARY = ("named", "random", "procedural", "cvar")
LARGEST = "procedural-xl"
GIVEN = "level"
"""The levels that training was given, if it was."""
FRESH = 200
"""Levels of the suite `random`."""
PER_FAMILY = 50
"""Levels of each procedural family; of the largest mazes 10."""
WORST_OF, WORST_OF_FULL = 1_000, 10_000
"""Levels among which `cvar` looks for the worst; the second is the published number."""
_BATCH = 500


def limit_of(name: str) -> int:
    """Steps per attempt in the suite called `name`."""
    return FAMILIES["PerfectMazeXL"].step_limit if name == LARGEST else LIMIT


def build(name: str, env: Environment, key: Key[Array, ""], full: bool) -> Suite:
    """The suite called `name` for `env`, a maze with that suite's limit."""
    match name:
        case "named":
            return _named(env)
        case "random":
            return plain_suite(name, env, pad(fresh(stream(key, name), FRESH)))
        case "cvar":
            number = WORST_OF_FULL if full else WORST_OF
            return plain_suite(name, env, pad(fresh(stream(key, name), number)))
        case "procedural-xl":
            return _family(name, env, key, "PerfectMazeXL", 10)
        case _:
            return _procedural(env, key)


def pad(levels: MazeLevel, side: int = SIDE) -> MazeLevel:
    """`levels` (a batch) with walls added in the east and south up to `side`; larger ones stay."""
    height, width = levels.walls.shape[-2:]
    missing = ((0, 0), (0, max(side - height, 0)), (0, max(side - width, 0)))
    walls = np.pad(np.asarray(levels.walls), missing, constant_values=True)
    return MazeLevel._make([walls, *(np.asarray(field) for field in levels[1:])])


def fresh(key: Key[Array, ""], number: int) -> MazeLevel:
    """13x13 mazes with 25 walls drawn with replacement, unsolvable ones drawn again."""

    @jax.jit
    def draw(key: Key[Array, ""]) -> tuple[MazeLevel, Bool[Array, " batch"]]:
        levels = jax.vmap(partial(random_walls, walls=25))(jax.random.split(key, _BATCH))
        return levels, jax.vmap(solvable)(levels)

    kept: list[MazeLevel] = []
    found = turn = 0
    while found < number:
        levels, good = draw(jax.random.fold_in(key, turn))
        chosen = np.flatnonzero(good)
        kept.append(jax.tree.map(lambda leaf, chosen=chosen: np.asarray(leaf)[chosen], levels))
        found, turn = found + kept[-1].heading.shape[0], turn + 1
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:number], *kept)


def stack(parts: list[MazeLevel]) -> MazeLevel:
    """Batches of mazes of any sizes as one batch, padded to the largest."""
    side = max(SIDE, *(max(part.walls.shape[-2:]) for part in parts))
    padded = [pad(part, side) for part in parts]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *padded)


def from_levels(
    env: Environment, levels: Sequence[tuple[str, MazeLevel]], suite: str = "file"
) -> Suite:
    """A suite of named levels; a repeated name gets its place among them."""
    parts = [jax.tree.map(lambda leaf: np.asarray(leaf)[None], level) for _, level in levels]
    names = [name for name, _ in levels]
    names = [f"{n} ({i})" if names.count(n) > 1 else n for i, n in enumerate(names)]
    number = len(levels)
    owner = np.arange(number, dtype=np.int32)
    headline = np.ones(number, bool)
    mazes = stack(parts)
    actions = jax.jit(jax.vmap(optimal_actions))(jax.tree.map(jnp.asarray, mazes))
    optimal = tuple(n if n < UNREACHABLE else None for n in np.asarray(actions).tolist())
    return Suite(suite, env, mazes, owner, tuple(names), ("",) * number, headline, optimal)


def _named(env: Environment) -> Suite:
    """The ten mazes; the eight whose goal never moves make the headline."""
    parts, owner = [], []
    for index, maze in enumerate(NAMED.values()):
        headings = range(4) if maze.heading is None else [maze.heading]
        open_choices = [(heading, goal) for heading in headings for goal in maze.goals]
        number = len(open_choices)
        parts.append(
            MazeLevel._make(
                [
                    np.repeat(maze.walls[None], number, axis=0),
                    np.array([maze.agent] * number, np.int32),
                    np.array([heading for heading, _ in open_choices], np.int32),
                    np.array([goal for _, goal in open_choices], np.int32),
                ]
            )
        )
        owner += [index] * number
    headline = np.array([len(maze.goals) == 1 for maze in NAMED.values()])
    names = tuple(NAMED)
    owners: Int[np.ndarray, " variants"] = np.array(owner, np.int32)
    return Suite("named", env, stack(parts), owners, names, ("",) * len(names), headline)


def _procedural(env: Environment, key: Key[Array, ""]) -> Suite:
    names = [name for name in FAMILIES if name != "PerfectMazeXL"]
    suites = [_family("procedural", env, key, name, PER_FAMILY) for name in names]
    number = sum(len(suite.levels) for suite in suites)
    return Suite(
        "procedural",
        env,
        stack([suite.variants for suite in suites]),
        np.arange(number, dtype=np.int32),
        sum((suite.levels for suite in suites), ()),
        sum((suite.groups for suite in suites), ()),
        np.ones(number, bool),
    )


def _family(suite: str, env: Environment, key: Key[Array, ""], family: str, number: int) -> Suite:
    sample: Callable = FAMILIES[family].sample
    keys = jax.random.split(stream(key, family), number)
    levels = jax.jit(jax.vmap(sample))(keys)
    return plain_suite(suite, env, pad(levels), group=family)
