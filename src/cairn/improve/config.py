"""Settings that the methods of this wing share: how they sample, how they learn, what they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.envs.tokens.protocol import TokenTask

CONDITIONS = ("<good>", "<bad>")
"""Symbols behind those of the task: what a model can be told of the answer that follows. Every
model has them, so that what one method has trained can start another."""
GOOD, BAD = 0, 1
SAMPLES = ("updates", "tokens_sampled", "tokens_learned", "tokens_tested")
"""Counts of a method that samples; its budget is on what it has sampled."""


@dataclass(frozen=True)
class Config:
    """What every method of this wing needs to know."""

    prompts: int = 32
    """Prompts of one cycle."""
    group: int = 8
    """Answers to each."""
    problems: int = 0
    """How many problems there are to learn from; 0: without end."""
    temperature: float = 1.0
    """Of sampling, and of the log-probabilities that are learned by: the same on both sides."""
    reward: Literal["correct", "quality", "random", "model", "steps"] = "correct"
    """1 for a correct answer; or its graded quality; or a coin, for control; or what a model of
    rewards says of the whole; or what it says of every step: a value head is paid each step's
    progress, for all others the least step counts."""
    truncated: Literal["zero", "mask"] = "zero"
    """An answer that has no end gets no reward, or counts for nothing at all."""
    learning_rate: float = 3e-4
    """Adam's step size."""
    decay: Literal["none", "linear"] = "none"
    """Whether it goes down to 0 with the budget."""
    max_gradient_norm: float = 1.0
    """Global norm at which gradients are clipped."""
    epochs: int = 1
    """Passes over what one cycle sampled."""
    minibatches: int = 1
    """Updates of one pass."""
    sft_steps: int = 0
    """Cycles of learning from demonstrations before the method begins."""
    sft_batch: int = 128
    """Demonstrations in each of them."""
    sft_learning_rate: float = 1e-3
    """Adam's step size there."""
    sft_hinted: float = 0.0
    """Share of them whose prompt gives the answer away, so that hints are understood (star)."""
    reward_model_steps: int = 0
    """Cycles that train a model of rewards, after that and before the method begins; 0: the run
    that this one starts from brings one."""
    reward_model_loss: Literal["outcome", "bradley-terry", "segments"] = "outcome"
    """Whether it learns what became of each answer, or which of two was better, or of every step
    whether it is right."""
    reward_model_learning_rate: float = 1e-3
    """Adam's step size there."""
    reward_model_epochs: int = 1
    """Updates on each cycle's answers there, each on all of them."""
    tests: int = 256
    """Problems of each test while training."""
    revisions: int = 16
    """Answers one after another to each, where a task's answers mend an attempt; 0: none."""

    behaviour_problems: int = 64
    """Problems of each held-out split in the report at the end of a run (cairn behaviour)."""
    behaviour_answers: int = 16
    """Answers to each; 0: no report."""
    behaviour_draws: int = 64
    """Answers to a problem at most, until two were correct (PassUntil)."""

    counts: ClassVar[tuple[str, ...]] = SAMPLES
    budget: ClassVar[tuple[str, ...]] = ("tokens_sampled",)
    conditioned: ClassVar[bool] = False
    """Whether a prompt ends with a condition, how good the answer is going to be, and not SEP."""
    trains_reward_model: ClassVar[bool] = False
    """Whether what it trains is a model of rewards."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "prompts", "group", "epochs", "minibatches", "sft_batch", "tests")
        checks.at_least(self, 0, "problems", "sft_steps", "reward_model_steps", "revisions")
        checks.at_least(self, 1, "behaviour_problems", "reward_model_epochs")
        if self.behaviour_answers and not 2 <= self.behaviour_answers <= self.behaviour_draws:
            raise ConfigError(
                f"behaviour_answers must be 0 or lie in [2, behaviour_draws = "
                f"{self.behaviour_draws}], got {self.behaviour_answers}."
            )
        checks.share(self, "sft_hinted")
        checks.positive(self, "temperature", "max_gradient_norm")
        checks.not_negative(
            self, "learning_rate", "sft_learning_rate", "reward_model_learning_rate"
        )
        checks.divides(self, "minibatches", "prompts")
        if self.modelled and "tokens_sampled" not in self.counts:
            raise ConfigError(
                f"reward = {self.reward} pays sampled answers, and this method learns from data: "
                f"expected reward correct."
            )
        if self.reward == "steps" and self.reward_model_loss == "bradley-terry":
            raise ConfigError(
                "reward = steps asks how likely each step is right, and bradley-terry compares "
                "whole answers: expected reward_model_loss outcome or segments."
            )

    @property
    def unknown(self) -> bool:
        """Whether the start has never seen the conditions that prompts end with."""
        return False

    @property
    def uses_conditions(self) -> bool:
        """Whether it uses a condition anywhere."""
        return self.conditioned

    @property
    def modelled(self) -> bool:
        """Whether rewards are by a model of them."""
        return self.reward in ("model", "steps")

    @property
    def has_reward_model(self) -> bool:
        """Whether there is a model of rewards at all."""
        return self.modelled or self.trains_reward_model or self.reward_model_steps > 0

    @property
    def before(self) -> int:
        """Cycles before the method itself begins."""
        return self.sft_steps + self.reward_model_steps

    def check(self, task: TokenTask) -> None:
        """Raise ConfigError if it does not fit the task."""

    def follows(self, start: Any) -> Mapping[str, Any]:
        """Settings that follow from those of the run that this one starts from."""
        return {}

    def longest(self, task: TokenTask) -> int:
        """Tokens of a prompt with its answer at most."""
        prompt = task.hinted_length if self.sft_steps and self.sft_hinted else task.prompt_length
        return prompt + task.answer_length

    def least(self, task: TokenTask) -> int:
        """What a cycle spends of the budget at most."""
        return self.prompts * self.group * task.answer_length
