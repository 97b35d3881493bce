"""Every estimator and loss of the wing against numbers worked out by hand, in one compiled call."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.improve import credit, objectives, pair_losses, select, shaping
from cairn.improve.aggregate import AGGREGATIONS, weights

NAN = float("nan")
REWARD = jnp.array([[1.0, 0.0, 0.0, 0.0], [1.0, NAN, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5]])
WIDTH = np.nanstd([1, 0, 0, 0, 1, 0, 0, 0.5, 0.5, 0.5, 0.5], ddof=1)
"""Deviation of all of them together."""
MASK = jnp.array([[[1, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]]], bool)
"""Lengths 3, 1, 0 and 2: the third sampled nothing."""
OLD = jnp.array([-1.0, -1.0, -1.0, -1.0])
NEW = jnp.array([-0.5, -1.5, -0.5, -3.0])
SIGN = jnp.array([1.0, -1.0, -1.0, -1.0])
STEPS = jnp.array([True, False, True, True])


@pytest.fixture(scope="module")
def golden():
    @jax.jit
    def everything():
        given = lambda name, **more: credit.advantages(REWARD, name, **more)  # noqa: E731
        pair = jnp.array([[-0.5, -1.0]])
        zero = jnp.zeros((1, 2))
        scores, reference = jnp.array([[2.0, 0.0]]), zero
        aggregated = {how: weights(MASK, how, 4) for how in AGGREGATIONS}
        plain = objectives.clipped(NEW, OLD, SIGN, low=0.2, high=0.28)
        dual = objectives.clipped(jnp.array([1.0]), OLD[:1], SIGN[1:2], dual=2.0)
        return {
            "grpo": given("standardised"),
            "grpo0": given("standardised", ddof=0, epsilon=0.0),
            "rloo": given("leave-one-out"),
            "maxrl": given("max-likelihood"),
            "centred": given("centred"),
            "none": given("none"),
            "batch": given("batch-scaled", epsilon=0.0),
            "best": given("best-of-group"),
            "spread": credit.spread(REWARD),
            "overlong": shaping.overlong(jnp.array([79, 80, 90, 100, 130]), 100, 20),
            "right": shaping.cosine(jnp.array([0, 50, 100]), 100, short=2.0, long=1.0),
            "wrong": shaping.cosine(jnp.array(50), 100, short=-10.0, long=0.0),
            "again": shaping.repetition(jnp.full(7, 5), jnp.array(5), 2, -1.0),
            "short": shaping.repetition(jnp.full(7, 5), jnp.array(1), 2, -1.0),
            "k": jnp.stack([objectives.kl(zero[0], zero[0] + 0.5, k) for k in ("k1", "k2", "k3")]),
            "dpo": pair_losses.dpo(scores, reference, beta=0.1),
            "smooth": pair_losses.dpo(scores, reference, beta=0.1, smoothing=0.25),
            "ipo": pair_losses.ipo(scores, reference, beta=0.5),
            "z": pair_losses.odds(pair),
            "orpo": pair_losses.orpo(pair, weight=1.0),
            "bt": pair_losses.bradley_terry(scores),
            "log1mexp": pair_losses.log1mexp(jnp.array([-1e-4, -0.5, -1.0, -30.0])),
            "rise": select.exponential(jnp.array([[1.0, 0.0]]), 0.4),
            "weights": aggregated,
            "clipped": plain.loss,
            "lost": plain.clipped,
            "dual": dual.loss,
            "cispo": objectives.cispo(jnp.array([2.0]), OLD[:1], SIGN[:1], most=5.0),
            "value": objectives.value(jnp.array([1.0]), jnp.zeros(1), jnp.full(1, 0.5), clip=0.2),
            "gae": credit.gae(
                jnp.array([0.0, 9.0, 0.0, 1.0]), jnp.array([0.5, 9.0, 0.25, 0.5]), STEPS, lam=0.5
            ),
            "white": credit.whitened(jnp.array([1.0, 9.0, 3.0, 5.0]), STEPS),
            "last": credit.at_last(jnp.array([[1.0, 2.0, 3.0, NAN]]), MASK),
            "sequence": objectives.sequence_ratio(
                jnp.array([[[-1.0, -2.0, -3.0]]]), jnp.zeros((1, 1, 3)), MASK[:, 3:]
            ),
        }

    return jax.device_get(everything())


def near(found, wanted, atol=1e-4):
    np.testing.assert_allclose(found, wanted, atol=atol)


def test_credit_is_the_sheets(golden):
    near(golden["grpo"][0], [1.4997, -0.4999, -0.4999, -0.4999])
    near(golden["grpo0"][0], [1.7321, -0.5774, -0.5774, -0.5774])
    near(golden["rloo"][0], [1, -1 / 3, -1 / 3, -1 / 3])
    near(golden["maxrl"][0], [3, -1, -1, -1])
    near(golden["centred"][0], [0.75, -0.25, -0.25, -0.25])
    near(golden["best"][:2], [[1, 0, 0, 0], [1, 0, 0, 0]])
    near(golden["none"][1], [1, 0, 0, 0])
    near(golden["batch"][0], [0.75 / WIDTH, -0.25 / WIDTH, -0.25 / WIDTH, -0.25 / WIDTH])


def test_what_cannot_be_scored_is_in_no_mean_and_gets_no_credit(golden):
    near(golden["centred"][1], [2 / 3, 0, -1 / 3, -1 / 3])
    near(golden["rloo"][1], [1, 0, -0.5, -0.5])
    assert all(golden[name][1][1] == 0 for name in ("grpo", "maxrl", "none", "batch", "best"))


def test_equal_rewards_leave_nothing_to_learn(golden):
    for name in ("grpo", "rloo", "maxrl", "centred", "best"):
        assert (golden[name][2] == 0).all()
    near(golden["spread"], [0.25, 1 / 3, 0])


def test_shaped_rewards_are_the_sheets_and_an_answer_without_n_grams_repeats_nothing(golden):
    near(golden["overlong"], [0, 0, -0.5, -1, -1])
    near(golden["right"], [2, 1.5, 1])
    near(golden["wrong"], -5)
    near(golden["again"], -0.75)
    assert golden["short"] == 0


def test_divergences_and_preferences_are_the_sheets(golden):
    near(golden["k"][:, 0], [-0.5, 0.125, 0.14872])
    near(golden["dpo"][0, 0, 1], 0.59814)
    near(golden["smooth"][0, 0, 1], 0.75 * 0.59814 + 0.25 * 0.79814)
    near(golden["ipo"][0, 0, 1], (2 - 1) ** 2)
    near(golden["z"][0, 0, 1], 0.97408)
    near(golden["orpo"][0, 0, 1] - 0.5, 0.32030)
    near(golden["bt"][0, 0, 1], np.log1p(np.exp(-2.0)))
    near(golden["log1mexp"], [np.log(-np.expm1(-1e-4)), -0.932752, -0.458675, 0], atol=1e-3)
    near(golden["rise"], [[12.1825, 1]])


def test_a_loss_is_aggregated_as_its_name_says(golden):
    loss = np.arange(1.0, 13).reshape(1, 4, 3)
    found = {how: float((w * loss).sum()) for how, w in golden["weights"].items()}
    rows = [[1, 2, 3], [4], [10, 11]]
    near(found["token-mean"], sum(map(sum, rows)) / 6)
    near(found["seq-mean-token-mean"], sum(sum(row) / len(row) for row in rows) / 3)
    near(found["seq-mean-token-sum"], sum(map(sum, rows)) / 3)
    near(found["seq-mean-token-sum-norm"], sum(map(sum, rows)) / 3 / 4)


def test_the_clip_takes_the_gradient_from_what_moved_too_far_the_right_way(golden):
    near(golden["clipped"], [-1.28, 0.8, np.exp(0.5), 0.8])
    assert golden["lost"].tolist() == [True, True, False, True]
    near(golden["dual"], 2.0)
    near(golden["cispo"], -5.0 * 2.0)
    near(golden["value"], 0.5 * max(0.5**2, 0.3**2))


def test_advantages_pass_over_what_the_policy_did_not_sample(golden):
    d = [0 + 0.25 - 0.5, 0 + 0.5 - 0.25, 1 - 0.5]
    near(golden["gae"], [d[0] + 0.5 * d[1] + 0.25 * d[2], 0, d[1] + 0.5 * d[2], d[2]])
    near(golden["white"], np.array([-1, 0, 0, 1]) * np.sqrt(1.5))
    near(golden["last"][0], [[0, 0, 1], [2, 0, 0], [0, 0, 0], [0, 0, 0]])


def test_every_token_of_an_answer_has_the_answers_own_ratio(golden):
    near(golden["sequence"][0, 0, :2], [-1.5, -1.5])


@functools.cache
def logits():
    return jnp.asarray(np.random.default_rng(0).normal(size=(5,)), jnp.float32)


def test_the_gradient_of_dr_grpo_is_that_of_rloo_by_a_constant():
    """Σ_i (r_i - μ) ∇s_i / (G T): no answer's length and no group's deviation is in it."""
    tokens = jnp.array([[[0, 1, 2], [3, 0, 0], [2, 2, 0], [4, 1, 0]]])

    def loss(theta, how, aggregation):
        log_prob = jax.nn.log_softmax(theta)[tokens]
        old = jax.lax.stop_gradient(log_prob)
        each = credit.per_token(credit.advantages(REWARD[:1], how), MASK)
        found = objectives.clipped(log_prob, old, each).loss
        return jnp.sum(weights(MASK, aggregation, 4) * found)

    @jax.jit
    def both(theta):
        dr = jax.grad(loss)(theta, "centred", "seq-mean-token-sum-norm")
        rloo = jax.grad(loss)(theta, "leave-one-out", "seq-mean-token-sum")
        grpo = jax.grad(loss)(theta, "standardised", "seq-mean-token-mean")
        return dr, rloo, grpo

    dr, rloo, grpo = map(np.asarray, both(logits()))
    np.testing.assert_allclose(dr * 4, rloo * 3 / 4, atol=1e-6)
    cosine = dr @ grpo / np.linalg.norm(dr) / np.linalg.norm(grpo)
    assert cosine < 0.999, "GRPO weighs answers by their length"


def test_copg_reaches_the_exact_optimum_of_a_bandit_from_anybodys_samples():
    """Three arms, r = (1, ½, 0), β = ½, uniform reference, and samples that hardly try the best."""
    reward, beta = jnp.array([1.0, 0.5, 0.0]), 0.5
    behaviour = jnp.log(jnp.array([0.1, 0.2, 0.7]))

    def climb(credit_of):
        def step(theta, key):
            arms = jax.random.categorical(key, behaviour, shape=(16, 8))

            def loss(theta):
                score = jax.nn.log_softmax(theta)[arms]
                reference = jnp.full(arms.shape, -jnp.log(3.0))
                given = jax.lax.stop_gradient(credit_of(score, reference, reward[arms]))
                return -jnp.mean(given * score)

            return theta - 0.3 * jax.grad(loss)(theta), None

        keys = jax.random.split(jax.random.key(0), 1500)
        return jax.nn.softmax(jax.lax.scan(step, jnp.zeros(3), keys)[0])

    @jax.jit
    def found():
        copg = climb(lambda s, ref, r: pair_losses.copg_credit(s, ref, r, beta=beta))
        plain = climb(lambda s, ref, r: credit.advantages(r - beta * (s - ref), "none"))
        return copg, plain

    copg, plain = found()
    near(copg, [0.6652, 0.2447, 0.0900], atol=0.02)
    assert abs(float(plain[0]) - 0.6652) > 0.1, "without the baseline samples pull it to themselves"


def test_the_credit_of_copg_has_the_gradient_of_its_loss():
    score = jnp.array([[-1.0, -2.5, -0.3, -4.0]])
    reference = jnp.array([[-1.5, -2.0, -1.0, -3.0]])

    @jax.jit
    def both(s):
        loss = jax.grad(lambda s: pair_losses.copg(s, reference, REWARD[1:2], beta=0.3))(s)
        given = pair_losses.copg_credit(s, reference, REWARD[1:2], beta=0.3)
        return loss, -given / 3 * 2 * 0.3

    loss, surrogate = both(score)
    near(loss, surrogate, atol=1e-6)
    assert loss[0, 1] == 0, "nobody knows what the second is worth"


@pytest.fixture(scope="module")
def chosen():
    @jax.jit
    def everything():
        reward = jnp.array([[0.0, 1.0, 1.0, NAN], [0.3, 0.3, 0.3, 0.3], [NAN] * 4])
        canonical = jnp.array([[7, 5, 5, 5], [1, 1, 2, 1], [1, 2, 3, 4]], jnp.uint32)
        kept = jnp.array([[0, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 1]], bool)
        return {
            "distinct": select.distinct(kept, canonical),
            "capped": select.capped(kept, 2),
            "all": select.capped(kept, 0),
            "best": select.best(reward),
            "unequal": select.unequal(reward),
            "pairs": select.pairs(reward, "all"),
            "pair": select.pairs(reward, "best-worst"),
        }

    return jax.device_get(everything())


def test_the_same_solution_twice_is_kept_once_and_the_unkept_hide_nobody(chosen):
    assert chosen["distinct"].astype(int).tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]]
    assert chosen["capped"].sum(axis=1).tolist() == [2, 2, 1]
    assert chosen["all"].sum(axis=1).tolist() == [3, 4, 1]


def test_the_best_is_one_answer_or_nobody(chosen):
    assert chosen["best"].astype(int).tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert chosen["unequal"].tolist() == [True, False, False]


def test_pairs_are_of_strictly_better_answers_and_weigh_one_a_prompt(chosen):
    wanted = np.zeros((3, 4, 4))
    wanted[0, 1, 0] = wanted[0, 2, 0] = 0.5
    assert (chosen["pairs"] == wanted).all()
    wanted[0, 1, 0], wanted[0, 2, 0] = 1, 0
    assert (chosen["pair"] == wanted).all()
