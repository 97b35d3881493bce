"""Beginnings, drafts and what is known of them: places in token rows, against plain readings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.envs.tokens.protocol import Prompt
from cairn.improve import drafts, reward_model, steps
from cairn.improve.cloning import written
from cairn.improve.parts import Played
from cairn.improve.sorm import cuts, labels

TOK = jnp.array([[[5, 6, 7, 2, 0], [5, 5, 2, 0, 0]]])
"""Two answers to one prompt, 4 and 3 tokens long, in steps of two tokens."""
SEG = jnp.array([[[0, 0, 1, 1, 2], [0, 0, 1, 1, 2]]])


@pytest.fixture(scope="module")
def found():
    @jax.jit
    def everything():
        prompt = Prompt(jnp.array([[0, 1, 9, 3]]), jnp.array([3]))
        rollouts = written(prompt.ids, prompt.length, TOK, (TOK > 0).astype(jnp.float32))
        rollouts = rollouts._replace(seg=SEG)
        correct = jnp.array([[False, True]])
        none = jnp.zeros((1, 2), jnp.uint32)
        played = Played(rollouts, None, correct, none, TOK > 0, jnp.int32(7))
        length = rollouts.length.astype(jnp.int32)
        luck = jnp.array([[0.1, 0.99]])
        cut = cuts(played, luck)
        ends = steps.ends(SEG, length)
        rest = jnp.array([[[8, 2, 0, 0, 0], [8, 8, 8, 8, 2]]])
        mask = (rest > 0).astype(jnp.float32)
        hopeful, at = labels(played, jnp.array([[2, 2]]), jnp.array([[True, False]]))
        hopeless, where = labels(played, jnp.array([[2, 2]]), jnp.array([[False, False]]))
        score = jnp.array([0.1, 0.4, 0.4, 0.8, 9.0])
        label = jnp.array([False, True, False, True, True])
        return {
            "ends": ends,
            "first": steps.first(jnp.array([[False, True, True], [False, False, False]])),
            "cut": cut,
            "extended": drafts.extended(prompt, TOK[:, 0], jnp.arange(5)[None] < 2),
            "whole": drafts.whole(TOK[0, :1], jnp.array([2]), rest, mask),
            "hopeful": (hopeful, at),
            "hopeless": (hopeless, where),
            "auroc": reward_model.ranked(score, label, jnp.array([True] * 4 + [False])),
            "last": reward_model.last(jnp.arange(10.0).reshape(1, 2, 5), rollouts),
            "even": drafts.balanced(TOK == 5, rollouts.mask > 0),
        }

    return jax.device_get(everything())


def test_steps_end_where_the_next_begins_or_the_answer_ends(found):
    assert found["ends"].astype(int).tolist() == [[[0, 1, 0, 1, 0], [0, 1, 1, 0, 0]]]
    assert found["first"].tolist() == [1, 3]
    assert found["cut"].tolist() == [[2, 3]], "a cut takes whole steps"


def test_a_beginning_stands_behind_its_prompt_and_goes_on_where_it_was_cut(found):
    assert found["extended"].ids.tolist() == [[0] * 4 + [1, 9, 3, 5, 6]]
    assert found["extended"].length.tolist() == [5]
    tokens, length = found["whole"]
    assert tokens.tolist() == [[[5, 6, 8, 2, 0], [5, 6, 8, 8, 8]]]
    assert length.tolist() == [[4, 5]], "too long an answer loses its end"


def test_labels_are_monotone_and_known_only_where_something_was_seen(found):
    label, known = found["hopeful"]
    assert known[0, 0].astype(int).tolist() == [1, 1, 0, 1, 0]
    assert label[0, 0].astype(int).tolist()[:2] == [1, 1] and not label[0, 0, 3]
    label, known = found["hopeless"]
    assert known[0, 0].astype(int).tolist() == [0, 1, 1, 1, 0] and not label[0, 0, 1:4].any()
    assert known[0, 1].astype(int).tolist() == [1, 1, 1, 0, 0] and label[0, 1, :3].all()


def test_scores_are_read_at_the_last_token_and_ranked_with_ties_as_halves(found):
    assert found["last"].tolist() == [[3, 7]]
    np.testing.assert_allclose(found["auroc"], (1.5 + 2) / 4)


def test_at_each_place_right_and_wrong_weigh_the_same(found):
    np.testing.assert_allclose(found["even"][0, :, 1], [1, 1])
    np.testing.assert_allclose(found["even"][0, :, 2], [0.5, 0.5])
    assert found["even"][0, 1, 3] == 0
