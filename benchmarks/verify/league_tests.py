"""What the league tests on: levels never trained on, all seeds in one program."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cairn.core.keys import stream
from cairn.engine.compiled import over_seeds
from cairn.envs.maze.solve import solvable
from cairn.envs.protocol import Environment, Suite, plain_suite
from cairn.evaluation.attempts import attempt
from cairn.evaluation.evaluate import draw_variants
from cairn.runs.experiment import Experiment

COLUMNS = 128


class Part(NamedTuple):
    """A suite's attempts, level by level."""

    suite: Suite
    levels: Any
    attempts: int


def suites_of(env: Environment, size: Any) -> list[Suite]:
    """The suites of a size, by names of `Environment.suites`; `fresh` are solvable levels of the
    league's own generator and size."""
    key = stream(jax.random.key(0), "levels of the league")
    return [
        fresh(env, key, size.levels, dict(size.task)) if name == "fresh" else env.suite(name, key)
        for name in size.suites
    ]


def fresh(env: Environment, key: Any, number: int, task: dict[str, Any]) -> Suite:
    """Solvable levels. The generator is the league's, also where the method adapts its own."""
    if not task:
        return env.suite("cvar", key)._replace(name="fresh")
    plain = type(env)(**task)
    draw = jax.jit(jax.vmap(plain.space.sample))
    levels = draw(jax.random.split(stream(key, "fresh"), 4 * number))
    can = np.flatnonzero(np.asarray(jax.jit(jax.vmap(solvable))(levels)))[:number]
    return plain_suite("fresh", plain, jax.tree.map(lambda leaf: np.asarray(leaf)[can], levels))


class Test:
    """Plays all suites by all seeds: {suite: {level scores}}."""

    def __init__(self, suites: Sequence[Suite], experiment: Experiment, attempts: int):
        program = experiment.program
        assert program.measured is not None
        role = program.measured.role
        self.seeds = experiment.run.seeds
        self.parts = [_part(suite, attempts) for suite in suites]

        def one(suite: Suite, state: Any, levels: Any, number: jax.Array) -> jax.Array:
            actor = program.actors(state)[role]
            total = jax.tree.leaves(levels)[0].shape[0]
            # The same draws for every method: seeds are compared pair by pair.
            key = jax.random.fold_in(stream(jax.random.key(1), suite.name), number)
            keys = jax.random.split(key, total)
            columns = min(COLUMNS, total)
            played = attempt(suite.env, actor.policy, actor.state, levels, keys, jnp.int32(total),
                             columns=columns)  # fmt: skip
            return played.solved

        self._layout = experiment.layout
        mesh = self._layout.seeds

        def compiled(suite: Suite) -> Any:
            play = lambda row, levels: one(suite, row[0], levels, row[1])  # noqa: E731
            return jax.jit(over_seeds(play, self.seeds, mesh))

        self._play = {part.suite.name: compiled(part.suite) for part in self.parts}

    def __call__(self, state: Any) -> dict[str, Any]:
        """Solve rates by seed and level."""
        numbers = jnp.arange(self.seeds, dtype=jnp.uint32)
        found: dict[str, Any] = {}
        for suite, levels, attempts in self.parts:
            row = self._layout.put((state, numbers))
            solved = np.asarray(self._play[suite.name](row, self._layout.share(levels)))
            by_level = solved.reshape(self.seeds, len(suite.levels), attempts)
            found[suite.name] = {"levels": by_level[:, suite.headline].mean(axis=2).tolist()}
        return found


def _part(suite: Suite, attempts: int) -> Part:
    variant = draw_variants(suite, stream(jax.random.key(2), suite.name), attempts).reshape(-1)
    levels = jax.tree.map(lambda leaf: leaf[variant], suite.variants)
    return Part(suite, levels, attempts)
