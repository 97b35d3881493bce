"""A success matrix and what follows from it, on attempts made by hand."""

import numpy as np
import pytest

from cairn.evaluation import progress
from cairn.evaluation.progress import Progress


def of(rates, epoch, entered, attempts=8) -> Progress:
    """Students (rows) with these success rates on each level, in eighths."""
    wins = np.round(np.array(rates) * attempts).astype(int)
    solved = np.arange(attempts)[None, None, :] < wins[:, :, None]
    steps = np.arange(len(rates)) * 100
    return Progress(steps, np.array(entered), np.array(epoch), solved)


# Two epochs of two levels each, three students.
FOUND = of(
    [[0, 0.5, 0, 0], [1, 0.5, 0.25, 0], [0.5, 1, 1, 0]],
    epoch=[0, 0, 1, 1],
    entered=[10, 4],
)


def test_the_matrix_is_the_mean_over_the_levels_of_an_epoch():
    assert progress.matrix(FOUND).tolist() == [[0.25, 0], [0.75, 0.125], [0.75, 0.5]]


def test_learned_is_the_last_student_against_the_one_before_the_epoch():
    assert progress.learned(FOUND).tolist() == [0.5, 0.375]


def test_an_epoch_without_levels_has_no_figures():
    found = of([[0, 1], [0, 1], [1, 1], [1, 1]], epoch=[0, 2], entered=[3, 0, 5])
    assert np.isnan(progress.matrix(found)[:, 1]).all()
    assert progress.learned(found).tolist()[::2] == [1, 0]
    assert np.isnan(progress.forgotten(found)[1]) and np.isnan(progress.learned(found)[1])


def test_what_was_forgotten_is_found_by_half_of_the_attempts_and_measured_by_the_others():
    found = of([[0], [1], [0.25]], epoch=[0], entered=[1]).solved
    # The second student solved all, the last two of eight: one in either half.
    assert progress.forgotten(Progress(np.arange(3), np.ones(1, int), np.zeros(1, int), found)) == [
        0.75, 0.75,
    ][:1]  # fmt: skip


def test_luck_alone_is_not_called_forgetting():
    """Students who all succeed by the toss of a coin: choosing the best by the same attempts as it
    is measured by would find a loss of about a quarter."""
    rng = np.random.default_rng(0)
    lost = [
        progress.forgotten(
            Progress(np.arange(9), np.ones(1, int), np.zeros(1, int), rng.random((9, 1, 16)) < 0.5)
        )[0]
        for _ in range(400)
    ]
    spread = np.std(lost) / len(lost) ** 0.5
    assert abs(np.mean(lost)) < 3 * spread + 0.02 and spread < 0.02


def test_luck_in_which_levels_were_drawn_is_not_called_forgetting():
    """Students who do half of all levels for certain, each others: the best of eight on 32 levels
    does an eighth more of these than the last, and not of levels in general."""
    rng, lost, epoch = np.random.default_rng(0), [], np.zeros(32, int)
    for _ in range(300):
        solved = np.repeat(rng.random((9, 32, 1)) < 0.5, 4, axis=2)
        found = Progress(np.arange(9), np.full(1, 32), epoch, solved)
        lost.append(progress.forgotten(found)[0])
    assert abs(np.mean(lost)) < 3 * np.std(lost) / 300**0.5 + 0.01
    # Drawing a level twice must not put it into both halves.
    again = progress.resampled(found, rng)
    halves = [{tuple(level) for level in again.solved[:, again.half == h, 0].T} for h in (0, 1)]
    assert not halves[0] & halves[1]


def test_annecs_counts_what_was_novel_and_is_solved():
    """Of epoch 0 the first level: nobody could, the second student can. The other level of it was
    solved by half before it was made. Of epoch 1 the first level: at 1/4 before, solved by the
    last; the other never. A level of the sample stands for 10/2 and 4/2 that entered."""
    assert progress.solved_at(FOUND).tolist() == [1, 3, 2, 3]
    assert progress.annecs(FOUND).tolist() == [0, 5, 7]


def test_what_only_a_student_of_the_past_could_do_is_not_solved():
    found = of([[0.125, 1], [0.125, 0]], epoch=[0, 0], entered=[2])
    assert progress.annecs(found).tolist() == [0, 0]


def test_resampling_keeps_how_many_levels_an_epoch_has():
    again = progress.resampled(FOUND, np.random.default_rng(1))
    assert again.epoch.tolist() == FOUND.epoch.tolist()
    rates = {tuple(row) for row in FOUND.solved.mean(2).T}
    assert {tuple(row) for row in again.solved.mean(2).T} <= rates
    means = [
        progress.matrix(progress.resampled(FOUND, np.random.default_rng(seed)))[2, 1]
        for seed in range(300)
    ]
    assert np.mean(means) == pytest.approx(0.5, abs=0.1) and {0.0, 1.0} <= set(means)
