"""Supervised fine-tuning: make demonstrations likely, token by token.

Also the control of every other method here: what the same model learns if it is only shown more.
Its budget is on the tokens it has learned from, since it samples none.
"""

from dataclasses import dataclass
from typing import ClassVar

from cairn.engine.program import Report
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve import cloning, learning, parts
from cairn.improve.config import Config as Shared
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(Shared):
    """Supervised fine-tuning. Demonstrations are `sft_batch` a cycle."""

    counts: ClassVar[tuple[str, ...]] = ("updates", "tokens_learned", "tokens_tested")
    budget: ClassVar[tuple[str, ...]] = ("tokens_learned",)

    def least(self, task: TokenTask) -> int:
        """A batch of the longest demonstrations."""
        return self.sft_batch * task.answer_length


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Draw problems with a demonstration each, and go down the gradient of -log π."""
    rollouts, _ = cloning.demonstrations(problem, config, state, config.sft_batch)
    batch = rollouts, rollouts.reward
    student, moments, metrics = learning.learn(
        problem, config, state, batch, cloning.cross_entropy, rate=config.sft_learning_rate
    )
    tokens = learning.count(cloning.held(batch)) * config.epochs
    ledger = state.ledger.add(tokens_learned=tokens, updates=config.epochs * config.minibatches)
    return parts.after(state, student=student, moments=moments, ledger=ledger), Report(metrics)


METHOD = method(__doc__, Config, step)
