"""Refiners: a model that reads a wrong draft and writes a better answer, anew or from the error on.

Havrilla et al. 2024 (GLoRe), arXiv:2402.10963, §3.3. A global refiner learns, from the policy's own
drafts, to answer correctly beside a wrong draft of the same question. A local one is shown where
the first error is, by a sign before that step, and learns a way to go on from there that ends
right. Drafts are always of the policy that the refiner began as. Here the verifier says where the
error is; `sorm` trains a model that can be asked instead.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from cairn.core import checks
from cairn.engine.program import Report, merged
from cairn.envs.tokens.protocol import Prompt, TokenTask
from cairn.improve import cloning, drafts, learning, parts, steps, testing
from cairn.improve.config import Config as Shared
from cairn.improve.method import method
from cairn.improve.parts import Played, Problem, State
from cairn.improve.testing import Figures


@dataclass(frozen=True)
class Config(Shared):
    """A refiner."""

    where: Literal["global", "local"] = "global"
    """Whether an answer is written anew, or from the first error on."""
    tries: int = 8
    """Ways to go on from before the error, of which a right one is learned (local)."""

    @property
    def uses_conditions(self) -> bool:
        """A sign stands before the error."""
        return self.where == "local"

    def __post_init__(self) -> None:
        Shared.__post_init__(self)
        checks.at_least(self, 1, "tries")

    def longest(self, task: TokenTask) -> int:
        """With a draft, a sign in it and SEP behind it."""
        return Shared.longest(self, task) + task.answer_length + 2


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample drafts; pair a wrong one with what would have been right; -log π of that."""
    played = parts.play(problem, config, state, state.start)
    rollouts = played.rollouts
    rows = jnp.arange(config.prompts, dtype=jnp.int32)
    wrong = ~played.correct & ~rollouts.truncated
    which = jnp.argmax(wrong, axis=1)
    draft, length = rollouts.tok[rows, which], rollouts.length[rows, which].astype(jnp.int32)
    asked = Prompt(rollouts.prompt, rollouts.prompt_len)
    spent = jnp.int32(0)
    if config.where == "global":
        right = jnp.argmax(played.correct, axis=1)
        target, there = rollouts.tok[rows, right], jnp.any(played.correct, axis=1)
        prompt = drafts.shown(problem, asked, draft, length)
    else:
        cut = error(played, which)
        said, _, correct, spent = drafts.go_on(
            problem, config, state.start, played.problems, asked, draft, cut,
            parts.key_for(state, "ways"), config.tries,
        )  # fmt: skip
        target = said[rows, jnp.argmax(correct, axis=1)]
        there = jnp.any(correct, axis=1)
        prompt = drafts.shown(problem, asked, draft, length, cut)
    there = there & jnp.any(wrong, axis=1)
    mask = cloning.upto_end(problem.vocabulary, target[:, None])
    learned = cloning.written(prompt.ids, prompt.length, target[:, None], mask)
    weight = there.astype(jnp.float32)[:, None]
    played = played._replace(spent=played.spent + spent)
    batch = learned, weight
    state, told = learning.improve(
        problem, config, state, played, batch, cloning.cross_entropy,
        held=cloning.held(batch),
    )  # fmt: skip
    return state, merged(told, Report({"paired": jnp.mean(weight)}))


def error(played: Played, which: Int[Array, " P"]) -> Int[Array, " P"]:
    """Tokens before the first step that has an error, of one answer to each prompt."""
    rows = jnp.arange(which.shape[0], dtype=jnp.int32)
    right, seg = played.right[rows, which], played.rollouts.seg[rows, which]
    at = jnp.minimum(steps.first(~right), right.shape[1] - 1)
    step = jnp.take_along_axis(seg, at[:, None], axis=1)
    return steps.first(seg == step)


def test(problem: Problem, config: Config, state: State) -> tuple[Figures, Int[Array, ""]]:
    """Drafts of the policy, and what the refiner makes of every one of them, wrong or right."""
    problems = testing.tests(problem, config, "test")
    checked, prompt = testing.verified(config), parts.shown(problem, config, problems)
    likeliest = partial(parts.answer, problem, checked, group=1, temperature=0.0)
    drawn = likeliest(state.start, problems, prompt, state.key)
    draft, length = drawn.rollouts.tok[:, 0], drawn.rollouts.length[:, 0].astype(jnp.int32)
    asked = Prompt(drawn.rollouts.prompt, drawn.rollouts.prompt_len)
    cut = error(drawn, jnp.zeros(config.tests, jnp.int32))
    local = config.where == "local"
    shown = drafts.shown(problem, asked, draft, length, cut if local else None)
    again = likeliest(state.student.model, problems, shown, state.key)
    after = _ended(problem, problems, draft, cut, again) if local else again.correct[:, 0]
    before = drawn.correct[:, 0]
    if local:
        after = after | before  # nothing is marked in a draft without an error
    share = lambda flags: jnp.mean(flags.astype(jnp.float32))  # noqa: E731
    return {
        "draft": {"solve_rate": share(before)},
        "test": {
            "solve_rate": share(after),
            "corrections": share(after & ~before),
            "spoilings": share(before & ~after),
        },
    }, drawn.spent + again.spent


def _ended(
    problem: Problem, problems: parts.Problems, draft: Array, cut: Array, again: Played
) -> Bool[Array, " P"]:
    """Whether the draft's beginning with the refiner's end is right."""
    tokens, length = drafts.whole(draft, cut, again.rollouts.tok, again.rollouts.mask)
    said = problem.vocabulary.read(tokens[:, 0])
    return jax.vmap(problem.task.verify)(problems, said, length[:, 0]).correct


METHOD = method(__doc__, Config, step, test=test)
