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
from cairn.improve.reward_model import RewardModel, TrainState


def untrained(state: State) -> TrainState:
    """One that begins with the model as it is."""
    params = reward_model.begun(state.student.model)
    return TrainState(params, learning.moments(params))


def train(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """One update on answers of the model, by what the verifier says of them."""
    first = state.cycle == config.sft_steps
    trainee = trees.where(first, untrained(state), state.reward_model)
    verified = dataclasses.replace(config, reward="correct", reward_model_steps=0)
    played = parts.play_start(problem, verified, state, state.student.model)
    # Whoever asks it later shows it prompts without a condition.
    played = played._replace(rollouts=parts.unconditioned(config, played.rollouts))
    trainee, metrics, held = update(config, trainee, played)
    epochs = config.reward_model_epochs
    ledger = learning.spend(state.ledger, played, held, passes=epochs, updates=epochs)
    return parts.after(state, reward_model=trainee, ledger=ledger), Report(metrics)


def update(
    config: Config, trainee: TrainState, played: Played
) -> tuple[TrainState, dict[str, Float[Array, ""]], Bool[Array, "P G T"]]:
    """Steps down the gradient of the loss that the settings name, all on the same answers; also the
    tokens that it holds."""

    def loss(student: RewardModel) -> Float[Array, ""]:
        match config.reward_model_loss:
            case "outcome":
                return reward_model.outcome(student, played.rollouts, played.correct)
            case "segments":
                return reward_model.segments(student, played.rollouts, played.right)
            case "bradley-terry":
                return reward_model.comparison(student, played.rollouts, played.rollouts.quality)

    score = reward_model.reward(trainee.params, played.rollouts)
    known = jnp.ones_like(played.correct)
    area = reward_model.ranked(score, played.correct, known)
    trainee, value = descended(config, trainee, loss)
    held = reward_model.held(config.reward_model_loss, played.rollouts, played.rollouts.quality)
    return trainee, {"reward_model_loss": value, "reward_model_auroc": area}, held


def descended(
    config: Config, trainee: TrainState, loss: Callable[[RewardModel], Float[Array, ""]]
) -> tuple[TrainState, Float[Array, ""]]:
    """`reward_model_epochs` steps down a loss, and what it was before the first of them."""
    rate = jnp.float32(config.reward_model_learning_rate)

    def once(now: TrainState, nothing: None) -> tuple[TrainState, Float[Array, ""]]:
        value, gradient = gradients.value_and_grad(loss)(now.params)
        params, moments, _ = learning.descend(config, now.params, now.moments, gradient, rate)
        return TrainState(params, moments), value

    trainee, values = jax.lax.scan(once, trainee, length=config.reward_model_epochs)
    return trainee, values[0]
