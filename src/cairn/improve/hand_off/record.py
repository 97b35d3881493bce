"""The two compiled steps of a source of prompts: choose a batch, record what became of it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.archive.replay import Replay
from cairn.core.keys import stream
from cairn.core.rollouts import Rollouts
from cairn.core.vocabulary import EOS
from cairn.envs.tokens.protocol import Prompt, Revising
from cairn.improve import exploratory, histories, skipping
from cairn.improve.exploratory import Config
from cairn.improve.histories import Belief, Starts
from cairn.improve.parts import Played, Problem, Problems

THERE = "problems there are"
"""The stream of a finite set of problems, as `parts.given` has it."""


class Keys(NamedTuple):
    """Where a source's chance comes from."""

    draws: Key[Array, ""]
    """Of problems, starts and instructions."""
    there: Key[Array, ""]
    """Of the problems that there are, where these are so many and no more: a run's own, if the
    source goes on with a run."""


def keys_of(seed: int) -> Keys:
    """A source's own."""
    root = jax.random.key(seed)
    return Keys(root, stream(root, THERE))


def ask(
    problem: Problem, config: Config, archive: Replay, keys: Keys, cycle: Int[Array, ""]
) -> tuple[Replay, Starts, Problems, Prompt]:
    """Starts of one batch, what is asked from each, and how that reads."""
    (root, there), task = keys, problem.task
    each = jax.random.split(stream(root, "problems", cycle), config.drawn)
    if config.problems:
        which = jax.vmap(lambda key: jax.random.randint(key, (), 0, config.problems))(each)
        each = jax.vmap(lambda number: jax.random.fold_in(there, number))(which)
    drawn = jax.vmap(lambda key: task.problem(key, "train"))(each)
    fresh, _ = skipping.promising(config, archive, drawn, stream(root, "second looks", cycle))
    archive, starts = histories.choose(archive, config, fresh, stream(root, "starts", cycle))
    problems = starts.nodes.problem
    if isinstance(task, Revising):
        key = stream(root, "modes", cycle)
        problems = exploratory.instructed(task, config, starts.nodes, key)
    return archive, starts, problems, jax.vmap(task.prompt)(problems)


def tell(
    problem: Problem,
    config: Config,
    archive: Replay,
    starts: Starts,
    problems: Problems,
    tokens: Int[Array, "P G T"],
    length: Int[Array, "P G"],
    live: Bool[Array, " P"],
    rewards: Float[Array, "P G"] | None,
) -> tuple[Replay, Float[Array, "P G"]]:
    """The archive after these answers, and what each is worth."""
    task = problem.task
    # A place that lost its slot since it was asked is offered anew, with what was known of it.
    there = starts.stored & (archive.ids[starts.slots] == starts.ids)
    lost = starts.stored & ~there
    starts = starts._replace(stored=there)
    if rewards is None:
        played = _played(problem, config, problems, tokens, length)
        before = jnp.zeros(config.prompts)
        if isinstance(task, Revising):
            before = jax.vmap(task.standing)(problems)
        good = exploratory.success(problem, config, played, before).astype(jnp.float32)
        reward = played.rollouts.reward
        known = ~jnp.isnan(reward)
        # Of the problem as it was chosen: how it was asked is no part of a place.
        children, worth = exploratory.reached(problem, config, starts.nodes, played)
    else:
        reward, good, known = rewards, jnp.nan_to_num(rewards), ~jnp.isnan(rewards)
        children, worth = starts.nodes, jnp.zeros(config.prompts, bool)
    sums = lambda share: jnp.sum(jnp.where(known, share, 0.0), axis=1)  # noqa: E731
    seen = Belief(sums(good), sums(1.0 - good))
    merged = config.remembering.merge(starts.belief, seen)
    choose = lambda old, new: jnp.where(lost, old, new)  # noqa: E731
    seen = jax.tree.map(choose, merged, seen)
    nothing = Belief(jnp.zeros_like(seen.successes), jnp.zeros_like(seen.failures))
    starts = starts._replace(belief=jax.tree.map(choose, nothing, starts.belief))
    archive, _ = histories.enter(
        archive, config, starts, seen, children, worth, config.inherited, live
    )
    return archive, reward


def _played(
    problem: Problem,
    config: Config,
    problems: Problems,
    tokens: Int[Array, "P G T"],
    length: Int[Array, "P G"],
) -> Played:
    """Answers of others as the record that methods learn from."""
    verify = jax.vmap(jax.vmap(problem.task.verify, in_axes=(None, 0, 0)))
    verdict = verify(problems, tokens, length)
    place = jax.lax.broadcasted_iota(jnp.int32, tokens.shape, 2)
    mask = (place < length[..., None]).astype(jnp.float32)
    ends = jnp.any((tokens == EOS) & (mask > 0), axis=-1)
    known = verdict.quality == verdict.quality
    correct = jnp.where(known, verdict.correct.astype(jnp.float32), jnp.nan)
    reward = verdict.quality if config.reward == "quality" else correct
    rows = jnp.arange(config.prompts, dtype=jnp.int32)
    rollouts = Rollouts(
        prompt=jnp.zeros((config.prompts, 0), jnp.int32),
        prompt_len=jnp.zeros(config.prompts, jnp.int32),
        tok=tokens,
        mask=mask,
        logp_b=jnp.zeros_like(mask),
        reward=jnp.where(ends, reward, 0.0),
        quality=verdict.quality,
        seg=verdict.step,
        truncated=~ends,
        node=rows,
    )
    spent = jnp.sum(length)
    return Played(rollouts, problems, verdict.correct, verdict.canonical, verdict.right, spent)


def wider(leaf: Any, size: int) -> np.ndarray:
    """With copies of the first row behind, which are not entered."""
    leaf = np.asarray(leaf)
    return np.concatenate([leaf, np.repeat(leaf[:1], size - len(leaf), axis=0)])
