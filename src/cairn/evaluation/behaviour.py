"""What a language model does on a task, in figures: one row for every split, ready for JSON."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt32

from cairn.evaluation import diversity, drift, passing


class Answers(NamedTuple):
    """n answers to each of P prompts of one split, as NumPy arrays."""

    tokens: Int[np.ndarray, "P n T"]
    mask: Float[np.ndarray, "P n T"]
    """1 on what was sampled, the end of an answer included."""
    correct: Bool[np.ndarray, "P n"]
    quality: Float[np.ndarray, "P n"]
    canonical: UInt32[np.ndarray, "P n"]
    """Equal for answers that say the same."""
    truncated: Bool[np.ndarray, "P n"]
    logp: Float[np.ndarray, "P n T"] | None = None
    """Of the sampled tokens under the model, at temperature 1 and without truncation."""
    logp_start: Float[np.ndarray, "P n T"] | None = None
    """Of the same under the model it began as."""
    entropy: Float[np.ndarray, "P n T"] | None = None
    """Of the choice of each token, in nats."""


def powers(number: int) -> tuple[int, ...]:
    """1, 2, 4 … up to `number`."""
    return tuple(2**place for place in range(number.bit_length()))


def figures(answers: Answers, vocabulary: int) -> dict[str, float | None]:
    """Everything that is known of one split; None for what does not exist there.

    `pass@k` for powers of two, `majority@k` for the most answers, `quality`, `distinct_valid` (of
    the n answers), `diversity_per_input` and `diversity_across_input` (expectation-adjusted
    distinct n-grams over a vocabulary of so many symbols), lengths, `entropy` of a choice (nats),
    and with log-probabilities `kl_to_start` (of an answer), `kl_to_start_per_token` and
    `negative_log_likelihood` (nats a token: the entropy, by the sample).
    """
    found: dict[str, float | None] = {
        name: _number(known_mean(values)) for name, values in by_problem(answers).items()
    }
    length = answers.mask.sum(-1).astype(np.int64)
    texts = [
        [row[:end].tolist() for row, end in zip(rows, ends, strict=True)]
        for rows, ends in zip(answers.tokens, length, strict=True)
    ]
    metric = lambda some: diversity.mean_expected_distinct(some, vocabulary)  # noqa: E731
    found["diversity_per_input"] = _number(diversity.per_input(metric, texts))
    found["diversity_across_input"] = _number(diversity.across_input(metric, texts))
    told = drift.lengths(length, answers.correct, answers.truncated)
    found |= {"length_of_correct": told.correct, "length_of_wrong": told.wrong}
    tokens = answers.mask.sum()
    if answers.entropy is not None:
        found["entropy"] = float((answers.entropy * answers.mask).sum() / tokens)
    if answers.logp is not None:
        found["negative_log_likelihood"] = float(-(answers.logp * answers.mask).sum() / tokens)
        if answers.logp_start is not None:
            kl = drift.divergence(answers.logp, answers.logp_start, answers.mask)
            found["kl_to_start_per_token"] = float(kl.sum() / tokens)
    return found


def by_problem(answers: Answers) -> dict[str, Float[np.ndarray, " P"]]:
    """Those figures that are means over problems, problem by problem: so they have intervals."""
    number = answers.correct.shape[1]
    found = {f"pass@{k}": passing.pass_at(answers.correct, k) for k in powers(number)}
    if number > 1:
        majority = passing.majority_at(answers.correct, answers.canonical, number)
        found[f"majority@{number}"] = majority
    found["quality"] = np.array([known_mean(row) for row in answers.quality], np.float64)
    found["distinct_valid"] = diversity.distinct_valid(answers.correct, answers.canonical)
    found["length"] = answers.mask.sum(-1).mean(1, np.float64)
    found["truncated"] = answers.truncated.mean(1, np.float64)
    if answers.logp is not None and answers.logp_start is not None:
        kl = drift.divergence(answers.logp, answers.logp_start, answers.mask)
        found["kl_to_start"] = kl.mean(1, np.float64)
    return found


def gap(test: dict[str, float | None], shifted: dict[str, float | None]) -> dict[str, float]:
    """How much less each pass rate and the quality are on the harder split."""
    return {
        name: value - other
        for name, value in test.items()
        if (name.startswith("pass@") or name == "quality")
        and value is not None
        and (other := shifted.get(name)) is not None
    }


def known_mean(values: Float[np.ndarray, " N"]) -> float:
    """Of those that are numbers: who could not say counts nowhere. NaN where none is."""
    known = values[np.isfinite(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else float("nan")


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
