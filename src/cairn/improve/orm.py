"""ORM: a model that tells, after every token of an answer, whether it will turn out right.

Cobbe et al. 2021, arXiv:2110.14168; Havrilla et al. 2024 (GLoRe), arXiv:2402.10963, §3. Every
prefix is labelled with what became of its answer, so it estimates how often the policy that wrote
it succeeds. The policy itself stays as it is.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from cairn.core import trees
from cairn.engine.program import Report
from cairn.improve import learning, parts, reward_model, reward_training, steps, testing
from cairn.improve.config import Config as Shared
from cairn.improve.method import method
from cairn.improve.parts import Problem, State
from cairn.improve.reward_model import TrainState
from cairn.improve.testing import Figures


@dataclass(frozen=True)
class Config(Shared):
    """ORM. Its step size is `reward_model_learning_rate`, its loss `reward_model_loss`: so it also
    trains models of comparisons and of steps, which other runs may start from."""

    trains_reward_model: ClassVar[bool] = True


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample; learn what became of each answer, after each of its tokens."""
    trainee = begun(config, state)
    played = parts.play(problem, config, state)
    trainee, metrics, held = reward_training.update(config, trainee, played)
    epochs = config.reward_model_epochs
    ledger = learning.spend(state.ledger, played, held, passes=epochs, updates=epochs)
    told = Report(metrics | parts.figures(played))
    return parts.after(state, ledger=ledger, reward_model=trainee), told


def begun(config: Shared, state: State) -> TrainState:
    """The model of rewards, which begins with the policy's weights."""
    return trees.where(
        state.cycle == config.before, reward_training.untrained(state), state.reward_model
    )


def test(problem: Problem, config: Shared, state: State) -> tuple[Figures, Int[Array, ""]]:
    """How well steps and answers to test problems are told apart, and the best of each group.

    `solve_rate` is that of the answer with the highest score. A step is right if nothing was wrong
    up to its end; the first error is where a score first falls below ½, among wrong answers.
    """
    problems = testing.tests(problem, config, "test")
    prompt = parts.shown(problem, config, problems)
    checked = testing.verified(config)
    played = parts.answer(problem, checked, state.student.model, problems, prompt, state.key)
    rollouts = played.rollouts
    logit = reward_model.readings(state.reward_model.params, rollouts)
    length = rollouts.length.astype(jnp.int32)
    ends = steps.ends(rollouts.seg, length)
    final = reward_model.last(logit, rollouts)
    everyone = jnp.ones_like(played.correct)
    chosen = jax.nn.one_hot(jnp.argmax(final, axis=1), final.shape[1], dtype=jnp.float32)
    right = played.correct.astype(jnp.float32)
    guess, truth = steps.first(ends & (logit < 0)), steps.first(ends & ~played.right)
    wrong = ~played.correct & jnp.any(ends & ~played.right, axis=-1)
    hit = (guess == truth).astype(jnp.float32)
    return {
        "test": {
            "solve_rate": jnp.mean(jnp.sum(chosen * right, axis=1)),
            "pass_1": jnp.mean(right),
            "step_auroc": reward_model.ranked(logit, played.right, ends),
            "final_auroc": reward_model.ranked(final, played.correct, everyone),
            "first_error": parts.masked_mean(hit, wrong),
        }
    }, played.spent


METHOD = method(__doc__, Config, step, test=test)
