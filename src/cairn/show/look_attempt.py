"""An attempt to be stepped through, at a level of the reader's choice."""

from collections.abc import Mapping

from cairn.report.parts import Animation, Choice, Choices, Section, Words
from cairn.show import animation, look
from cairn.show.held_out import ATTEMPTS, play_held_out
from cairn.show.subject import Subject

PIXELS = 240
FRAMES = 400
"""At most: a longer attempt skips steps."""


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """The typical attempt at one of the levels it was tested on, the first that it solves if none
    is named in `level`. Every step is a frame."""
    shown = {level.name: level for level in subject.once(play_held_out)}
    usual = next((name for name, level in shown.items() if level.success), None)
    wanted = {"level": arguments.get("level") or usual or ""}
    one = shown[look.chosen(wanted, "level", shown)]
    stride = -(-(one.length + 1) // FRAMES)
    levels = [(name, f"{name}: {level.solve_rate:.0%} solved") for name, level in shown.items()]
    skipped = f" Every {stride} steps." if stride > 1 else ""
    words = (
        f"{subject.caption}. {one.name}: {one.solve_rate:.0%} solved; here the median of "
        f"{ATTEMPTS} attempts with sampled actions. Lit: what the agent sees.{skipped}"
    )
    return Section(
        "attempt",
        "An attempt, step by step",
        (
            Choices("attempt", (Choice("level", "level", one.name, levels),)),
            Words(words, "muted"),
            Animation((animation.clip(one, stride, PIXELS),)),
        ),
    )
