"""How a model of this wing is asked problems, for a report of its behaviour."""

from functools import partial

import equinox as eqx
import jax
from jaxtyping import Array, Key

from cairn.engine.program import Answered, Questions
from cairn.improve import learning, parts, testing
from cairn.improve.config import Config
from cairn.improve.parts import Problem, Problems, State

SPLITS = ("test", "shifted")


def questions(problem: Problem, config: Config) -> Questions:
    """Problems of both held-out splits, as the method shows them."""
    return Questions(
        splits=SPLITS,
        vocabulary=problem.shape.vocabulary,
        draw=partial(draw, problem),
        answer=partial(answer, problem, config),
        start=start,
        problems=config.behaviour_problems,
        answers=config.behaviour_answers,
        draws=config.behaviour_draws,
    )


def draw(problem: Problem, split: str, key: Key[Array, ""], number: int) -> Problems:
    """So many problems of a split."""
    keys = jax.random.split(key, number)
    return jax.vmap(lambda one: problem.task.problem(one, split))(keys)


def answer(
    problem: Problem, config: Config, state: State, problems: Problems, key: Key[Array, ""], n: int
) -> Answered:
    """n answers to each problem, whole ones: what a method leaves out is looked at too."""
    prompt, model = parts.shown(problem, config, problems), state.student.model
    played = parts.answer(
        problem, testing.verified(config), model, problems, prompt, key, group=n, temperature=1.0
    )
    said = played.rollouts
    own, begun = learning.scores(model, said), learning.scores(state.start, said)
    return Answered(
        tokens=said.tok,
        mask=said.mask,
        correct=played.correct,
        quality=said.quality,
        canonical=played.canonical,
        truncated=said.truncated,
        logp=own.log_prob,
        logp_start=begun.log_prob,
        entropy=own.entropy,
    )


def start(state: State) -> State:
    """The same with the model as it was when the method began."""
    return eqx.tree_at(lambda s: s.student.model, state, state.start)
