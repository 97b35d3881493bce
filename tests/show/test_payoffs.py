"""The picture of a repeated game's payoffs."""

import json

import numpy as np
import pytest

from cairn.core.rundir import RunDir
from cairn.runs.presets import experiment
from cairn.show import payoffs, payoffs_sheet
from cairn.show.subject import Subject


@pytest.fixture
def subject(tmp_path):
    """A run of a game with these lines of metrics."""

    def made(task, *lines, method="lola"):
        kept = [{"metrics": line} for line in lines]
        (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(k) + "\n" for k in kept))
        return Subject(experiment(task, method=method), RunDir(tmp_path), None, 0, kept[-1:])

    return made


TWO = (
    {"reward_1": [-1.5, -2.0], "reward_2": [-1.4, -1.0]},
    {"reward_1": [-1.0, -3.0], "reward_2": [-1.0, 0.0]},
)


def test_paths_go_from_the_first_line_to_the_last_seed_by_seed(subject):
    found = payoffs.data(subject("ipd", *TWO))
    assert found.paths.tolist() == [[[-1.5, -1.4], [-1.0, -1.0]], [[-2.0, -1.0], [-3.0, 0.0]]]
    corners = dict(zip(found.names, found.outcomes.tolist(), strict=True))
    assert corners == {"CC": [-1, -1], "CD": [-3, 0], "DC": [0, -3], "DD": [-2, -2]}


def test_outcomes_in_one_place_are_one_and_more_players_are_their_mean(subject):
    zero = payoffs.data(subject("pennies", *TWO))
    assert sorted(zero.names) == ["CC, DD", "CD, DC"]
    three = {"reward_1": [1.0], "reward_2": [2.0], "reward_3": [4.0]}
    found = payoffs.data(subject("dilemma", three))
    assert found.paths.tolist() == [[[1.0, 3.0]]]
    # 2 for each other who cooperates, 1 for defecting.
    corners = dict(zip(found.names, found.outcomes.tolist(), strict=True))
    assert corners["CCC"] == [4, 4] and corners["DDD"] == [1, 1] and corners["DCC"] == [5, 2]
    assert corners["CCD, CDC"] == [2, 3.5]


def test_a_shaper_is_set_against_the_others(subject):
    found = payoffs.data(subject("ipd", {"reward": [-0.5], "reward_others": [-2.0]}))
    assert found.paths.tolist() == [[[-0.5, -2.0]]]


def test_what_is_no_game_or_has_no_payoffs_is_not_asked(subject):
    assert payoffs.applies(subject("ipd", *TWO)) is None
    assert payoffs.applies(subject("ipd", {"loss": [1.0]})) == ""
    assert payoffs.applies(subject("sphere", *TWO, method="map-elites")) == ""


@pytest.mark.parametrize("task", ["ipd", "pennies"])
def test_a_page_has_the_picture_and_the_figures(subject, task, tmp_path):
    run = subject(task, *TWO)
    section = payoffs.section(run, {})
    _, picture, table = section.parts
    pixels = picture.rows[0].cards[0].pixels
    assert pixels.dtype == np.uint8 and pixels.std() > 0
    assert picture.rows[0].cards[0].title  # who sees no picture is told what it is
    assert table.rows == [[0, -1.5, -1.4, -1.0, -1.0], [1, -2.0, -1.0, -3.0, 0.0]]
    assert payoffs_sheet.draw(payoffs.data(run), tmp_path / "payoffs.png").stat().st_size > 1000
