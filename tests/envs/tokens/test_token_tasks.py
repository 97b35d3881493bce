import functools
import random
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from token_oracles import ORACLES, answers

from cairn.core.errors import ConfigError
from cairn.core.vocabulary import BOS, EOS, PAD, RESERVED, SEP
from cairn.envs.tokens import catalogue
from cairn.envs.tokens.protocol import HELD_OUT, SPLITS, Revising

pytestmark = pytest.mark.slow
EACH, NEAR = 8, 12
"""Problems of a split; answers to each."""
SMALL = {"path": {"nodes": 6, "edges": 8}, "repair": {"nodes": 6, "edges": 9}}


class Made(NamedTuple):
    """Problems of all splits, one behind the other, and what a task says of them. NumPy."""

    problems: tuple
    prompts: tuple
    demonstrations: np.ndarray
    hinted: tuple
    identity: np.ndarray
    answers: list
    verdicts: tuple
    """Of `NEAR` answers to each problem."""
    other: tuple
    """The same with other symbols behind the end of each answer."""


def task_of(name):
    return catalogue.find(name)(**SMALL.get(name, {}))


@functools.cache
def made(name):
    task, root = task_of(name), jax.random.key(5)
    keys = [jax.random.split(jax.random.fold_in(root, place), EACH) for place in range(3)]

    def show(problem, key):
        shown = task.prompt(problem), task.demonstration(problem, key), task.hinted(problem, key)
        return problem, *shown, task.identity(problem)

    @jax.jit
    def draw():
        rows = [
            jax.vmap(lambda k, s=s: task.problem(k, s))(k)
            for k, s in zip(keys, SPLITS, strict=True)
        ]
        problems = jax.tree.map(lambda *parts: jnp.concatenate(parts), *rows)
        return jax.vmap(show)(problems, jnp.concatenate(keys))

    problems, prompts, demonstrations, hinted, identity = draw()
    chance = random.Random(0)
    near = [answers(task, row, chance, NEAR) for row in np.asarray(demonstrations)]
    room = task.answer_length + 2
    table = np.full((3 * EACH, NEAR, room), PAD, np.int32)
    length = np.zeros((3 * EACH, NEAR), np.int32)
    for place, rows in enumerate(near):
        for other, row in enumerate(rows):
            length[place, other] = min(len(row), room)
            table[place, other, : len(row)] = row[:room]
    judge = jax.jit(jax.vmap(jax.vmap(task.verify, (None, 0, 0))))
    verdicts = judge(problems, table, length)
    behind = np.arange(room) >= length[..., None]
    other = judge(problems, np.where(behind, np.int32(EOS), table), length)
    near = [[row[:room] for row in rows] for rows in near]
    everything = problems, prompts, demonstrations, hinted, identity
    return Made(
        *jax.tree.map(np.asarray, everything), near, *jax.tree.map(np.asarray, (verdicts, other))
    )


ALL = pytest.mark.parametrize("name", catalogue.TASKS)


@ALL
def test_prompts_stand_at_the_right_and_no_two_splits_share_one(name):
    task, (_, prompts, _, hinted, identity, *_) = task_of(name), made(name)
    assert task.symbols[:4] == RESERVED and len(set(task.symbols)) == len(task.symbols)
    for ids, length in [*zip(*prompts, strict=True), *zip(*hinted, strict=True)]:
        assert (ids[: len(ids) - length] == PAD).all() and (ids[-length:] != PAD).all()
        assert ids[-length] == BOS and ids[-1] == SEP and ids.max() < len(task.symbols)
    assert prompts.ids.shape[1] == task.prompt_length
    assert hinted.ids.shape[1] == task.hinted_length
    told = [{row.tobytes() for row in prompts.ids[at : at + EACH]} for at in (0, EACH, 2 * EACH)]
    assert not (told[0] & told[1] or told[0] & told[2] or told[1] & told[2])
    assert all(len(rows) > EACH / 2 for rows in told)
    held_out = identity % HELD_OUT == 0
    assert not held_out[:EACH].any() and held_out[EACH : 2 * EACH].all()


@ALL
def test_demonstrations_are_right_and_an_answer_needs_its_end(name):
    task, all_of_it = task_of(name), made(name)
    for row in all_of_it.demonstrations:
        length = (row != PAD).sum()
        assert (
            row[length - 1] == EOS and (row[length:] == PAD).all() and row.max() < len(task.symbols)
        )
    verdicts = all_of_it.verdicts  # the first answer is the demonstration, the second lacks its end
    assert verdicts.right[:, 0].all()
    if isinstance(task, Revising):
        standing = jax.jit(jax.vmap(task.standing))(all_of_it.problems)
        assert (verdicts.quality[:, 0] > standing).mean() > 0.8
        assert (verdicts.quality[:, 0] >= standing).all()
    else:
        assert verdicts.correct[:, 0].all()
    assert not verdicts.correct[:, 1].any() and (verdicts.quality[:, 1] < 1).all()


@ALL
def test_what_stands_behind_an_answer_is_not_looked_at(name):
    _, _, _, _, _, near, verdicts, other = made(name)
    for one, two in zip(verdicts[:3], other[:3], strict=True):
        np.testing.assert_array_equal(one, two)
    for place, rows in enumerate(near):
        for number, row in enumerate(rows):
            for one, two in ((verdicts.step, other.step), (verdicts.right, other.right)):
                assert (one[place, number, : len(row)] == two[place, number, : len(row)]).all()
                assert (np.diff(verdicts.step[place, number, : len(row)]) >= 0).all()


@pytest.mark.parametrize("name", ORACLES)
def test_verdicts_are_those_of_plain_python(name):
    task, (problems, _, _, _, _, near, verdicts, _) = task_of(name), made(name)
    correct = 0
    for place, rows in enumerate(near):
        problem = type(problems)(*(leaf[place] for leaf in problems))
        for number, row in enumerate(rows):
            words = [task.symbols[one] for one in row]
            quality, right = ORACLES[name](task, problem, words)
            said = verdicts.quality[place, number], verdicts.correct[place, number]
            assert said[0] == pytest.approx(quality) and said[1] == (quality == 1), (problem, words)
            assert verdicts.right[place, number, : len(row)].tolist() == right, (problem, words)
            correct += quality == 1
    assert 0 < correct < 3 * EACH * NEAR / 2  # neither all of it nor nothing


@ALL
def test_any_number_of_tokens_gets_a_verdict(name):
    task = task_of(name)
    form = jax.eval_shape(lambda: task.draw(jax.random.key(0), False))
    for number in (1, 2, task.answer_length - 1, task.answer_length + 5):
        tokens = jax.ShapeDtypeStruct((number,), jnp.int32)
        verdict = jax.eval_shape(task.verify, form, tokens, jax.ShapeDtypeStruct((), jnp.int32))
        assert verdict.step.shape == verdict.right.shape == (number,)


def test_what_is_no_task_of_symbols_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"Unknown task of symbols 'cuntdown'.*'countdown'"):
        catalogue.find("cuntdown")
    with pytest.raises(ConfigError, match=r"expected a class that extends .*TokenTask"):
        catalogue.find("cairn.envs.cartpole:CartPole")
