"""What a teacher designs now, and how those fare who play it."""

from typing import Any, NamedTuple

import jax
import numpy as np

from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.engine.design import TEACHER, design
from cairn.envs.protocol import Editor, Environment, Level, plain_suite
from cairn.evaluation.evaluate import evaluate
from cairn.report.data import Card, Row, Sheet
from cairn.runs.open import check_plays
from cairn.show.facts import described
from cairn.show.subject import Subject

LEVELS = 12
ACROSS = 6
"""Of these side by side."""
ATTEMPTS = 8
"""At each level by each student."""
PIXELS = 420


class Design(NamedTuple):
    """A fresh level."""

    level: Level
    solve_rates: dict[str, float]
    """By role of those who play it."""


def designs(subject: Subject) -> bool:
    """Whether its teacher, if it has one, makes levels in the environment's editor.

    Others who teach play the environment itself, as a student does.
    """
    env = subject.task
    teacher = subject.actors.get(TEACHER) if isinstance(env, Environment) else None
    # The editor last: without a teacher nobody asked whether its walls fit the grid.
    if teacher is None or not isinstance(env.editor, Editor):
        return False
    try:
        check_plays(teacher, env.editor, "The teacher", "")
    except ConfigError:
        return False
    return True


def fresh(subject: Subject) -> list[Design]:
    """`LEVELS` levels by the teacher as it is now, each played by all the others."""
    env, actors = subject.task, dict(subject.actors)
    teacher = actors.pop(TEACHER)
    key = stream(jax.random.key(0), "show designs")

    def make(state: Any, key: jax.Array) -> Level:
        return design(env.editor, teacher._replace(state=state), key, LEVELS)[0]

    levels = jax.tree.map(np.asarray, jax.jit(make)(teacher.state, key))
    suite = plain_suite("designed", env, levels)
    rates = {}
    for role, actor in actors.items():
        states = jax.tree.map(lambda leaf: leaf[None], actor.state)
        played = evaluate(actor.policy, states, [suite], seeds=1, attempts=ATTEMPTS)
        rates[role] = played["designed"].solve_rates[0]
    return [
        Design(
            jax.tree.map(lambda leaf, i=i: leaf[i], levels),
            {role: float(each[i]) for role, each in rates.items()},
        )
        for i in range(LEVELS)
    ]


def sheet(subject: Subject) -> Sheet:
    """The levels, in the order they were designed."""
    made = [_card(subject.task, level) for level in subject.once(fresh)]
    rows = [Row("", tuple(made[i : i + ACROSS])) for i in range(0, LEVELS, ACROSS)]
    caption = (
        f"{subject.caption}. {LEVELS} fresh levels, none left out; solved: share of {ATTEMPTS} "
        f"attempts with sampled actions."
    )
    return Sheet("What its teacher designs", caption, tuple(rows))


def _card(env: Environment, made: Design) -> Card:
    (first, rate), *others = made.solve_rates.items()
    return Card(
        f"{first} {rate:.0%} solved",
        " · ".join(f"{role} {other:.0%}" for role, other in others),
        "plain",
        env.picture(made.level, pixels=PIXELS),
        {f"solved by {role}": f"{each:.0%}" for role, each in made.solve_rates.items()}
        | described(env, made.level),
    )
