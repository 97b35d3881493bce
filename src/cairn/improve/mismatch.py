"""Is what is learned from what was sampled? Refuses set-ups whose gradient is of something else.

Methods of this wing sample and learn by one temperature on the whole vocabulary, end answers by a
mask and divide once an update, so for them only `doubt` is left: a look at every run's own figures.
The rest is for what others bring: rollouts of another sampler (`check_rollouts`), a loss of one's
own (`check_weights`), the settings that a run is handed on with (`check`). Public trainers have had
each of these mistakes; all of them raise ConfigError with one line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Array, Float

from cairn.core.errors import ConfigError
from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report
from cairn.improve.aggregate import Aggregation, weights

ROUNDING = 1e-3
"""Nats a token, in the mean, by which two programs of float32 may differ on one model's answers.
In the runs of `benchmarks/verify/improve_gates.py` at most 3e-7; more where products are rounded to
fewer bits."""
LARGEST = 1e-2
"""The same at which a run of our own is stopped, whatever machine it runs on."""


@dataclass(frozen=True)
class Sampling:
    """How a trainer samples answers and learns from them."""

    temperature: float = 1.0
    """Of sampling."""
    learning_temperature: float | None = None
    """Of the log-probabilities in the loss; None: the same."""
    top_p: float = 1.0
    """Share of probability that tokens were sampled from; 1: all."""
    top_k: int = 0
    """How many of the likeliest they were sampled from; 0: all."""
    min_p: float = 0.0
    """The share of the likeliest's probability below which none was taken; 0: all were."""
    repetition_penalty: float = 1.0
    """What logits of tokens that were there before are divided by when sampling; 1: nothing."""
    greedy: bool = False
    """Whether the likeliest token is taken, and nothing is sampled."""
    beams: int = 1
    """Answers are the best of so many beams; 1: there is no such search."""
    same_support: bool = False
    """Whether the loss leaves out the same tokens: its probabilities are shares of those kept."""
    pad: int | None = None
    """The token behind answers."""
    ends: tuple[int, ...] = ()
    """Tokens that end one."""
    masked_by_pad: bool = True
    """Whether the loss passes over every token that is `pad`, and not over what a mask says."""
    updates: int = 1
    """Of one batch of answers: epochs times minibatches."""
    ratio: bool = True
    """Whether the loss weighs by what is now likely over what was when it was sampled."""
    truncated_masked: bool = False
    """Whether answers without an end are left out of the loss."""
    truncated_scored: bool = True
    """Whether they have a reward (mostly 0), which counts in their group's mean."""
    pieces: int = 1
    """Micro-batches whose gradients are added up to one update."""
    divisor: Literal["update", "piece", "constant"] = "update"
    """What a sum of losses is divided by: the tokens or answers of the whole update, or of each
    piece alone, or a number that hangs on neither."""


def check(how: Sampling) -> None:
    """Raise ConfigError if these settings learn from something else than was sampled."""
    if how.greedy or how.beams > 1:
        what = "taken by the likeliest token" if how.greedy else f"the best of {how.beams} beams"
        raise ConfigError(
            f"Answers are {what}: those of a group are (nearly) the same, and a policy's gradient "
            f"is of answers that it has sampled. Sample (do_sample = True, num_beams = 1)."
        )
    cut = how.top_p < 1 or how.top_k > 0 or how.min_p > 0
    if cut and not how.same_support:
        raise ConfigError(
            f"top_p = {how.top_p:g}, top_k = {how.top_k} and min_p = {how.min_p:g} sample from a "
            f"part of the vocabulary, and the loss is over all of it: set 1, 0 and 0, or leave the "
            f"same tokens out of both."
        )
    learning = how.temperature if how.learning_temperature is None else how.learning_temperature
    if how.temperature != learning:
        raise ConfigError(
            f"Answers are sampled at temperature {how.temperature:g} and learned from at "
            f"{learning:g}: give both sides the same."
        )
    if how.repetition_penalty != 1:
        raise ConfigError(
            f"repetition_penalty = {how.repetition_penalty:g} changes what is sampled, and the "
            f"loss knows nothing of it: set 1."
        )
    if how.masked_by_pad and how.pad is not None and how.pad in how.ends:
        raise ConfigError(
            f"Token {how.pad} is padding and ends answers: the loss passes over it, so the model "
            f"never learns to end. Pad with another token, or mask by length."
        )
    if how.updates > 1 and not how.ratio:
        raise ConfigError(
            f"updates must be 1 for a loss without a ratio, got {how.updates}: from the second on "
            f"answers are no longer of the model that learns. Clip a ratio, or sample anew."
        )
    if how.truncated_masked and how.truncated_scored:
        raise ConfigError(
            "Truncated answers are left out of the loss and yet scored: their reward moves the "
            "mean of their group for the others alone. Punish them or leave them out, not both."
        )
    if how.pieces > 1 and how.divisor == "piece":
        raise ConfigError(
            f"An update of {how.pieces} pieces divides each by its own tokens: short pieces weigh "
            f"too much. Add sums up, and divide once by the whole update's."
        )


def of_trl(settings: Mapping[str, Any], *, pad: int | None, ends: tuple[int, ...]) -> Sampling:
    """What TRL's trainer does with the fields of a `GRPOConfig`, `vars(config)`: for `check`.

    Read in trl 1.16.0: one temperature for both sides, unless `generation_kwargs` has another for
    sampling; masks up to the first end, whatever padding is; ratios to who sampled; rewards of
    masked answers stay in their group's mean; `bnpo` divides every piece by its own.
    """
    sampled = {**settings, **(settings.get("generation_kwargs") or {})}
    pieces = settings.get("gradient_accumulation_steps") or 1
    each = settings.get("steps_per_generation") or pieces
    return Sampling(
        temperature=sampled.get("temperature", 1.0),
        learning_temperature=settings.get("temperature", 1.0),
        top_p=sampled.get("top_p", 1.0),
        top_k=sampled.get("top_k") or 0,
        min_p=sampled.get("min_p") or 0.0,
        repetition_penalty=sampled.get("repetition_penalty", 1.0),
        greedy=sampled.get("do_sample") is False,
        beams=max(sampled.get("num_beams") or 1, sampled.get("num_beam_groups") or 1),
        pad=pad,
        ends=ends,
        masked_by_pad=False,
        updates=settings.get("num_iterations", 1) * max(each // pieces, 1),
        truncated_masked=settings.get("mask_truncated_completions", False),
        pieces=pieces,
        divisor="piece" if settings.get("loss_type") == "bnpo" else "update",
    )


def check_rollouts(
    rollouts: Rollouts,
    logp: Float[np.ndarray, "P G T"] | Float[Array, "P G T"],
    *,
    ends: tuple[int, ...],
    rounding: float = ROUNDING,
) -> float:
    """Hold answers against `logp`, the learner's log-probabilities of their tokens.

    `logp` is as the loss has it (at its temperature, over its vocabulary) before it learns from
    these answers; `ends` are the tokens that end one. Returns the mean distance in nats a token.
    Raises ConfigError where that is above `rounding`, where masks do not follow the answers, and
    where an answer that the mask leaves out whole has a reward.
    """
    mask, tok = np.asarray(rollouts.mask) > 0, np.asarray(rollouts.tok)
    truncated, reward = np.asarray(rollouts.truncated), np.asarray(rollouts.reward)
    known = ~np.isnan(reward)
    scored = known if known.ndim == 2 else known.any(-1)
    if np.shape(logp) != mask.shape:
        raise ConfigError(f"logp must be {mask.shape} as the answers are, got {np.shape(logp)}.")
    last = mask.shape[-1] - 1 - mask[..., ::-1].argmax(-1)
    final = np.take_along_axis(tok, last[..., None], axis=-1)[..., 0]
    some = mask.any(-1)
    left = some & ~truncated & ~np.isin(final, ends)
    if left.any():
        raise ConfigError(
            f"The mask of {left.sum()} of {left.size} answers leaves out the token that ends them, "
            f"or they have none (ends are {ends}): the model would never learn to end. Is padding "
            f"one of them? Mask by length, and say which answers are truncated."
        )
    ended = np.cumsum(np.isin(tok, ends) & mask, axis=-1) - (np.isin(tok, ends) & mask)
    if (mask & (ended > 0)).any():
        raise ConfigError(
            f"{(mask & (ended > 0)).any(-1).sum()} answers have tokens in their mask behind an end "
            f"({ends}): those were never sampled."
        )
    both = truncated & ~some & scored
    if both.any():
        raise ConfigError(
            f"{both.sum()} truncated answers are masked and have a reward, which moves the mean of "
            f"their group for the others alone. Give them NaN, or let the mask have them."
        )
    return _compared(np.asarray(rollouts.logp_b)[mask], np.asarray(logp)[mask], rounding)


def _compared(sampled: np.ndarray, learned: np.ndarray, rounding: float) -> float:
    off = sampled.astype(np.float64) - learned
    mean = float(np.abs(off).mean()) if off.size else 0.0
    if mean <= rounding:
        return mean
    above = (off > -rounding).all()
    why = (
        "nowhere below: it was sampled from a part of the vocabulary (top-p, top-k)"
        if above
        else "on both sides: another temperature, other weights, or other places of the tokens"
    )
    raise ConfigError(
        f"Log-probabilities of the sampler are {mean:.2g} nats a token from the learner's "
        f"(rounding: {rounding:g}), {why}. Let both be of one distribution, or weigh by the ratio."
    )


def check_weights(
    given: Float[np.ndarray, "P G T"] | Float[Array, "P G T"],
    mask: Float[Array, "P G T"],
    how: Aggregation,
    limit: int,
) -> None:
    """Hold the weight that a loss gives every token against what `how` says of a whole update.

    `given` is the gradient of the loss by the losses of tokens, summed over the pieces of an
    update: `jax.grad(aggregate)(jnp.zeros(mask.shape))`. `limit` is the constant divisor, if `how`
    has one. Raises ConfigError where another divisor was used.
    """
    live = np.asarray(mask) > 0
    wanted = np.asarray(weights(mask > 0, how, limit))
    if np.abs(np.where(live, 0.0, given)).max(initial=0.0) > 0:
        raise ConfigError("Tokens that the mask leaves out have a weight in the loss.")
    share = np.asarray(given)[live] / wanted[live]
    low, high = (float(share.min()), float(share.max())) if share.size else (1.0, 1.0)
    if np.allclose([low, high], 1.0, rtol=1e-3):
        return
    if np.isclose(low, high, rtol=1e-3):
        raise ConfigError(
            f"Every token weighs {low:.3g} of what {how} says: the sum is divided once too often "
            f"or once too few. Divide once by the whole update's."
        )
    raise ConfigError(
        f"Tokens weigh {low:.3g} to {high:.3g} of what {how} says: pieces of the update were "
        f"divided by sums of their own. Add numerators up, and divide once by the whole update's."
    )


def doubt(report: Report) -> str | None:
    """Why the reports of a chunk, (seeds, cycles), cannot be believed: `Program.doubt`.

    `mismatch` is of the first update of each cycle, by the model that has sampled.
    """
    if "mismatch" not in report.metrics:
        return None
    values = np.asarray(report.metrics["mismatch"])
    there = np.broadcast_to(np.asarray(report.weights.get("mismatch", 1.0)) > 0, values.shape)
    worst = float(values[there].max(initial=0.0))
    if worst <= LARGEST:
        return None
    return (
        f"The learner's log-probabilities are {worst:.2g} nats a token from those that answers "
        f"were sampled by, and rounding is below {LARGEST:g}: its gradient is of something else, "
        f"so the run was stopped. On an accelerator try JAX_DEFAULT_MATMUL_PRECISION=highest."
    )
