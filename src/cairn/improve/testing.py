"""What a run of this wing is tested by: likeliest answers, and answers one after another."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from cairn.core.keys import stream
from cairn.envs.tokens.protocol import BASE, IMPROVE, Revising
from cairn.improve import parts
from cairn.improve.config import BAD, GOOD, Config
from cairn.improve.parts import Problem, Problems, State

Figures = dict[str, dict[str, Float[Array, ""]]]
"""By test; each has a `solve_rate`."""
DEPTHS = (1, 2, 4, 8, 16, 32)
"""After how many answers to an attempt it is told what quality has been reached, and of the last of
them how much oftener it mended than spoiled."""


def test(problem: Problem, config: Config, state: State) -> tuple[Figures, Int[Array, ""]]:
    """Likeliest answers to problems of both tests, and what they took (tokens sampled).

    `told-bad`: sampled ones of a model that is told of each that it will be bad.
    """
    figures, spent = {}, jnp.int32(0)
    told_bad = [("told-bad", "test", BAD, 1.0)] if config.conditioned else []
    # What it does when it is told that the answer is bad is a matter of samples: the likeliest
    # symbol can be right where each has a small chance to be wrong.
    usual = [("test", "test", GOOD, 0.0), ("shifted", "shifted", GOOD, 0.0)]
    for name, split, told, temperature in [*usual, *told_bad]:
        problems = tests(problem, config, split)
        prompt = parts.shown(problem, config, problems, told)
        played = parts.answer(
            problem, verified(config), state.student.model, problems, prompt, state.key,
            group=1, temperature=temperature,
        )  # fmt: skip
        found = parts.figures(played)
        also = {what: found[what] for what in ("quality", "length", "truncated")}
        figures[name] = {"solve_rate": found["correct"], **also}
        spent = spent + played.spent
    if isinstance(problem.task, Revising) and config.revisions:
        figures["revised"], more = revise(problem, config, state)
        spent = spent + more
    return figures, spent


def verified(config: Config) -> Config:
    """The same with rewards by the verifier and whole answers: a test asks nobody else, and leaves
    nothing out."""
    return dataclasses.replace(config, reward="correct", truncated="zero")


def tests(problem: Problem, config: Config, split: str) -> Problems:
    """The problems of a test, the same in every run of a task."""
    keys = jax.random.split(stream(jax.random.key(0), f"tests of {split}"), config.tests)
    return jax.vmap(lambda key: problem.task.problem(key, split))(keys)


def revise(
    problem: Problem, config: Config, state: State
) -> tuple[dict[str, Float[Array, ""]], Int[Array, ""]]:
    """Answers one after another, each to what the last one left: quality by depth.

    A correction is an answer that leaves a better attempt, a spoiling one that leaves a worse.
    """
    task, model = problem.task, state.student.model
    assert isinstance(task, Revising)
    root = stream(state.key, "revisions", state.cycle)

    def once(problems: Problems, depth: Array) -> tuple[Problems, tuple[Array, Array, Array]]:
        mode = jnp.where(depth == 0, BASE, IMPROVE)
        asked = jax.vmap(lambda one: task.asked(one, mode))(problems)
        prompt = parts.shown(problem, config, asked)
        key = jax.random.fold_in(root, depth)
        played = parts.answer(problem, verified(config), model, asked, prompt, key, group=1)
        length = played.rollouts.length[:, 0].astype(jnp.int32)
        said = problem.vocabulary.read(played.rollouts.tok[:, 0])
        after = jax.vmap(task.after)(asked, said, length)
        before, now = jax.vmap(task.standing)(asked), jax.vmap(task.standing)(after)
        return after, (now, now - before, played.spent)

    begun = jax.vmap(task.start)(tests(problem, config, "test"))
    depths = jnp.arange(config.revisions, dtype=jnp.int32)
    _, (quality, change, spent) = jax.lax.scan(once, begun, depths)
    share = lambda flags: jnp.mean(flags.astype(jnp.float32))  # noqa: E731
    told = [n for n in DEPTHS if n <= config.revisions]
    return {
        "solve_rate": share(quality[-1] == 1),
        "corrections": share(change > 0),
        "spoilings": share(change < 0),
        **{f"quality_{n}": jnp.mean(quality[n - 1]) for n in told},
        **{f"mended_{n}": share(change[n - 1] > 0) - share(change[n - 1] < 0) for n in told},
    }, jnp.sum(spent)
