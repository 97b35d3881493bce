"""The agent at work: a few attempts, one after the other, as an animated GIF."""

from pathlib import Path

import jax
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from cairn.report.data import Clip
from cairn.show.colours import GREEN, INK, RED, SOFT
from cairn.show.held_out import Shown, play_held_out
from cairn.show.subject import Subject

PIXELS = 330
BAND = 34
"""Height of the line of text above the level."""
FRAMES = 220
"""Frames in all, at most: longer attempts skip steps, so that the file stays below 2 MB."""
SEQUENCE = 4
FRAMES_PER_S = 12.5
REST = 10
"""Frames the end of an attempt stays."""


def of_subject(subject: Subject) -> tuple[Clip, ...]:
    """The attempts of its agent at levels it has never seen."""
    return data(subject.once(play_held_out))


def data(shown: list[Shown]) -> tuple[Clip, ...]:
    """The attempts at up to four levels, only those it solves if there are any."""
    chosen = sorted(shown, key=lambda level: not level.success)[:SEQUENCE]
    if any(level.success for level in chosen):
        chosen = [level for level in chosen if level.success]
    steps = sum(level.length + 1 for level in chosen)
    stride = max(1, -(-steps // FRAMES))
    return tuple(clip(level, stride) for level in chosen)


def draw(clips: tuple[Clip, ...], path: Path) -> Path:
    """One clip after the other, each resting on its end for a while."""
    frames: list[Image.Image] = []
    for clip in clips:
        frames += [_frame(clip, i) for i in range(len(clip.steps))]
        frames += frames[-1:] * REST
    _save(frames, path)
    return path


def clip(level: Shown, stride: int, pixels: int = PIXELS) -> Clip:
    """One attempt, every `stride` steps, its end always."""
    times = [*range(0, level.length, stride), level.length]
    pictures = []
    for time in times:
        so_far = jax.tree.map(lambda leaf, end=time + 1: leaf[:end], level.states)
        pictures.append(level.env.picture(level.level, so_far, live=True, pixels=pixels))
    frames = np.stack([picture for picture in pictures if picture is not None])
    return Clip(level.name, frames, np.array(times, np.int32), level.success)


def _frame(clip: Clip, index: int) -> Image.Image:
    time = int(clip.steps[index])
    if index + 1 < len(clip.steps):
        text, colour = f"step {time}", SOFT
    elif clip.success:
        text, colour = f"solved in {time} steps", GREEN
    else:
        text, colour = f"not solved in {time} steps", RED
    return _titled(clip.frames[index], clip.title, text, colour)


def _titled(
    pixels: UInt8[np.ndarray, "rows columns 3"], name: str, text: str, colour: str
) -> Image.Image:
    """A picture of the same size for every level, with a line of text above it."""
    frame = Image.new("RGB", (PIXELS, PIXELS + BAND), "white")
    pen = ImageDraw.Draw(frame)
    font = ImageFont.load_default(16)
    pen.text((6, BAND / 2), name, INK, font, anchor="lm")
    pen.text((PIXELS - 6, BAND / 2), text, colour, font, anchor="rm")
    level = Image.fromarray(pixels)
    level.thumbnail((PIXELS, PIXELS))
    free = (PIXELS - level.width) // 2, BAND + (PIXELS - level.height) // 2
    frame.paste(level, free)
    return frame


def _save(frames: list[Image.Image], path: Path) -> None:
    # One palette for all frames, of all that is ever seen: with one each, colours flicker.
    tall = Image.new("RGB", (PIXELS, 4 * (PIXELS + BAND)))
    for i in range(4):
        tall.paste(frames[i * (len(frames) - 1) // 3], (0, i * (PIXELS + BAND)))
    palette = tall.quantize(96, dither=Image.Dither.NONE)
    pictures = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    # GIF counts hundredths of a second.
    duration = round(100 / FRAMES_PER_S) * 10
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=duration, loop=0, disposal=1
    )
