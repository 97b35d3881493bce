"""The phase that trains a model of rewards before a method learns from it."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core import trees
from cairn.engine.program import Report
from cairn.improve import learning, parts, reward_model
from cairn.improve.config import Config
from cairn.improve.parts import Played, Problem, State
from cairn.improve.reward_model import Judge, Reader


def untrained(state: State) -> Judge:
    """One that begins with the model as it is."""
    student = reward_model.reader(state.student.model)
    return Judge(student, learning.adam().init(student))  # pyright: ignore[reportArgumentType]


def train(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """One update on answers of the model, by what the verifier says of them."""
    first = state.cycle == config.sft_steps
    judge = trees.where(first, untrained(state), state.judge)
    verified = dataclasses.replace(config, reward="correct", reward_model_steps=0)
    played = parts.play(problem, verified, state)
    judge, metrics = update(config, judge, played)
    ledger = learning.spend(state.ledger, played, learned=1, updates=1)
    return parts.after(state, judge=judge, ledger=ledger), Report(metrics)


def update(
    config: Config, judge: Judge, played: Played
) -> tuple[Judge, dict[str, Float[Array, ""]]]:
    """One step down the gradient of the loss that the settings name."""

    def loss(student: Reader) -> Float[Array, ""]:
        match config.reward_model_loss:
            case "outcome":
                return reward_model.outcome(student, played.rollouts, played.correct)
            case "segments":
                return reward_model.segments(student, played.rollouts, played.right)
            case "bradley-terry":
                return reward_model.comparison(student, played.rollouts, played.rollouts.quality)

    value, gradient = jax.value_and_grad(loss)(judge.student)
    rate = jnp.float32(config.reward_model_learning_rate)
    student, moments, _ = learning.descend(config, judge.student, judge.moments, gradient, rate)
    score = reward_model.reward(judge.student, played.rollouts)
    known = jnp.ones_like(played.correct)
    area = reward_model.ranked(score, played.correct, known)
    return Judge(student, moments), {"reward_model_loss": value, "judge_auroc": area}
