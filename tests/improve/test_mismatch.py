"""Set-ups that bias the gradient are built here, one by one, and refused with one line each."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report
from cairn.improve import aggregate, mismatch
from cairn.improve.mismatch import Sampling

P, G, T, V, EOS = 3, 4, 6, 8, 2
LOGITS = np.random.default_rng(1).normal(size=(T, V))


def log_softmax(logits):
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def sampled(kept=V, temperature=1.0):
    """Answers by the likeliest `kept` symbols; and the learner's log-probabilities of them, of all.

    Any end is the last token of an answer, as a sampler has it.
    """
    scaled = LOGITS / temperature
    cut = np.sort(scaled, axis=-1)[:, [-kept]]
    own = log_softmax(np.where(scaled >= cut, scaled, -np.inf))
    rng = np.random.default_rng(0)
    tok = np.array([
        [[rng.choice(V, p=np.exp(own[t])) for t in range(T)] for _ in range(G)] for _ in range(P)
    ])  # fmt: skip
    ended = np.cumsum(tok == EOS, axis=-1) - (tok == EOS)
    mask = (ended == 0).astype(np.float32)
    of = lambda table: table[np.arange(T), tok] * mask  # noqa: E731
    rollouts = Rollouts(
        prompt=np.ones((P, 1), int), prompt_len=np.ones(P, int), tok=tok * mask.astype(int),
        mask=mask, logp_b=of(own), reward=np.zeros((P, G)), quality=np.zeros((P, G)),
        seg=np.zeros_like(tok), truncated=~(tok == EOS).any(-1), node=np.arange(P),
    )  # fmt: skip
    return rollouts, of(log_softmax(LOGITS))


def test_answers_of_the_model_itself_pass_and_rounding_is_told():
    rollouts, logp = sampled()
    assert 0 < rollouts.truncated.sum() < P * G and (rollouts.tok == EOS).any()
    assert mismatch.check_rollouts(rollouts, logp, ends=(EOS,)) < 1e-12
    off = logp + 5e-4 * rollouts.mask
    assert mismatch.check_rollouts(rollouts, off, ends=(EOS,)) == pytest.approx(5e-4)


def test_sampling_from_a_part_of_the_vocabulary_is_seen_in_the_probabilities():
    rollouts, logp = sampled(kept=5)
    with pytest.raises(ConfigError, match=r"nowhere below: .* part of the vocabulary \(top-p, top"):
        mismatch.check_rollouts(rollouts, logp, ends=(EOS,))


def test_another_temperature_is_seen_in_the_probabilities():
    rollouts, logp = sampled(temperature=0.7)
    with pytest.raises(ConfigError, match="on both sides: another temperature, other weights"):
        mismatch.check_rollouts(rollouts, logp, ends=(EOS,))


def test_a_mask_that_takes_ends_for_padding_is_seen_in_the_answers():
    rollouts, logp = sampled()
    as_pad = rollouts._replace(mask=rollouts.mask * (rollouts.tok != EOS))
    with pytest.raises(ConfigError, match=r"leaves out the token that ends them.* Is padding one"):
        mismatch.check_rollouts(as_pad, logp, ends=(EOS,))
    beyond = rollouts._replace(mask=np.ones_like(rollouts.mask), truncated=np.ones((P, G), bool))
    with pytest.raises(ConfigError, match=r"tokens in their mask behind an end \(\(2,\)\)"):
        mismatch.check_rollouts(beyond, logp, ends=(EOS,))


def test_truncated_answers_are_masked_or_punished_and_not_both():
    rollouts, logp = sampled()
    number = rollouts.truncated.sum()
    masked = rollouts._replace(mask=np.where(rollouts.truncated[..., None], 0, rollouts.mask))
    with pytest.raises(ConfigError, match=f"{number} truncated answers are masked and have a rew"):
        mismatch.check_rollouts(masked, logp, ends=(EOS,))
    unscored = masked._replace(reward=np.where(rollouts.truncated, np.nan, 0.0))
    assert mismatch.check_rollouts(unscored, logp, ends=(EOS,)) < 1e-12
    with pytest.raises(ConfigError, match=r"logp must be \(3, 4, 6\) as the answers are"):
        mismatch.check_rollouts(rollouts, logp[..., 1:], ends=(EOS,))


def test_a_wrong_denominator_is_seen_in_the_weights_of_tokens():
    mask = jnp.asarray(sampled()[0].mask)
    whole = lambda losses: jnp.sum(losses * mask) / jnp.sum(mask)  # noqa: E731
    twice = lambda losses: whole(losses) / 2  # noqa: E731

    def by_piece(losses):
        """Each prompt's own mean, and the mean of those."""
        return jnp.mean(jnp.sum(losses * mask, axis=(1, 2)) / jnp.sum(mask, axis=(1, 2)))

    @jax.jit
    def weights(zeros):
        return [jax.grad(loss)(zeros) for loss in (whole, twice, by_piece, jnp.mean)]

    right, halved, pieces, padded = weights(jnp.zeros_like(mask))
    assert mismatch.check_weights(right, mask, "token-mean", T) is None
    for given, words in (
        (halved, "weighs 0.5 of what token-mean says: the sum is divided once too often"),
        (pieces, r"weigh 0\.\d+ to 1\.\d+ of what token-mean says: pieces of the update"),
        (padded, "Tokens that the mask leaves out have a weight"),
    ):
        with pytest.raises(ConfigError, match=words):
            mismatch.check_weights(given, mask, "token-mean", T)
    for how in aggregate.AGGREGATIONS:
        own = aggregate.weights(mask > 0, how, T)
        assert mismatch.check_weights(own, mask, how, T) is None


SOUND = Sampling(pad=0, ends=(EOS,), updates=4, pieces=8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"top_p": 0.95}, "top_p = 0.95, top_k = 0 and min_p = 0 sample from a part of the voc"),
        ({"top_k": 50}, "top_p = 1, top_k = 50 and min_p = 0 sample"),
        ({"min_p": 0.05}, "top_p = 1, top_k = 0 and min_p = 0.05 sample"),
        ({"learning_temperature": 0.7}, "sampled at temperature 1 and learned from at 0.7"),
        ({"pad": EOS}, "Token 2 is padding and ends answers"),
        ({"ratio": False}, "updates must be 1 for a loss without a ratio, got 4"),
        ({"truncated_masked": True}, "left out of the loss and yet scored"),
        ({"divisor": "piece"}, "An update of 8 pieces divides each by its own tokens"),
    ],
)
def test_settings_that_learn_from_something_else_are_refused(change, words):
    mismatch.check(SOUND)
    with pytest.raises(ConfigError, match=words):
        mismatch.check(replace(SOUND, **change))


def test_settings_of_trl_are_read_as_its_trainer_takes_them():
    usual = {
        "temperature": 0.8, "top_p": 1.0, "top_k": 0, "min_p": None, "num_iterations": 2,
        "gradient_accumulation_steps": 4, "steps_per_generation": 8, "loss_type": "dapo",
        "mask_truncated_completions": False,
    }  # fmt: skip
    read = mismatch.of_trl(usual, pad=EOS, ends=(EOS,))
    assert (read.updates, read.pieces, read.temperature) == (4, 4, 0.8)
    mismatch.check(read)  # it masks by length: padding may be an end
    for change, words in (
        ({"top_k": 50}, "top_k = 50"),
        ({"loss_type": "bnpo"}, "An update of 4 pieces"),
        ({"mask_truncated_completions": True}, "left out of the loss and yet scored"),
        ({"generation_kwargs": {"do_sample": False}}, "taken by the likeliest token"),
        ({"generation_kwargs": {"num_beams": 4}}, "Answers are the best of 4 beams"),
    ):
        with pytest.raises(ConfigError, match=words):
            mismatch.check(mismatch.of_trl(usual | change, pad=0, ends=(EOS,)))


def test_settings_that_only_look_so_are_not_refused():
    for fine in (
        {"top_p": 0.9, "same_support": True},
        {"temperature": 0.7},
        {"pad": EOS, "masked_by_pad": False},
        {"updates": 1, "ratio": False},
        {"truncated_masked": True, "truncated_scored": False},
        {"divisor": "constant"},
        {"divisor": "piece", "pieces": 1},
    ):
        mismatch.check(replace(SOUND, **fine))


def test_a_run_whose_learner_scores_otherwise_than_it_samples_is_doubted():
    values, none = np.array([[1e-6, 0.5], [1e-6, 2e-6]]), np.zeros((2, 2))
    said = mismatch.doubt(Report({"mismatch": values}, (), {"mismatch": none + 1}))
    assert said is not None and said.startswith("The learner's log-probabilities are 0.5 nats")
    seldom = np.array([[1.0, 0.0], [1.0, 1.0]])  # demonstrations: nothing was sampled
    assert mismatch.doubt(Report({"mismatch": values}, (), {"mismatch": seldom})) is None
    assert mismatch.doubt(Report({"loss": values})) is None


def test_a_masked_answer_may_have_nan_for_every_token_and_no_number_for_any():
    rollouts, logp = sampled()
    cut = np.asarray(rollouts.truncated)
    mask = np.where(cut[..., None], 0.0, rollouts.mask)
    paid = np.where(mask > 0, 0.0, np.nan)
    masked = rollouts._replace(mask=mask, reward=paid)
    assert mismatch.check_rollouts(masked, logp, ends=(EOS,)) < 1e-12
    paid[cut, -1] = 0.0
    with pytest.raises(ConfigError, match="masked and have a reward"):
        mismatch.check_rollouts(masked._replace(reward=paid), logp, ends=(EOS,))
