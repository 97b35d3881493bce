"""What a model of rewards says of steps becomes what is paid and kept, and what it cannot say."""

import dataclasses
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import house
from cairn.core.errors import ConfigError
from cairn.core.vocabulary import SEP
from cairn.engine.program import Report
from cairn.improve import (
    cloning,
    conditioned,
    learning,
    parts,
    reward_model,
    reward_training,
    rounds,
    select,
    steps,
)
from cairn.improve.config import GOOD
from cairn.improve.config import Config as Shared
from cairn.improve.method import begun, bind, unpaid
from cairn.improve.parts import Played
from cairn.runs.presets import experiment

SEG = jnp.array([[[0, 0, 1, 1, 2], [0, 1, 1, 1, 1]]])
"""Answers of 5 and 3 tokens: steps end at 1, 3, 4 and at 0, 2."""
CHANCE = jnp.array([[[0.9, 0.8, 0.1, 0.6, 0.7], [0.4, 0.1, 0.9, 0.0, 0.0]]])


@pytest.fixture(scope="module")
def found():
    @jax.jit
    def everything():
        at = steps.ends(SEG, jnp.array([[5, 3]]))
        return (
            at,
            steps.progress(CHANCE, at),
            steps.least(CHANCE, at),
            steps.least(CHANCE, jnp.zeros_like(at)),
        )

    return jax.device_get(everything())


def test_a_step_is_paid_its_progress_at_its_last_token_and_all_of_them_sum_to_the_end(found):
    at, paid, _, _ = found
    np.testing.assert_allclose(paid, [[[0, 0.8, 0, -0.2, 0.1], [0.4, 0, 0.5, 0, 0]]], atol=1e-6)
    np.testing.assert_allclose(paid.sum(-1), [[0.7, 0.9]], atol=1e-6)
    assert (paid[~at] == 0).all()


def test_an_answer_is_as_good_as_its_least_step_and_one_without_any_is_worth_nothing(found):
    _, _, least, none = found
    np.testing.assert_allclose(least, [[0.6, 0.4]], atol=1e-6)
    assert none.tolist() == [[0, 0]]


def test_the_best_of_equals_is_no_better_than_the_worst():
    reward = jnp.array([[-2.0, -1.0, jnp.nan], [3.0, 3.0, 3.0]])
    assert select.above_least(reward).tolist() == [[False, True, False], [False] * 3]


def test_a_score_by_comparison_that_is_negative_still_chooses_whom_to_imitate():
    made = experiment(
        "addition", method="expert-iteration", reward="model",
        **house.settings("expert-iteration", "addition"),
    )  # fmt: skip
    config = made.setup(None).sections["algorithm"]
    shape = (1, 2, 3)
    rollouts = parts.Rollouts(
        *(jnp.zeros((1, 2), jnp.int32), jnp.zeros(1, jnp.int32), jnp.zeros(shape, jnp.int32)),
        *(jnp.ones(shape), jnp.zeros(shape), jnp.array([[-3.0, -2.0]]), jnp.zeros((1, 2))),
        *(jnp.zeros(shape, jnp.int32), jnp.zeros((1, 2), bool), jnp.zeros(1, jnp.int32)),
    )
    wrong, names = jnp.zeros((1, 2), bool), jnp.arange(2, dtype=jnp.uint32)[None]
    played = Played(rollouts, None, wrong, names, jnp.zeros(shape, bool), jnp.int32(6))
    assert rounds.keep(_problem(made), config, played).tolist() == [[False, True]]


def test_a_model_of_rewards_that_nobody_trained_says_nothing_and_the_run_says_so():
    made = experiment(
        "addition", method="ppo", reward="steps", reward_model_loss="segments",
        **house.settings("ppo", "addition"),
    )  # fmt: skip
    config = made.setup(None).sections["algorithm"]
    reward = np.zeros((2, 3))
    silent = Report({"reward": reward}, weights={"reward": np.ones((2, 3))})
    assert "--init-from" in (unpaid(config, silent) or "")
    assert unpaid(config, silent._replace(weights={"reward": reward})) is None
    assert unpaid(config, silent._replace(metrics={"reward": reward + 0.1})) is None
    with pytest.raises(ConfigError, match="expected reward_model_loss outcome or segments"):
        experiment(
            "addition", method="ppo", reward="steps", reward_model_loss="bradley-terry",
            **house.settings("ppo", "addition"),
        )  # fmt: skip


@pytest.mark.slow
def test_what_a_step_is_paid_reaches_the_learner_and_the_judge_is_handed_on():
    made = experiment("addition", method="ppo", reward="steps", **house.settings("ppo", "addition"))
    program, config = made.program, made.setup(None).sections["algorithm"]

    @jax.jit
    def one():
        state = program.init(jax.random.key(0))
        blank = parts.rewarded(config, state, parts.play(_problem(made), config, state))
        weight = jnp.ones_like(state.reward_model.params.weight)
        state = eqx.tree_at(lambda s: s.reward_model.params.weight, state, weight)
        played = parts.play(_problem(made), config, state)
        said = jax.nn.sigmoid(reward_model.readings(state.reward_model.params, played.rollouts))
        end = reward_model.last(said, played.rollouts)
        end = jnp.where(played.rollouts.truncated, 0.0, end)
        return blank.rollouts.reward, played, end, program.models(state)["reward_model"].weight

    blank, played, end, handed = jax.device_get(one())
    assert np.isnan(blank).all() and (handed == 1).all()
    np.testing.assert_allclose(played.paid.sum(-1), end, atol=1e-5)
    assert (played.rollouts.reward <= end + 1e-6).all()


def _problem(made):
    from cairn.improve.method import bind

    return bind(made.setup(None))[0]


@pytest.mark.slow
@pytest.mark.parametrize(("demonstrations", "told"), [(0, False), (1, True)])
def test_a_start_is_asked_for_good_answers_if_it_can_know_what_that_means(
    monkeypatch, demonstrations, told
):
    chosen = house.settings("conditioned", "addition") | {"sft_steps": demonstrations}
    made = experiment("addition", method="conditioned", **chosen)
    problem, config = bind(made.setup(None))
    state = made.program.init(jax.random.key(0))
    student = jax.tree.map(lambda leaf: leaf + 1, state.student.model)
    state = eqx.tree_at(lambda s: s.student.model, state, student)
    asked = []

    def answer(problem, config, model, problems, prompt, key):
        asked.append((model, prompt))
        shape = (config.prompts, config.group, problem.task.answer_length)
        tokens, mask = jnp.zeros(shape, jnp.int32), jnp.ones(shape)
        rollouts = cloning.written(prompt.ids, prompt.length, tokens, mask)
        nothing = jnp.zeros(shape[:2], bool)
        names = nothing.astype(jnp.uint32)
        return Played(rollouts, problems, nothing, names, jnp.zeros(shape, bool), jnp.int32(0))

    monkeypatch.setattr(parts, "answer", answer)
    played = conditioned.play(problem, config, state)
    (model, prompt), good = asked[0], len(problem.task.symbols) + GOOD
    assert (np.asarray(prompt.ids[:, -1]) == (good if told else SEP)).all()
    assert (np.asarray(played.rollouts.prompt_len) == np.asarray(prompt.length)).all()
    assert (np.asarray(model.embed) == np.asarray(state.start.embed)).all()


@pytest.mark.parametrize("method", ["sft", "crlft"])
def test_data_are_paid_by_nobody(method):
    chosen = house.settings(method, "addition") | {"reward": "model"}
    with pytest.raises(ConfigError, match=r"reward = model pays .* expected reward correct"):
        experiment("addition", method=method, **chosen)


def test_signs_that_a_start_has_never_seen_begin_as_what_they_stand_for():
    made = experiment("addition", method="conditioned", **house.settings("conditioned", "addition"))
    problem, config = bind(made.setup(None))
    state = made.program.init(jax.random.key(0))
    signs = len(problem.task.symbols)
    first = begun(problem, config, state).student.model.embed
    assert (np.asarray(first[signs:]) == np.asarray(first[SEP])).all()
    assert (np.asarray(first[:signs]) == np.asarray(state.student.model.embed[:signs])).all()
    later = eqx.tree_at(lambda s: s.cycle, state, jnp.int32(3))
    kept = begun(problem, config, later).student.model.embed
    assert (np.asarray(kept) == np.asarray(state.student.model.embed)).all()


def test_signs_are_known_to_whoever_starts_from_a_run_that_told_them():
    told, plain = (
        experiment("addition", method=name, **house.settings(name, "addition")).sections[
            "algorithm"
        ]
        for name in ("conditioned", "grpo")
    )
    assert told.unknown and dataclasses.replace(told, **told.follows(plain)).unknown
    assert not dataclasses.replace(told, **told.follows(told)).unknown
    said = dataclasses.replace(told, signs="new")
    assert said.follows(told) == {} and plain.follows(told) == {}


def test_several_updates_on_the_same_answers_go_further_down_the_same_loss():
    def loss(student):
        return jnp.sum((student.weight - 1.0) ** 2)

    student = reward_model.RewardModel(None, jnp.zeros(2), jnp.zeros(()), jnp.zeros(()))
    trainee = reward_model.TrainState(student, learning.adam().init(student))
    weights = []
    for epochs in (1, 4):
        config = Shared(reward_model_epochs=epochs)
        after, value = jax.jit(partial(reward_training.descended, config, loss=loss))(trainee)
        assert value == 2.0, "what it was before the first"
        weights.append(float(after.params.weight[0]))
    assert weights[0] == pytest.approx(1e-3, rel=1e-3) and weights[1] > 3 * weights[0]
