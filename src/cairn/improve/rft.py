"""Rejection fine-tuning: sample a great deal, keep what is correct, learn from it once.

Yuan et al. 2023, arXiv:2308.01825. All samples are of the start; the run's last cycle trains it
once on all that was kept. The control of every method that learns in between.
"""

from dataclasses import dataclass

from jaxtyping import Array, Key

from cairn.engine.program import Report
from cairn.improve import buffer, parts, rounds
from cairn.improve.buffer import Buffer
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(rounds.Collect):
    """Rejection fine-tuning."""

    rows: int = 16384
    """Answers kept at most, the newest."""
    fit_steps: int = 400
    """Updates of the fit."""


def extra(problem: Problem, config: Config, key: Key[Array, ""]) -> Buffer:
    """No answer is kept yet."""
    return buffer.empty(problem, config.rows)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample from the start, keep what is correct; fit when the budget is spent."""
    played = parts.play(problem, config, state, state.start)
    kept = rounds.keep(problem, config, played)
    held, told = rounds.collect(problem, config, state.extra, played, kept)
    due = rounds.ends(problem, config, state, played.spent)
    return rounds.step(problem, config, state, played, held, due, told)


METHOD = method(__doc__, Config, step, extra=extra)
