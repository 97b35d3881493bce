"""What is handed on of a run or a task: problems, new or of the archive, and sampled answers."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from cairn.archive import replay
from cairn.archive.replay import Replay
from cairn.core import hosted
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.core.vocabulary import PAD
from cairn.envs.tokens.protocol import BASE, IMPROVE, Revising, TokenTask
from cairn.improve import parts
from cairn.improve.exploratory import Config as Exploratory
from cairn.improve.hand_off.rows import Answers, Asked, Row
from cairn.improve.hand_off.run import Opened
from cairn.improve.parts import Problems

AT_ONCE = 256
"""Problems that are answered side by side."""


def new(task: TokenTask, split: str, count: int, seed: int) -> Asked:
    """New problems of a split, by the task's own rule, the same for the same seed.

    Raises ConfigError if the split has none: what drawing ends with is of another split then.
    """
    keys = jax.random.split(stream(jax.random.key(seed), f"data of {split}"), count)

    @jax.jit
    def draw(keys: Any) -> Any:
        made = jax.vmap(lambda key: task.problem(key, split))(keys)
        return made, jax.vmap(lambda one: task.fits(one, split))(made)

    with hosted.told():
        made, fits = jax.block_until_ready(draw(keys))
    if not (there := np.asarray(fits)).all():
        raise ConfigError(
            f"{type(task).__name__}: the split {split} has no problem that could be found: of "
            f"{count} wanted there are {there.sum()}. Make the task larger, so that some of its "
            f"problems can be held out."
        )
    return shown(task, made, [{"split": split, "depth": 0} for _ in range(count)])


def kept(run: Opened, count: int) -> Asked:
    """The places of a run's archive that would be drawn most often, best first: `count` at most.

    `solved` is the success that is expected there, after so many `answers`, older ones counting
    less; `priority` the chance of the next draw. Raises ConfigError if the run keeps none.
    """
    archive, config = run.state.extra, run.config
    if not (isinstance(archive, Replay) and isinstance(config, Exploratory)):
        raise ConfigError(
            "This run has no archive of prompts: only exit keeps one. Take new problems."
        )
    found = int(archive.count)
    if not found:
        raise ConfigError("The run's archive is still empty. Take new problems, or train longer.")
    chance = np.asarray(replay.probabilities(archive, config.replay))[:found]
    best = np.argsort(-chance, kind="stable")[:count]
    nodes, belief = jax.tree.map(lambda leaf: leaf[best], (archive.levels, archive.memory))
    task, problems = run.problem.task, nodes.problem
    if isinstance(task, Revising):
        mode = jnp.where(nodes.depth > 0, IMPROVE, BASE)
        problems = jax.vmap(task.asked)(problems, mode)
    good, bad = np.asarray(belief.successes), np.asarray(belief.failures)
    about: list[Row] = [
        {
            "split": "train",
            "depth": int(depth),
            "solved": float((1 + good[at]) / (2 + good[at] + bad[at])),
            "answers": float(good[at] + bad[at]),
            "priority": float(chance[best[at]]),
        }
        for at, depth in enumerate(np.asarray(nodes.depth))
    ]
    return shown(task, problems, about)


def problems_of(
    run: Opened | None, task: TokenTask, where: Literal["archive", "new"] | None, **what: Any
) -> Asked:
    """`kept` or `new`; by default what there is. `what`: split, count, seed.

    Raises ConfigError for an archive where there is none, and for another split of one than train.
    """
    archive = None if run is None else run.state.extra
    if where is None:
        holds = isinstance(archive, Replay) and int(archive.count) and what["split"] == "train"
        where = "archive" if holds else "new"
    if where == "new":
        return new(task, **what)
    if what["split"] != "train":
        raise ConfigError(
            f"An archive holds training prompts alone, so there are none of the split "
            f"{what['split']} in it. Take new problems of it, or the split train."
        )
    if run is None:
        raise ConfigError("A task has no archive: name a run of exit, or take new problems.")
    return kept(run, what["count"])


def shown(task: TokenTask, problems: Problems, about: list[Row]) -> Asked:
    """Problems with their prompts and a correct answer to each."""

    @jax.jit
    def show(problems: Problems) -> Any:
        count = jax.tree.leaves(problems)[0].shape[0]
        keys = jax.random.split(jax.random.key(0), count)
        return jax.vmap(task.prompt)(problems).ids, jax.vmap(task.demonstration)(problems, keys)

    with hosted.told():
        prompts, demonstrations = jax.device_get(show(problems))
    return Asked(problems, prompts, demonstrations, about)


def answered(
    run: Opened,
    asked: Asked,
    group: int,
    seed: int,
    advance: Callable[[int, int], None] = lambda behind, total: None,
    *,
    reward: Literal["correct", "quality"] | None = None,
) -> Answers:
    """The run's own answers, `group` to each problem, sampled and rewarded as it does, or by
    `reward`.

    `advance` is told how many problems of all have been answered.
    """
    config, root = run.config, jax.random.key(seed)

    @jax.jit
    def some(problems: Problems, number: Any) -> Any:
        prompt = parts.shown(run.problem, config, problems)
        key = stream(root, "answers", number)
        played = parts.answer(
            run.problem, verified, run.state.student.model, problems, prompt, key, group=group
        )
        there, vocabulary = played.rollouts.mask > 0, run.problem.vocabulary
        if vocabulary.folder is None:  # whatever it says besides answers can be spelled
            said = jnp.where(there, played.rollouts.tok, PAD)
            return said, played.rollouts.reward, played.correct
        said = jnp.where(there, vocabulary.read(played.rollouts.tok), PAD)
        # Tokens of another's model that are no symbol of the task cannot be written in symbols.
        strange = jnp.any((said == PAD) & there, axis=-1)
        return said, jnp.where(strange, jnp.nan, played.rollouts.reward), played.correct

    # By the verifier, whoever gave the rewards while it trained, and all that could be judged.
    by = reward or ("quality" if config.reward == "quality" else "correct")
    verified = dataclasses.replace(config, reward=by, truncated="zero")
    count = len(asked.prompts)
    found = []
    for number, first in enumerate(range(0, count, AT_ONCE)):
        part = jax.tree.map(lambda leaf, at=first: leaf[at : at + AT_ONCE], asked.problems)
        with hosted.told():
            found.append(jax.device_get(some(part, np.int32(number))))
        advance(min(first + AT_ONCE, count), count)
    return Answers(*(np.concatenate(leaves) for leaves in zip(*found, strict=True)))
