"""Whether a task of symbols keeps its promises: for one's own, before anything is trained on it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key

from cairn.core import hosted
from cairn.core.errors import TaskError
from cairn.core.vocabulary import BOS, EOS, PAD, RESERVED, SEP
from cairn.envs.tokens.protocol import SPLITS, Prompt, Revising, TokenTask, Verdict


class Look(NamedTuple):
    """One problem, and what its task says of it."""

    fits: Bool[Array, "*batch"]
    prompt: Prompt
    demonstration: Int[Array, "*batch T"]
    verdict: Verdict
    """Of the demonstration."""
    endless: Verdict
    """Of the same without its EOS."""
    before: Array
    """Quality that an answer begins with; 0 where there is none."""


def check(task: TokenTask, *, each: int = 32, seed: int = 0) -> None:
    """Draw `each` problems of every split and look at them.

    Raises TaskError that says which promise is broken: a split without problems, or one that shares
    prompts with another; a prompt or demonstration in the wrong form; a demonstration that its own
    verifier calls wrong; an answer without an end that it calls correct.
    """
    name, symbols = type(task).__name__, task.symbols
    if symbols[: len(RESERVED)] != RESERVED or len(set(symbols)) < len(symbols):
        raise TaskError(f"{name}.own_symbols must all be different and none of {RESERVED}.")
    prompts: dict[bytes, str] = {}
    for split in SPLITS:
        with hosted.told():
            look = jax.tree.map(np.asarray, _look(task, split, each, seed))
        if not look.fits.all():
            raise TaskError(
                f"{name}: the split {split!r} has no problem that could be found: of {each} wanted "
                f"there are {int(look.fits.sum())}. Make the task larger, so that one in eight "
                f"problems can be held out."
            )
        _check_forms(task, split, look)
        for ids in look.prompt.ids:
            other = prompts.setdefault(ids.tobytes(), split)
            if other != split:
                raise TaskError(
                    f"{name}: the splits {other!r} and {split!r} share the prompt "
                    f"{task.text(ids)!r}. `identity` must follow from what the prompt shows, and "
                    f"`draw` must never make the same with and without `shifted`."
                )


def _look(task: TokenTask, split: str, each: int, seed: int) -> Look:
    def one(key: Key[Array, ""]) -> Look:
        problem = task.problem(key, split)
        said = task.demonstration(problem, key)
        length = (said != PAD).sum(dtype=jnp.int32)
        before = task.standing(problem) if isinstance(task, Revising) else jnp.float32(0)
        return Look(
            task.fits(problem, split),
            task.prompt(problem),
            said,
            task.verify(problem, said, length),
            task.verify(problem, said, length - 1),
            before,
        )

    return jax.jit(jax.vmap(one))(jax.random.split(jax.random.key(seed), each))


def _check_forms(task: TokenTask, split: str, look: Look) -> None:
    name = type(task).__name__
    for row in range(len(look.fits)):
        ids, length = look.prompt.ids[row], int(look.prompt.length[row])
        said = look.demonstration[row]
        shown = f"{task.text(ids)!r} ({split})"
        begun = 2 <= length <= len(ids) and ids[-length] == BOS and ids[-1] == SEP
        if not (begun and (ids[:-length] == PAD).all() and (ids[-length:] != PAD).all()):
            raise TaskError(
                f"{name}.prompt must be padding, BOS, symbols and SEP, `length` of them no padding;"
                f" got {ids.tolist()} of length {length}."
            )
        end = int((said != PAD).sum())
        if end == 0 or said[end - 1] != EOS or (said == EOS).sum() > 1:
            raise TaskError(
                f"{name}.demonstration must end with EOS, and padding behind it; got "
                f"{said.tolist()} for {shown}."
            )
        quality, correct = float(look.verdict.quality[row]), bool(look.verdict.correct[row])
        if not 0 <= quality <= 1 or (quality == 1) != correct:
            raise TaskError(
                f"{name}.verify: quality must lie in [0, 1] and be 1 exactly where the answer is "
                f"correct; got {quality} and {correct} for {shown}."
            )
        if not (correct or (isinstance(task, Revising) and quality >= look.before[row])):
            raise TaskError(
                f"{name}: its own demonstration {task.text(said)!r} is judged wrong (quality "
                f"{quality:g}) for {shown}."
            )
        if look.endless.correct[row]:
            raise TaskError(f"{name}.verify calls an answer without EOS correct, for {shown}.")
