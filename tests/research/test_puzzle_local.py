"""The local transformer as judge: what it reads, what it learns, what it says."""

import asyncio
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.research.puzzles import lfs
from cairn.research.puzzles.kinds import game_of, puzzles
from cairn.research.puzzles.local_judge import (
    WORDS,
    Config,
    LocalJudge,
    accuracy,
    labelled,
    learn,
    written,
)
from cairn.research.puzzles.play import play

SMALL = Config(steps=60, batch=64, width=16, layers=1, heads=2, learning_rate=1e-2)


def test_a_state_is_written_with_its_target_at_the_right_end():
    game = game_of({"numbers": [3, 14, 5], "target": 22})
    texts = written(game, [(3, 5, 14), (42, 99999999, 99999999999, 99999999999)])
    assert WORDS.decode(texts.tokens[0].tolist()) == "3,5,14=22?" and texts.lengths[0] == 10
    assert WORDS.decode(texts.tokens[1].tolist()).endswith("99=22?")  # cut at its beginning


def test_labels_are_the_solvers_and_half_of_them_yes():
    found = puzzles("countdown-3", 4, split="train")
    states = labelled(found, Random(0), 60)
    assert states.solvable.sum() == 30
    games = {game_of(puzzle).target: game_of(puzzle) for puzzle in found}
    for tokens, solvable in zip(states.texts.tokens, states.solvable, strict=True):
        numbers, target = WORDS.decode(tokens.tolist())[:-1].split("=")
        state = tuple(map(int, numbers.split(",")))
        assert games[int(target)].solvable(state) == solvable
    again = labelled(found, Random(0), 60)
    assert np.array_equal(again.texts.tokens, states.texts.tokens)


@pytest.mark.slow
def test_it_learns_and_plays():
    # Two numbers: whether a sum, product, difference or quotient is the target.
    states = labelled(puzzles("countdown-2", 20, split="train"), Random(0), 200)
    before = learn(states, replace(SMALL, steps=1), 0)
    model = learn(states, SMALL, 0)
    assert accuracy(model, states) > max(0.7, accuracy(before, states) + 0.1)
    game = game_of(puzzles("countdown-3", 1)[0])
    judge = LocalJudge(game, model)
    found = asyncio.run(play(game, judge, lfs.search, budget=10**5))
    assert found.won and found.tokens == judge.spent.tokens > 0
    with pytest.raises(ConfigError, match="multiple of twice its heads"):
        Config(width=30)
