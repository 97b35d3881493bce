"""Sheets of levels: held-out ones with the agent's way, the archive's, and lines of ancestors."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from cairn.core.console import count
from cairn.envs.protocol import Environment
from cairn.show import style
from cairn.show.held_out import ATTEMPTS, Shown
from cairn.show.treasures import ATTEMPTS as TRIES
from cairn.show.treasures import CANDIDATES, STEPS, Treasure

PIXELS = 420
HEAD = 1.05
"""Inches above the first row of a sheet."""


def held_out_sheet(shown: list[Shown], caption: str, path: Path) -> Path:
    """Every level with the way of the agent's typical attempt."""
    columns = min(5, len(shown))
    rows = -(-len(shown) // columns)
    made = style.figure(2.5 * columns + 0.3, HEAD + 2.9 * rows)
    limit = shown[0].env.max_steps
    style.heading(
        made,
        "Levels it has never seen",
        f"{caption}. Drawn: the median of {ATTEMPTS} attempts with sampled actions, "
        f"at most {limit} steps each.",
    )
    grid = _grid(made, rows, columns)
    for i, level in enumerate(shown):
        pixels = _picture(level.env, level.level, level.states)
        way = f"{level.length} steps" if level.success else "not solved"
        style.image(
            grid[i],
            pixels,
            level.name,
            f"{level.solve_rate:.0%} solved · {way}",
            style.GREEN if level.success else style.RED,
        )
    return style.save(made, path)


def archive_sheet(
    env: Environment, highest: list[Treasure], useful: list[Treasure], caption: str, path: Path
) -> Path:
    """The archive's highest scores above, the levels to learn most from below."""
    columns = max(len(highest), len(useful))
    made = style.figure(2.2 * columns + 0.3, HEAD + 2 * 2.95)
    style.heading(made, "What the archive holds", caption)
    bands = _grid(made, 2, columns, space=0.5)
    labels = (
        "The highest scores",
        f"Most useful: of the {CANDIDATES} levels most likely to be replayed, those whose solve "
        f"rate p over {TRIES} attempts makes p(1 - p) largest",
    )
    for row, (levels, label) in enumerate(zip((highest, useful), labels, strict=True)):
        first = bands[row * columns]
        if not levels:
            label += ": none, the agent solves each of them always or never"
        first.text(0, 1.29, label, transform=first.transAxes, color=style.INK, fontsize=11)
        for i, level in enumerate(levels):
            if level.solve_rate is None:
                title = f"score {level.score:.3f}"
            else:
                title = f"{level.solve_rate:.0%} solved"
            note = f"generation {level.generation} · age {count(level.age)}"
            if level.solve_rate is not None:
                note = f"score {level.score:.2f} · gen. {level.generation} · age {count(level.age)}"
            style.image(bands[row * columns + i], _picture(env, level.level), title, note)
    return style.save(made, path)


def ancestry_sheet(env: Environment, lines: list[list[Treasure]], caption: str, path: Path) -> Path:
    """A row for each line, from its oldest ancestor at the left to the archive's level."""
    # No narrower than the text above, however short the lines.
    columns = max(5, *(len(line) for line in lines))
    made = style.figure(2.1 * columns + 0.4, HEAD + 2.75 * len(lines))
    style.heading(
        made,
        "How its best levels evolved",
        f"{caption}. Left: a level drawn new; then its descendants, each an edit of an earlier one "
        f"({STEPS} of longer lines, evenly spread); right: the archive's level. Score: on entering "
        "the archive; of the last, now.",
    )
    grid = _grid(made, len(lines), columns, gap=0.16)
    for row, line in enumerate(lines):
        for i, level in enumerate(line):
            axes = grid[row * columns + i]
            last = i + 1 == len(line)
            where = "in the archive" if level.kept else "evicted"
            style.image(
                axes,
                _picture(env, level.level),
                f"score {level.score:.3f}",
                f"generation {level.generation} · {where}",
                style.GREEN if last else style.SOFT,
            )
            if not last:
                axes.annotate(
                    "",
                    (1.15, 0.5),
                    (1.01, 0.5),
                    "axes fraction",
                    arrowprops={"arrowstyle": "-|>", "color": style.SOFT},
                    annotation_clip=False,
                )
    return style.save(made, path)


def _picture(env: Environment, level: object, states: object = None) -> UInt8[np.ndarray, "_ _ 3"]:
    pixels = env.picture(level, states, pixels=PIXELS)
    assert pixels is not None, "Sheets are only made of what can be drawn."
    return pixels


def _grid(made: Figure, rows: int, columns: int, gap: float = 0.06, space: float = 0.3) -> list:
    """Places for pictures, row by row; those left empty stay blank."""
    width, height = made.get_size_inches()
    edge = 0.3 / width
    # Two lines of text stand above each picture, so the first row starts below them.
    top = 1 - (HEAD + 0.35 + (0.3 if space > 0.4 else 0)) / height
    areas = made.add_gridspec(
        rows, columns, left=edge, right=1 - edge, top=top, bottom=0.1 / height,
        wspace=gap, hspace=space,
    )  # fmt: skip
    places = [made.add_subplot(areas[i, j]) for i in range(rows) for j in range(columns)]
    for place in places:
        place.set_axis_off()
    return places
