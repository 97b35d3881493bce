"""Expert iteration: rounds of sampling, each from the model that the last round made.

Anthony et al. 2017, arXiv:1705.08439; for language Havrilla et al. 2024, arXiv:2403.04642. Every
round trains the start on all correct answers so far.
"""

from dataclasses import dataclass

from jaxtyping import Array, Key

from cairn.core import checks
from cairn.engine.program import Report
from cairn.improve import buffer, parts, rounds
from cairn.improve.buffer import Buffer
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(rounds.Collect):
    """Expert iteration."""

    round_cycles: int = 25
    """Cycles of sampling in a round."""

    def __post_init__(self) -> None:
        rounds.Collect.__post_init__(self)
        checks.at_least(self, 1, "round_cycles")


def extra(problem: Problem, config: Config, key: Key[Array, ""]) -> Buffer:
    """No answer is kept yet."""
    return buffer.empty(problem, config.rows)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample from the model, keep what is correct; refit at the end of a round."""
    played = parts.play(problem, config, state)
    kept = rounds.keep(problem, config, played)
    held, told = rounds.collect(problem, config, state.extra, played, kept)
    due = (state.cycle - config.before + 1) % config.round_cycles == 0
    due = due | rounds.ends(problem, config, state, played.spent)
    return rounds.step(problem, config, state, played, held, due, told)


METHOD = method(__doc__, Config, step, extra=extra)
