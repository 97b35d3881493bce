"""Pictures of mazes, contact sheets and animations. Runs on the host, with Pillow."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from cairn.core.errors import ConfigError
from cairn.envs.maze.level import HEADINGS, MazeLevel

FLOOR = (247, 246, 242)
LINE = (232, 230, 223)
WALL = (52, 58, 70)
GOAL = (46, 160, 98)
AGENT = (214, 69, 55)
PATH_START = (247, 214, 160)
PATH_END = (232, 131, 58)
INK = (52, 58, 70)
PAPER = (255, 255, 255)

_SMOOTH = 4
"""Everything is drawn this much larger and scaled down: Pillow's lines have jagged edges."""


def draw(
    level: MazeLevel,
    path: Sequence[tuple[int, int]] | None = None,
    agent: tuple[int, int] | None = None,
    heading: int | None = None,
    cell: int = 16,
) -> UInt8[np.ndarray, "rows columns 3"]:
    """A picture of `level`, `cell` pixels a cell, with the border of walls the grid implies.

    `path`: cells (x, y) in order, drawn as a line that grows stronger towards its end.
    `agent`, `heading`: where the agent is now; by default at its start.
    """
    if cell < 4:
        raise ConfigError(f"A cell needs 4 pixels or more to be seen, got cell={cell}.")
    walls = np.pad(np.asarray(level.walls), 1, constant_values=True)
    height, width = walls.shape
    unit = cell * _SMOOTH
    image = Image.new("RGB", (width * unit, height * unit), FLOOR)
    pen = ImageDraw.Draw(image)
    _draw_floor(pen, walls, unit)
    if path is not None and len(path) > 1:
        _draw_path(pen, (np.asarray(path, float) + 1.5) * unit, unit)
    _draw_goal(pen, np.asarray(level.goal) + 1, unit)
    place = np.asarray(level.agent if agent is None else agent) + 1
    way = int(level.heading) if heading is None else heading
    _draw_agent(pen, (place + 0.5) * unit, way, unit)
    return np.asarray(image.reduce(_SMOOTH))


def grid_of_images(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    titles: Sequence[str] | None = None,
    columns: int = 4,
    gap: int = 10,
) -> UInt8[np.ndarray, "rows columns 3"]:
    """A contact sheet: pictures in reading order, centred in equal cells, titles above them."""
    if not images or columns < 1 or (titles is not None and len(titles) != len(images)):
        raise ConfigError(
            "A sheet needs images, one column or more and as many titles as images, got "
            f"{len(images)} images, {columns} columns and "
            f"{'no' if titles is None else len(titles)} titles."
        )
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    font = ImageFont.load_default(13)
    band = 20 if titles is not None else 0
    height = max(image.shape[0] for image in images)
    width = max(image.shape[1] for image in images)
    size = (columns * (width + gap) + gap, rows * (height + band + gap) + gap)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for i, image in enumerate(images):
        left = gap + (i % columns) * (width + gap)
        top = gap + (i // columns) * (height + band + gap)
        corner = (
            left + (width - image.shape[1]) // 2,
            top + band + (height - image.shape[0]) // 2,
        )
        sheet.paste(Image.fromarray(image), corner)
        if titles is not None:
            title = _fit(titles[i], font, width)
            pen.text((left + width / 2, corner[1] - band / 2), title, INK, font, anchor="mm")
    return np.asarray(sheet)


def save_gif(
    frames: Sequence[UInt8[np.ndarray, "rows columns 3"]], path: Path, fps: float = 8.0
) -> None:
    """Write `frames` as an animation that repeats for ever, resting on the last frame."""
    if not frames or not 0 < fps <= 50:
        raise ConfigError(
            "An animation needs frames and a rate above 0 and up to 50 frames a second, got "
            f"{len(frames)} frames at {fps:g}."
        )
    pictures = [Image.fromarray(frame) for frame in frames]
    # One palette for all frames, made of the last: with one each, colours flicker.
    palette = pictures[-1].quantize(256, dither=Image.Dither.NONE)
    pictures = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    # GIF counts hundredths of a second.
    duration = max(2, round(100 / fps)) * 10
    durations = [duration] * (len(frames) - 1) + [duration + 1_000]
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, disposal=1
    )


def _draw_floor(pen: ImageDraw.ImageDraw, walls: np.ndarray, unit: int) -> None:
    height, width = walls.shape
    for x in range(width + 1):
        pen.line([(x * unit, 0), (x * unit, height * unit)], LINE, _SMOOTH)
    for y in range(height + 1):
        pen.line([(0, y * unit), (width * unit, y * unit)], LINE, _SMOOTH)
    for y, x in np.argwhere(walls):
        # One pixel wider than the cell: no seam between neighbours.
        pen.rectangle([x * unit, y * unit, (x + 1) * unit, (y + 1) * unit], WALL)


def _draw_goal(pen: ImageDraw.ImageDraw, goal: np.ndarray, unit: int) -> None:
    edge = 0.12 * unit
    low, high = goal * unit + edge, (goal + 1) * unit - edge
    pen.rounded_rectangle([*low, *high], 0.22 * unit, GOAL)


def _draw_path(pen: ImageDraw.ImageDraw, points: Float[np.ndarray, "points 2"], unit: int) -> None:
    shares = np.linspace(0, 1, len(points))[:, None]
    colours = np.array(PATH_START) * (1 - shares) + np.array(PATH_END) * shares
    radius = 0.11 * unit
    for i, point in enumerate(points):
        colour = tuple(int(channel) for channel in colours[i])
        if i:
            pen.line([*points[i - 1], *point], colour, round(2 * radius))
        # A disc at each point rounds the corners and both ends.
        pen.ellipse([*(point - radius), *(point + radius)], colour)


def _draw_agent(
    pen: ImageDraw.ImageDraw, centre: Float[np.ndarray, "2"], heading: int, unit: int
) -> None:
    forward = HEADINGS[heading].astype(float)
    side = np.array([-forward[1], forward[0]])
    corners = [
        centre + unit * (0.44 * forward),
        centre + unit * (-0.36 * forward + 0.38 * side),
        centre + unit * (-0.20 * forward),
        centre + unit * (-0.36 * forward - 0.38 * side),
    ]
    pen.polygon([tuple(corner) for corner in corners], AGENT)


def _fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """`text`, cut short with an ellipsis if it is wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
