"""Pictures of the fruit game. Runs on the host, with Pillow."""

from typing import Any

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

PAPER, LINE, INK, WAY = (247, 246, 242), (196, 192, 182), (52, 58, 70), (232, 131, 58)
DOOR = (150, 111, 80)
FRUITS = ((200, 52, 60), (236, 196, 60))
"""Apple and banana."""


def picture(
    level: Any, states: Any | None, most: int, pixels: int
) -> UInt8[np.ndarray, "rows columns 3"]:
    """The rooms in a row, a door each, then the fruits, of which the paying one has a ring; a bar
    below what was passed. `most`: rooms of the longest level.
    """
    cell = max(pixels // (most + 1), 12)
    image = Image.new("RGB", ((most + 1) * cell, cell), PAPER)
    pen = ImageDraw.Draw(image)
    rooms = int(level.rooms)
    for place in range(rooms):
        left, edge = place * cell, cell // 4
        pen.rectangle((left, 0, left + cell - 1, cell - 1), outline=LINE)
        pen.rectangle((left + edge, edge, left + cell - edge, cell - 1), fill=DOOR)
    for fruit, colour in enumerate(FRUITS):
        middle, size = cell // 4 + fruit * cell // 2, max(cell // 6, 2)
        x, y = rooms * cell + middle, cell // 2
        pen.ellipse((x - size, y - size, x + size, y + size), fill=colour)
        if fruit == int(level.banana):
            ring = size + 2
            pen.ellipse((x - ring, y - ring, x + ring, y + ring), outline=INK, width=2)
    if states is not None:
        here = int(np.max(states.passed)) * cell + cell // 2
        pen.rectangle((0, cell - max(cell // 10, 2), here, cell - 1), fill=WAY)
    return np.asarray(image)
