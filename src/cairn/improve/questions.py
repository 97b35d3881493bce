"""How a model of this wing is asked problems, for a report of its behaviour."""

from functools import partial

import jax
from jaxtyping import Array, Bool, Key

from cairn.core import trees
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
        problems=config.behaviour_problems,
        answers=config.behaviour_answers,
        draws=config.behaviour_draws,
    )


def draw(problem: Problem, split: str, key: Key[Array, ""], number: int) -> Problems:
    """So many problems of a split."""
    keys = jax.random.split(key, number)
    return jax.vmap(lambda one: problem.task.problem(one, split))(keys)


def answer(
    problem: Problem,
    config: Config,
    state: State,
    begun: Bool[Array, ""],
    problems: Problems,
    key: Key[Array, ""],
    n: int,
) -> Answered:
    """n answers to each problem, of the model or of the start, and whole ones: what a method leaves
    out is looked at too. The start is asked as it was taught."""
    prompt = parts.shown(problem, config, problems)
    plain = parts.shown_to_start(problem, config, problems)
    asked = trees.where(begun, plain, prompt)
    model = trees.where(begun, state.start, state.student.model)
    played = parts.answer(
        problem, testing.verified(config), model, problems, asked, key, group=n, temperature=1.0
    )
    said = played.rollouts
    own = learning.scores(model, said)
    start = said._replace(prompt=plain.ids, prompt_len=plain.length)
    return Answered(
        tokens=said.tok,
        mask=said.mask,
        correct=played.correct,
        quality=said.quality,
        canonical=played.canonical,
        truncated=said.truncated,
        logp=own.log_prob,
        logp_start=learning.scores(state.start, start).log_prob,
        entropy=own.entropy,
    )
