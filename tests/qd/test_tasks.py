"""The tasks against their formulas, and what is said of a task that breaks its promise."""

import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.qd.tasks import TASKS, Arm, Rastrigin, Sphere, check, descriptor


def half_sums(x):
    g = np.where(np.abs(x) <= 5.12, x, 5.12 / x)
    return np.stack([g[:, :5].sum(1), g[:, 5:].sum(1)], axis=1)


def test_the_sphere_is_the_published_formula():
    x = np.random.default_rng(0).normal(size=(5, 10)) * 5
    fitness, measures = Sphere(dims=10).evaluate(jnp.asarray(x, jnp.float32))
    expected = 100 * (1 - ((x - 2.048) ** 2).sum(1) / (10 * 7.168**2))
    np.testing.assert_allclose(fitness, expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(measures, half_sums(x), rtol=1e-5, atol=1e-5)
    assert Sphere().tessellation.upper == (256.0, 256.0)


def test_rastrigin_is_the_shifted_formula_between_the_far_corner_and_the_best():
    task = Rastrigin(dims=10)
    x = np.random.default_rng(0).normal(size=(5, 10)) * 5
    x[:2] = [[2.048], [-5.12]]
    fitness, measures = task.evaluate(jnp.asarray(x, jnp.float32))
    z = x - 2.048
    dents = (10 + z**2 - 10 * np.cos(2 * np.pi * z)).sum(1)
    np.testing.assert_allclose(fitness, 100 * (1 - dents / dents[1]), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(fitness[:2], [100, 0], atol=1e-3)
    np.testing.assert_allclose(measures, half_sums(x), rtol=1e-5, atol=1e-5)


def test_the_arm_reaches_its_length_when_straight_and_never_leaves_the_disc():
    arm = Arm(dims=12)
    fitness, hand = arm.evaluate(arm.start[None])
    np.testing.assert_allclose([*fitness, *hand[0]], [1, 1, 0], atol=1e-6)
    x = jnp.asarray(np.random.default_rng(0).uniform(-0.5, 1.5, (500, 12)), jnp.float32)
    fitness, hand = arm.evaluate(x)
    assert (jnp.hypot(hand[:, 0], hand[:, 1]) <= 1).all()
    assert ((fitness >= 0.5) & (fitness <= 1)).all()
    # By hand: the first joint turns a quarter to the left, the second a quarter back.
    _, hand = Arm(dims=2).evaluate(jnp.array([[0.75, 0.25]]))
    np.testing.assert_allclose(hand, [[0.5, 0.5]], atol=1e-6)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_starts_inside_its_map(name):
    task = TASKS[name](dims=4, side=3)
    fitness, descriptors = task.evaluate(task.start[None])
    check(task)
    assert descriptor(task).shape == descriptors.shape[1:]
    assert 0 <= task.tessellation.cell(descriptors)[0] < 9 and fitness[0] >= task.lowest


def test_impossible_tasks_are_refused_in_words():
    for make, words in (
        (lambda: Sphere(dims=5), "dims must be even, got 5"),
        (lambda: Arm(dims=0), "dims must be at least 1, got 0"),
        (lambda: Rastrigin(side=0), "side must be at least 1, got 0"),
    ):
        with pytest.raises(ConfigError, match=words):
            make()
