"""What the methods of this wing are made of: problem, state, and the phases of a cycle."""

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, UInt32

from cairn.core.axes import COLUMNS
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.core.rollouts import Rollouts
from cairn.core.vocabulary import SEP
from cairn.engine.devices import WHOLE, along, over
from cairn.engine.program import Report, counted
from cairn.envs.tokens.protocol import Prompt, TokenTask
from cairn.improve import reward_model, steps
from cairn.improve.config import GOOD, Config
from cairn.improve.vocabulary import Vocabulary
from cairn.nn.language.block import Shape
from cairn.nn.language.decode import sample
from cairn.nn.language.transformer import Transformer

Problems = PyTree
"""P problems of a task: every leaf (P, ...)."""
Metrics = dict[str, Float[Array, ""]]


class Problem(NamedTuple):
    """The fixed part of a run: what is asked, who answers, for how long."""

    task: TokenTask
    shape: Shape
    steps: int
    """The budget, for schedules."""
    vocabulary: Vocabulary
    """How the task's symbols are said in the model's tokens."""
    lora: int = 0
    """Rank of the adapters that learn beside the model's weights; 0: these themselves."""
    mesh: Mesh | None = None
    """Devices that share the prompts of a batch, if any do."""

    def sharers(self, prompts: int) -> Mesh | None:
        """Those devices, if so many prompts can be shared evenly."""
        return self.mesh if self.mesh is not None and prompts % self.mesh.size == 0 else None


class Student(NamedTuple):
    """What gradients are taken of: the model, and whatever a method has beside it."""

    model: Transformer
    head: PyTree = None


class State(eqx.Module):
    """Everything that changes. Its arrays are the checkpoint."""

    key: Key[Array, ""]
    """Root of every random stream; never changes."""
    cycle: Int[Array, ""]
    ledger: Ledger
    student: Student
    moments: PyTree
    """Adam's."""
    start: Transformer
    """The model as it was when the method itself began: reference, base, behaviour."""
    reward_model: PyTree
    """A model of rewards, if there is one."""
    extra: PyTree
    """What one method keeps for itself."""


class Played(NamedTuple):
    """A batch of answers and what the verifier says of them."""

    rollouts: Rollouts
    problems: Problems
    correct: Bool[Array, "P G"]
    canonical: UInt32[Array, "P G"]
    right: Bool[Array, "P G T"]
    """Whether the answer is free of errors up to each token."""
    spent: Int[Array, ""]
    """Tokens sampled."""
    paid: Float[Array, "P G T"] | None = None
    """The reward token by token, where steps are paid; they sum to what is thought of the end."""

    @property
    def mask(self) -> Bool[Array, "P G T"]:
        """Tokens to learn from."""
        return self.rollouts.mask > 0


def key_for(state: State, name: str) -> Key[Array, ""]:
    """This cycle's key for one purpose."""
    return stream(state.key, name, state.cycle)


def draw(problem: Problem, config: Config, state: State, n: int, name: str) -> Problems:
    """`n` problems of the training split: new ones, or some of those there are."""
    return given(problem, config, state, jax.random.split(key_for(state, name), n))


def given(problem: Problem, config: Config, state: State, keys: Key[Array, " P"]) -> Problems:
    """The problem of each key."""
    if config.problems:
        root = stream(state.key, "problems there are")
        which = jax.vmap(lambda key: jax.random.randint(key, (), 0, config.problems))(keys)
        keys = jax.vmap(lambda number: jax.random.fold_in(root, number))(which)
    return jax.vmap(lambda key: problem.task.problem(key, "train"))(keys)


def answer(
    problem: Problem,
    config: Config,
    model: Transformer,
    problems: Problems,
    prompt: Prompt,
    key: Key[Array, ""],
    *,
    group: int | None = None,
    temperature: float | None = None,
) -> Played:
    """Sample a group of answers to each prompt, and have them verified.

    `prompt` is what the model sees of `problems`, (P, Tp) and (P,).
    """
    task, P = problem.task, prompt.length.shape[0]
    by = partial(
        sample,
        group=group or config.group,
        limit=task.answer_length,
        temperature=config.temperature if temperature is None else temperature,
        stop=problem.vocabulary.ends,
    )
    rows = along(COLUMNS)
    inputs = (WHOLE, rows, rows, rows, WHOLE)
    # Each device has a loop of its own, which ends when its answers have.
    said = over(problem.sharers(P), by, inputs, rows)(
        model, prompt.ids, prompt.length, jnp.arange(P, dtype=jnp.int32), key
    )
    own = problem.vocabulary.read(said.tok)
    length = jnp.sum(said.mask, axis=-1).astype(jnp.int32)
    verdict = jax.vmap(jax.vmap(task.verify, in_axes=(None, 0, 0)))(problems, own, length)
    if config.reward == "random":
        reward = jax.random.bernoulli(stream(key, "coin"), 0.5, length.shape).astype(jnp.float32)
    else:
        known = verdict.quality == verdict.quality  # NaN: nobody could say
        right = jnp.where(known, verdict.correct.astype(jnp.float32), jnp.nan)
        reward = verdict.quality if config.reward == "quality" else right
    mask = said.mask
    if config.truncated == "mask":
        mask = jnp.where(said.truncated[:, :, None], 0.0, mask)
        reward = jnp.where(said.truncated, jnp.nan, reward)
    else:
        reward = jnp.where(said.truncated, 0.0, reward)
    rollouts = Rollouts(
        prompt=prompt.ids,
        prompt_len=prompt.length,
        tok=said.tok,
        mask=mask,
        logp_b=said.logp,
        reward=reward,
        quality=verdict.quality,
        seg=verdict.step,
        truncated=said.truncated,
        node=jnp.arange(P, dtype=jnp.int32),
    )
    spent = jnp.sum(length)
    return Played(rollouts, problems, verdict.correct, verdict.canonical, verdict.right, spent)


def play(
    problem: Problem, config: Config, state: State, model: Transformer | None = None
) -> Played:
    """Answers of the model, or of another one, to new problems."""
    problems = draw(problem, config, state, config.prompts, "problems")
    who = state.student.model if model is None else model
    prompt = shown(problem, config, problems)
    played = answer(problem, config, who, problems, prompt, key_for(state, "answers"))
    return rewarded(config, state, played)


def play_start(problem: Problem, config: Config, state: State, start: Transformer) -> Played:
    """Answers of the model that the method begins with, asked as it was taught; by the verifier,
    or by a coin."""
    problems = draw(problem, config, state, config.prompts, "problems")
    prompt = shown_to_start(problem, config, problems)
    return answer(problem, config, start, problems, prompt, key_for(state, "answers"))


def rewarded(config: Config, state: State, played: Played) -> Played:
    """With rewards by the model of rewards, if that is who gives them.

    Of outcomes and steps it is a probability, and an answer without an end has none. Where nobody
    has trained the model yet it cannot say anything, which is NaN.
    """
    if not config.modelled:
        return played
    scorer, rollouts, paid = state.reward_model.params, played.rollouts, None
    said = reward_model.readings(scorer, unconditioned(config, rollouts))
    if config.reward_model_loss != "bradley-terry":
        said = jnp.where(rollouts.truncated[..., None], 0.0, jax.nn.sigmoid(said))
    if config.reward == "steps":
        at = steps.ends(rollouts.seg, rollouts.length.astype(jnp.int32))
        reward, paid = steps.least(said, at), steps.progress(said, at)
    else:
        reward = reward_model.last(said, rollouts)
    known = reward_model.trained(scorer)
    if config.truncated == "mask":
        known = known & ~jnp.isnan(rollouts.reward)
    reward = jnp.where(known, reward, jnp.nan)
    return played._replace(rollouts=rollouts._replace(reward=reward), paid=paid)


def shown(problem: Problem, config: Config, problems: Problems, condition: int = GOOD) -> Prompt:
    """What the model sees of problems: of some methods with what is to be thought of the answer,
    in the place of SEP at the prompt's end."""
    prompt = plain(problem, problems)
    if not config.conditioned:
        return prompt
    sign = problem.vocabulary.conditions[condition]
    return prompt._replace(ids=prompt.ids.at[:, -1].set(sign))


def shown_to_start(problem: Problem, config: Config, problems: Problems) -> Prompt:
    """What the start is shown: no condition, unless it can know one.

    A sign that a model has never seen would make it answer nothing sensible, and look far away.
    """
    if config.unknown:
        return plain(problem, problems)
    return shown(problem, config, problems)


def plain(problem: Problem, problems: Problems) -> Prompt:
    """Their prompts as the task has them, in the model's tokens."""
    return problem.vocabulary.prompt(jax.vmap(problem.task.prompt)(problems))


def unconditioned(config: Config, rollouts: Rollouts) -> Rollouts:
    """The same without what the prompt tells of the answer, in whose place stands SEP again: for
    who was never told."""
    if not config.conditioned:
        return rollouts
    return rollouts._replace(prompt=rollouts.prompt.at[:, -1].set(SEP))


def after(state: State, **changes: Any) -> State:
    """The state one cycle on, with what has changed."""
    return dataclasses.replace(state, cycle=state.cycle + 1, **changes)


def figures(played: Played) -> Metrics:
    """How good a batch of answers is."""
    rollouts = played.rollouts
    known = rollouts.quality == rollouts.quality
    count = lambda flags: jnp.mean(flags.astype(jnp.float32))  # noqa: E731
    return {
        "correct": count(played.correct),
        "reward": _mean_of_known(rollouts.reward),
        "quality": _mean_of_known(rollouts.quality),
        "unscored": 1.0 - count(known),
        "length": played.spent.astype(jnp.float32) / known.size,
        "truncated": count(rollouts.truncated),
    }


def length_of_wrong(played: Played) -> Report:
    """How long wrong answers are, where there are any: what a bias by length makes longer."""
    length = played.rollouts.length
    wrong = ~played.correct & (length > 0)
    return counted({"length_wrong": masked_mean(length, wrong)}, jnp.any(wrong))


def _mean_of_known(values: Float[Array, "P G"]) -> Float[Array, ""]:
    return masked_mean(values, ~jnp.isnan(values))


def masked_mean(values: Float[Array, "*b"], mask: Bool[Array, "*b"]) -> Float[Array, ""]:
    """Mean over what counts; 0 of nothing."""
    counts = mask.astype(jnp.float32)
    return jnp.sum(jnp.where(mask, values, 0.0)) / jnp.maximum(jnp.sum(counts), 1.0)
