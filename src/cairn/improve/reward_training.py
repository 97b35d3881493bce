"""The phase that trains a model of rewards before a method learns from it."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cairn.core import trees
from cairn.engine.program import Report
from cairn.improve import gradients, learning, parts, reward_model
from cairn.improve.config import Config
from cairn.improve.parts import Played, Problem, State
from cairn.improve.reward_model import Judge, Reader


def untrained(state: State) -> Judge:
    """One that begins with the model as it is."""
    student = reward_model.reader(state.student.model)
    return Judge(student, learning.moments(student))


def train(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """One update on answers of the model, by what the verifier says of them."""
    first = state.cycle == config.sft_steps
    judge = trees.where(first, untrained(state), state.judge)
    verified = dataclasses.replace(config, reward="correct", reward_model_steps=0)
    played = parts.play_start(problem, verified, state, state.student.model)
    # Whoever asks it later shows it prompts without a condition.
    played = played._replace(rollouts=parts.untold(config, played.rollouts))
    judge, metrics, held = update(config, judge, played)
    epochs = config.reward_model_epochs
    ledger = learning.spend(state.ledger, played, held, passes=epochs, updates=epochs)
    return parts.after(state, judge=judge, ledger=ledger), Report(metrics)


def update(
    config: Config, judge: Judge, played: Played
) -> tuple[Judge, dict[str, Float[Array, ""]], Bool[Array, "P G T"]]:
    """Steps down the gradient of the loss that the settings name, all on the same answers; also the
    tokens that it holds."""

    def loss(student: Reader) -> Float[Array, ""]:
        match config.reward_model_loss:
            case "outcome":
                return reward_model.outcome(student, played.rollouts, played.correct)
            case "segments":
                return reward_model.segments(student, played.rollouts, played.right)
            case "bradley-terry":
                return reward_model.comparison(student, played.rollouts, played.rollouts.quality)

    score = reward_model.reward(judge.student, played.rollouts)
    known = jnp.ones_like(played.correct)
    area = reward_model.ranked(score, played.correct, known)
    judge, value = descended(config, judge, loss)
    held = reward_model.held(config.reward_model_loss, played.rollouts, played.rollouts.quality)
    return judge, {"reward_model_loss": value, "reward_model_auroc": area}, held


def descended(
    config: Config, judge: Judge, loss: Callable[[Reader], Float[Array, ""]]
) -> tuple[Judge, Float[Array, ""]]:
    """`reward_model_epochs` steps down a loss, and what it was before the first of them."""
    rate = jnp.float32(config.reward_model_learning_rate)

    def once(now: Judge, nothing: None) -> tuple[Judge, Float[Array, ""]]:
        value, gradient = gradients.slope(loss)(now.student)
        student, moments, _ = learning.descend(config, now.student, now.moments, gradient, rate)
        return Judge(student, moments), value

    judge, values = jax.lax.scan(once, judge, length=config.reward_model_epochs)
    return judge, values[0]
