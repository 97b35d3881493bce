"""Countdown and Sudoku against exhaustive play."""

from functools import cache
from random import Random

import pytest

from cairn.core.errors import ConfigError
from cairn.research.puzzles import countdown, kinds, sudoku
from cairn.research.puzzles.countdown import Countdown
from cairn.research.puzzles.sudoku import SHAPES, Sudoku


def plays(game):
    """Whether a state can be won from, by playing every game."""

    @cache
    def wins(state):
        if game.won(state):
            return True
        return any(wins(move.state) for move in game.moves(state))

    return wins


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_the_countdown_solver_is_exhaustive_play(count):
    rng = Random(count)
    for _ in range({5: 3}.get(count, 40)):
        # Small numbers, with zeros: where the rules have corners, and targets that are not reached.
        numbers = tuple(sorted(rng.randint(0, 12) for _ in range(count)))
        for target in (0, 1, rng.randint(2, 300), rng.randint(300, 9000)):
            game = Countdown(numbers, target)
            assert game.solvable(numbers) == plays(game)(numbers), (numbers, target)


def test_what_two_numbers_can_become():
    game = Countdown((4, 2), 6)
    # 4 - 2 and 4 / 2 are one state.
    assert {move.state for move in game.moves((2, 4))} == {(6,), (8,), (2,)}
    assert {move.state for move in Countdown((0, 5), 5).moves((0, 5))} == {(5,), (0,)}
    assert game.won((6,)) and not game.won((2,)) and game.moves((6,)) == ()


def test_a_state_of_countdown_is_the_same_whichever_way_it_is_reached():
    game = Countdown((2, 3, 5, 7), 10)
    first = {m.state for m in game.moves((2, 3, 5, 7))}
    both = [{m.state for m in game.moves(state)} for state in ((5, 5, 7), (2, 3, 12))]
    assert {(5, 5, 7), (2, 3, 12)} <= first
    assert (5, 12) in both[0] & both[1]  # 2 + 3 and 5 + 7, in either order


def test_pairs_have_three_to_four_actions_and_five_numbers_about_thirty():
    rng = Random(0)
    games = [countdown.draw(5, rng) for _ in range(30)]
    raw = [sum(1 for i in range(5) for j in range(i) for _ in
               countdown.results(g.numbers[i], g.numbers[j])) for g in games]  # fmt: skip
    assert 30 <= sum(raw) / 30 <= 35  # the sheet says about 32


@pytest.mark.parametrize("size", [4, 6])
def test_drawn_sudokus_have_one_solution_and_its_states_are_solvable_as_play_says(size):
    rng = Random(size)
    game = sudoku.draw(size, rng)
    emptied = game.start.count(".")
    assert emptied == int(SHAPES[size].removed * size * size)
    state = game.start
    while state.count(".") > 5:  # down to a board on which every game can be played
        state = rng.choice([m.state for m in game.moves(state) if game.solvable(m.state)])
    wins = plays(game)
    below = [m.state for m in game.moves(state)]
    for board in [state, *below, *(m.state for b in below for m in game.moves(b))]:
        assert game.solvable(board) == wins(board), board
    assert game.won(game.solution)


def test_a_board_with_a_cell_that_allows_nothing_is_over():
    game = sudoku.draw(4, Random(1))
    seen = {game.start}
    todo = [game.start]
    dead = []
    while todo and not dead:
        state = todo.pop()
        for move in game.moves(state):
            allowed = sudoku.candidates(move.state, game.shape)
            if any(not v for v in allowed.values()) and any(allowed.values()):
                dead.append(move.state)  # the reference goes on with the other cells
            if move.state not in seen:
                seen.add(move.state)
                todo.append(move.state)
    assert dead and game.moves(dead[0]) == () and not game.won(dead[0])
    assert not game.solvable(dead[0])


def test_a_board_that_is_none_is_refused_in_one_line():
    good = sudoku.draw(4, Random(1)).start
    for board, says in (
        (good[1:], "16 or 36 cells"),
        ("x" + good[1:], "got 'x'"),
        ("." * 16, "exactly one solution"),
        ("11" + "." * 14, "exactly one"),
    ):
        with pytest.raises(ConfigError, match=says):
            Sudoku(board)
    with pytest.raises(ConfigError, match="at least one number"):
        Countdown((), 3)


def test_splits_share_no_puzzle_and_more_puzzles_begin_with_fewer():
    train = kinds.puzzles("countdown-3", 60, split="train")
    val = kinds.puzzles("countdown-3", 15)
    assert not [puzzle for puzzle in val if puzzle in train]
    assert kinds.puzzles("countdown-3", 5) == val[:5]
    assert all(kinds.game_of(puzzle).solvable(kinds.game_of(puzzle).start) for puzzle in val)
    with pytest.raises(ConfigError, match="sudoku-5"):
        kinds.puzzles("sudoku-5", 1)
