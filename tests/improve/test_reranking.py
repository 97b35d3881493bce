"""Figures of many answers, worked out by hand; who was never told of a condition sees none."""

import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.rollouts import Rollouts
from cairn.core.vocabulary import SEP
from cairn.improve import conditioned, parts, reranking
from cairn.improve.config import Config
from cairn.improve.parts import Played

CORRECT = np.array([[True, False, False, False], [False, True, False, True]])
SCORE = np.array([[3.0, 4.0, 2.0, 1.0], [1.0, 4.0, 3.0, 2.0]], np.float32)
"""The best of the first prompt is a wrong one that is liked, that of the second is right."""


def found() -> reranking.Candidates:
    shape = (2, 4, 2)
    tokens = np.array(
        [[[5, 2], [6, 2], [6, 2], [7, 2]], [[5, 2], [6, 2], [7, 2], [6, 2]]], np.int32
    )
    rollouts = Rollouts(
        prompt=np.array([[0, 1, 3, 9]] * 2, np.int32),
        prompt_len=np.array([3, 3], np.int32),
        tok=tokens,
        mask=np.ones(shape, np.float32),
        logp_b=np.full(shape, -1.0, np.float32),
        reward=CORRECT.astype(np.float32),
        quality=CORRECT.astype(np.float32),
        seg=np.zeros(shape, np.int32),
        truncated=np.zeros((2, 4), bool),
        node=np.zeros(2, np.int32),
    )
    names = tokens[..., 0].astype(np.uint32)
    played = Played(rollouts, None, CORRECT, names, np.ones(shape, bool), np.int32(16))
    start = np.full(shape, -1.0, np.float32)
    return reranking.Candidates(played, start, SCORE, np.array([False, True]))


def test_one_lot_of_answers_tells_what_each_way_to_choose_among_them_is_worth():
    told = reranking.described(found(), vocabulary=10)
    assert told["greedy"] == 0.5 and told["pass@1"] == 3 / 8 and told["pass@4"] == 1
    assert told["majority@4"] == 0.5, "6 is said twice in both rows, and is right in the second"
    assert told["rerank@4"] == 0.5 and told["proxy@4"] == 4
    # Of the six pairs of answers to the first prompt a right one is chosen from two, of those to
    # the second from four: all that have its second answer, and the first with the fourth.
    assert told["rerank@2"] == pytest.approx((2 / 6 + 4 / 6) / 2)
    assert told["proxy@1"] == pytest.approx(2.5) and told["kl_to_start"] == 0


def test_an_answer_without_an_end_is_chosen_by_nobody():
    some = found()
    endless = np.array([[False, True, False, False], [False, False, False, False]])
    rollouts = some.played.rollouts._replace(truncated=endless)
    told = reranking.described(some._replace(played=some.played._replace(rollouts=rollouts)), 10)
    assert told["rerank@4"] == 1 and told["proxy@4"] == 3.5


def test_choosing_the_best_of_n_moves_this_far_from_who_wrote_them():
    assert reranking.best_of_n_divergence(1) == 0
    assert reranking.best_of_n_divergence(4) == pytest.approx(0.6363, abs=1e-4)


def test_who_was_never_told_how_good_an_answer_will_be_reads_the_prompt_without_it():
    rollouts = found().played.rollouts
    rollouts = rollouts._replace(prompt=jnp.asarray(rollouts.prompt))
    plain = parts.unconditioned(conditioned.Config(), rollouts)
    assert (plain.prompt[:, :-1] == rollouts.prompt[:, :-1]).all()
    assert (plain.prompt[:, -1] == SEP).all() and plain.prompt_len is rollouts.prompt_len
    assert parts.unconditioned(Config(), rollouts) is rollouts
