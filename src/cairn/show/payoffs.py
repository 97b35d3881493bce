"""Where the players of a repeated game come to, among all payoffs that the game allows.

In two players' games the payoffs of any strategies lie in the polygon over the payoffs of its
outcomes (Foerster et al. 2018, arXiv:1709.04326, show LOLA so). Of more players the first is set
against the mean of the others.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.games.tasks import Repeated
from cairn.report.data import Card, Row, Sheet
from cairn.report.parts import Section, Table, Words
from cairn.show.subject import Subject

TITLE = "Payoffs of its players"


class Payoffs(NamedTuple):
    """Points are payoffs a round: of the first player, of the others in the mean."""

    caption: str
    outcomes: Float[np.ndarray, "outcomes 2"]
    """Of what everybody may do, pure: those that lie in one place once."""
    names: tuple[str, ...]
    """What they do there: CC, CD .., the first player's action first."""
    paths: Float[np.ndarray, "seeds lines 2"]
    """From the first line of the metrics to the last."""


def applies(subject: Subject) -> str | None:
    """Whether it is a repeated game whose metrics have payoffs."""
    if not isinstance(subject.task, Repeated):
        return ""
    return None if _axes(subject.lines[-1]["metrics"]) else ""


def data(subject: Subject) -> Payoffs:
    """The paths of all seeds."""
    lines = [line["metrics"] for line in subject.directory.metrics()]
    axes = _axes(lines[-1])
    assert axes is not None, "Ask applies first."
    first, others = axes
    earned = np.array(
        [[line[first], np.mean([line[name] for name in others], axis=0)] for line in lines], float
    )
    outcomes, names = _outcomes(subject.task)
    return Payoffs(_caption(subject), outcomes, names, earned.transpose(2, 0, 1))


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """The picture, and where each seed began and came to."""
    from cairn.show.payoffs_sheet import pixels  # draws by Matplotlib, which a page does without

    found = data(subject)
    card = Card("Payoffs a round", "a dot where each seed came to", "plain", pixels(found), {})
    head = ["seed", "first player, at first", "others, at first", "first player", "others"]
    seeds = range(subject.experiment.run.seed, subject.experiment.run.seed + len(found.paths))
    rows = [
        [seed, *(round(float(x), 3) for x in (*path[0], *path[-1]))]
        for seed, path in zip(seeds, found.paths, strict=True)
    ]
    table = Table(head, rows, "Payoffs a round, by seed", name="payoffs")
    picture = Sheet("", "", (Row("", (card,)),))
    return Section("payoffs", TITLE, (Words(found.caption, "muted"), picture, table))


def _axes(metrics: Mapping[str, object]) -> tuple[str, list[str]] | None:
    """The names of the first player's payoff and of the others'; None if there are none."""
    if "reward_2" in metrics:
        names = [f"reward_{i}" for i in range(2, len(metrics) + 2) if f"reward_{i}" in metrics]
        return "reward_1", names
    return ("reward", ["reward_others"]) if "reward_others" in metrics else None


def _outcomes(task: Repeated) -> tuple[Float[np.ndarray, "outcomes 2"], tuple[str, ...]]:
    table = task.game.table
    points = np.stack([table[0], table[1:].mean(0)], axis=1)
    places: dict[tuple[float, ...], list[str]] = {}
    for number, point in enumerate(points):
        actions = f"{number:0{task.game.players}b}".translate(str.maketrans("01", "CD"))
        places.setdefault(tuple(point.round(9)), []).append(actions)
    return np.array(list(places)), tuple(", ".join(names) for names in places.values())


def _caption(subject: Subject) -> str:
    others = "the second player" if subject.task.game.players == 2 else "the others in the mean"
    return (
        f"{subject.experiment.method} on {subject.experiment.task}: mean payoffs a round of the "
        f"first player and of {others} over training, a line for each seed, the end a dot. The "
        "shaded area is what strategies can come to; C cooperates, D defects."
    )
