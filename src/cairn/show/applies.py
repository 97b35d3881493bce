"""Which panels apply to a run: None if one does, else why not, in words for a person.

The reason is "" where nobody would miss the panel.
"""

import jax
import numpy as np

from cairn.archive.replay import Replay
from cairn.envs.protocol import Environment
from cairn.envs.tokens.protocol import TokenTask
from cairn.show import cards, designs, heatmap
from cairn.show.held_out import tested
from cairn.show.subject import Subject

NO_LEVELS = "{} has no levels to act in: no pictures of attempts."


def always(subject: Subject) -> None:
    """Every run has it."""
    return None


def played(subject: Subject) -> str | None:
    """Whether somebody acts in levels."""
    if not isinstance(subject.task, Environment):
        return "" if mapped(subject) is None else NO_LEVELS.format(subject.experiment.task)
    if subject.actor is None:
        return f"{subject.experiment.method} has nobody who acts: no pictures of attempts."
    return None


def drawn(subject: Subject) -> str | None:
    """Whether somebody acts in levels that can be drawn."""
    reason = played(subject)
    if reason is None and not subject.once(pictured):
        reason = (
            f"{type(subject.task).__name__} has no `picture` method: its levels are in "
            f"levels.txt, as its space describes them."
        )
    return reason


def pictured(subject: Subject) -> bool:
    """Whether the environment draws its levels. Draws one; nothing is played."""
    if isinstance(subject.task, TokenTask):
        return False  # they are text
    levels = subject.archive.levels if _holds(subject) else subject.once(tested).variants
    first = jax.tree.map(lambda leaf: np.asarray(leaf)[0], levels)
    return subject.task.picture(first) is not None


def listed(subject: Subject) -> str | None:
    """Whether there are levels that cannot be drawn."""
    return "" if played(subject) is not None or drawn(subject) is None else None


def kept(subject: Subject) -> str | None:
    """Whether there is an archive of levels with something in it."""
    if mapped(subject) is None:
        return ""
    if not isinstance(subject.archive, Replay):
        return f"{subject.experiment.method} keeps no archive of levels: no pictures of one."
    if not _holds(subject):
        return "The archive is still empty: no pictures of it."
    return None


def archived(subject: Subject) -> str | None:
    """Whether there is an archive with levels that can be drawn."""
    reason = kept(subject)
    return drawn(subject) if reason is None else reason


def descended(subject: Subject) -> str | None:
    """Whether a level of the archive descends from another."""
    reason = archived(subject)
    if reason is None and not subject.once(cards.ancestry).rows:
        reason = "No level of the archive descends from another: no ancestry."
    return reason


def designed(subject: Subject) -> str | None:
    """Whether there is a teacher whose levels can be drawn."""
    return drawn(subject) if designs.designs(subject) else ""


def mapped(subject: Subject) -> str | None:
    """Whether it keeps a map of elites."""
    return None if heatmap.kept(subject) else ""


def _holds(subject: Subject) -> bool:
    return isinstance(subject.archive, Replay) and int(subject.archive.count) > 0
