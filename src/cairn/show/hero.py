"""One picture for a front page: how the agent learned, what it can do, how its levels evolved."""

from pathlib import Path

from matplotlib.figure import Figure

from cairn.envs.protocol import Environment
from cairn.show import series, style
from cairn.show.curves import Panel, draw_panel
from cairn.show.held_out import Shown
from cairn.show.subject import Subject
from cairn.show.treasures import STEPS, Treasure

LEVELS = 8
PIXELS = 420
WIDTH, HEIGHT, STRIP = 15.0, 6.9, 2.75
"""Inches: of the picture, of its upper part, and of the strip of ancestors below."""


def hero(subject: Subject, shown: list[Shown], lines: list[list[Treasure]], path: Path) -> Path:
    """Curves at the left, the first held-out levels with the agent's way at the right.

    The longest of the `lines` of ancestors makes a strip below, if it has four levels or more.
    """
    line = max(lines, key=len, default=[])
    strip = STRIP if len(line) >= 4 else 0.0
    made = style.figure(WIDTH, HEIGHT + strip)
    _curves(subject, made, strip)
    _levels(shown[:LEVELS], made, strip)
    if strip:
        _ancestors(subject.experiment.env, line, made)
    return style.save(made, path, dpi=110)


def _curves(subject: Subject, made: Figure, strip: float) -> None:
    """Tests if there were any, and training."""
    tests = series.evaluations(subject.lines)
    training = series.metric(subject.lines, "solve_rate")
    panels = [Panel("Solve rate in tests, never trained on", tests, True, False)] if tests else []
    if training is not None:
        panels.append(Panel("Solve rate on the levels it trains on", {"training": training}, True))
    height = HEIGHT + strip
    areas = made.add_gridspec(
        len(panels), 1, left=0.04, right=0.29, top=1 - 0.5 / height,
        bottom=(strip + 0.65) / height, hspace=0.5,
    )  # fmt: skip
    for i, panel in enumerate(panels):
        draw_panel(made.add_subplot(areas[i, 0]), panel)


def _levels(shown: list[Shown], made: Figure, strip: float) -> None:
    """Two rows of levels with the typical attempt at each."""
    columns = -(-len(shown) // 2)
    height = HEIGHT + strip
    areas = made.add_gridspec(
        2, columns, left=0.32, right=0.995, top=1 - 0.65 / height,
        bottom=(strip + 0.15) / height, wspace=0.04, hspace=0.26,
    )  # fmt: skip
    for i, level in enumerate(shown):
        pixels = level.env.picture(level.level, level.states, pixels=PIXELS)
        assert pixels is not None, "A front page is only made of what can be drawn."
        colour = style.GREEN if level.success else style.RED
        axes = made.add_subplot(areas[i // columns, i % columns])
        style.image(axes, pixels, level.name, f"solved {level.solve_rate:.0%}", colour)


def _ancestors(env: Environment, line: list[Treasure], made: Figure) -> None:
    """A level of the archive and where it came from, along the lower edge."""
    height = HEIGHT + STRIP
    made.text(
        0.02, (STRIP - 0.15) / height,
        "How one level evolved: drawn new at the left, in the archive at the right",
        color=style.INK, fontsize=11, fontweight="bold", va="top",
    )  # fmt: skip
    row = made.add_gridspec(
        1, STEPS, left=0.02, right=0.995, top=(STRIP - 0.7) / height, bottom=0.1 / height,
        wspace=0.12,
    )  # fmt: skip
    for i, level in enumerate(line):
        pixels = env.picture(level.level, pixels=PIXELS)
        assert pixels is not None, "A front page is only made of what can be drawn."
        axes = made.add_subplot(row[0, i])
        axes.imshow(pixels, interpolation="antialiased")
        axes.set_axis_off()
        note = f"generation {level.generation} · score {level.score:.2f}"
        axes.set_title(note, color=style.SOFT, fontsize=8.5, pad=4)
