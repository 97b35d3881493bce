"""Levels as cards: those it was tested on, those its archive holds, and their ancestors."""

from cairn.archive.replay import Replay
from cairn.core.console import count, plural
from cairn.envs.protocol import Environment
from cairn.report.data import Card, Row, Sheet
from cairn.show.facts import described
from cairn.show.held_out import ATTEMPTS, Shown, play_held_out
from cairn.show.subject import Subject
from cairn.show.treasures import ATTEMPTS as TRIES
from cairn.show.treasures import CANDIDATES, STEPS, Treasure, evolved, highest, most_useful

PIXELS = 420
ACROSS = 5
"""Held-out levels side by side."""
SHELF = 6
"""Levels of the archive in each row."""
LINES = 3
"""Lines of ancestors."""


def held_out(subject: Subject) -> Sheet:
    """Every level of the test with the way of the agent's typical attempt."""
    shown = subject.once(play_held_out)
    made = [_attempted(level, subject.href("attempt", level=level.name)) for level in shown]
    rows = [Row("", tuple(made[i : i + ACROSS])) for i in range(0, len(made), ACROSS)]
    caption = (
        f"{subject.caption}. Drawn: the median of {ATTEMPTS} attempts with sampled actions, "
        f"at most {shown[0].env.max_steps} steps each. {subject.task.legend()} Bar above: green if "
        f"that attempt solved the level, red if not."
    ).replace("  ", " ")
    return Sheet("Levels it has never seen", caption, tuple(rows))


def archive(subject: Subject) -> Sheet:
    """The archive's highest scores, and the levels to learn most from."""
    score = getattr(subject.experiment.algorithm, "score", None)
    named = f"Score: {score}. " if score else ""
    useful = most_useful(subject, SHELF)
    label = (
        f"Most useful: of the {CANDIDATES} levels most likely to be replayed, those whose solve "
        f"rate p over {TRIES} attempts makes p(1 - p) largest"
    )
    if not useful:
        label += ": none, the agent solves each of them always or never"
    rows = [("The highest scores", highest(subject, SHELF)), (label, useful)]
    return Sheet(
        "What the archive holds",
        f"{subject.caption}. {named}Age: cycles since the level entered.",
        tuple(Row(text, tuple(_kept(subject, level) for level in levels)) for text, levels in rows),
    )


def ancestry(subject: Subject) -> Sheet:
    """A row for each line, from its oldest ancestor to the archive's level; perhaps no rows."""
    known = isinstance(subject.archive, Replay) and int(subject.archive.count) > 0
    lines = evolved(subject, LINES) if known else []
    caption = (
        f"{subject.caption}. Left: a level drawn new; then its descendants, each an edit of an "
        f"earlier one ({STEPS} of longer lines, evenly spread); right: the archive's level. Score: "
        f"on entering the archive; of the last, now."
    )
    rows = [
        Row(
            f"line {number}: from level {line[0].id} to level {line[-1].id}, "
            f"{plural(line[-1].generation, 'edit')}",
            tuple(_ancestor(subject, level, level is line[-1]) for level in line),
        )
        for number, line in enumerate(lines, 1)
    ]
    return Sheet("How its best levels evolved", caption, tuple(rows), descent=True)


def _attempted(level: Shown, href: str) -> Card:
    way = f"{level.length} steps" if level.success else "not solved"
    return Card(
        level.name,
        f"{level.solve_rate:.0%} solved · {way}",
        "good" if level.success else "bad",
        level.env.picture(level.level, level.states, pixels=PIXELS),
        {
            "level": level.name,
            "solved": f"{level.solve_rate:.0%}",
            "steps": str(level.length),
            **described(level.env, level.level),
        },
        href,
    )


def _kept(subject: Subject, level: Treasure) -> Card:
    title, generation, old = f"score {level.score:.3f}", level.generation, count(level.age)
    note = f"generation {generation} · age {old}"
    if level.solve_rate is not None:
        title = f"{level.solve_rate:.0%} solved"
        note = f"score {level.score:.3f} · {note}"
    env, href = subject.task, subject.href("level", id=level.id)
    pixels = env.picture(level.level, pixels=PIXELS)
    return Card(title, note, "plain", pixels, _facts(env, level), href)


def _ancestor(subject: Subject, level: Treasure, last: bool) -> Card:
    where = "in the archive" if level.kept else "evicted"
    return Card(
        f"score {level.score:.3f} now" if last else f"entered with {level.score:.3f}",
        f"generation {level.generation} · {where}",
        "good" if last else "plain",
        subject.task.picture(level.level, pixels=PIXELS),
        _facts(subject.task, level),
        subject.href("level", id=level.id),
    )


def _facts(env: Environment, level: Treasure) -> dict[str, str]:
    return {
        "id": str(level.id),
        "score": f"{level.score:.3f}",
        "generation": str(level.generation),
        "age": str(level.age),
        "solved": "" if level.solve_rate is None else f"{level.solve_rate:.0%}",
        **described(env, level.level),
    }
