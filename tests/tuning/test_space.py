"""What may be searched, and how what may not is refused."""

import numpy as np
import pytest

import cairn
from cairn.core.errors import ConfigError
from cairn.tuning.space import Choice, Range, from_flags, space

PLR = cairn.experiment("maze", method="plr")


def test_a_space_reads_ranges_and_choices_from_text_lists_and_tables():
    found = space(
        {
            "learning_rate": "log:1e-4,1e-2",
            "student.epochs": "1,5",
            "task.generator": "walls|mixed",
            "algorithm.prioritisation": ["rank", "proportional"],
            "staleness": {"low": 0, "high": 0.5},
        },
        PLR,
    )
    assert found.parameters == {
        "student.learning_rate": Range(1e-4, 1e-2, log=True),
        "student.epochs": Range(1, 5, whole=True),
        "task.generator": Choice(("walls", "mixed")),
        "algorithm.prioritisation": Choice(("rank", "proportional")),
        "algorithm.staleness": Range(0, 0.5),
    }
    assert space(found.to_dict(), PLR) == found
    low, high = found.at(np.zeros(5)), found.at(np.ones(5))
    assert low["student.epochs"] == 1 and high["student.epochs"] == 5
    assert (low["task.generator"], high["task.generator"]) == ("walls", "mixed")
    assert high["student.learning_rate"] == pytest.approx(1e-2)
    middle = found.at(np.full(5, 0.5))
    assert middle["student.learning_rate"] == pytest.approx(1e-3)
    assert isinstance(middle["student.epochs"], int)


def test_whole_numbers_are_equally_likely():
    drawn = [Range(1, 4, whole=True).at(unit) for unit in np.linspace(0, 1, 4001)]
    assert np.bincount(drawn)[1:].tolist() == pytest.approx([1000] * 4, abs=2)


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ({}, "The search space is empty: give at least one --search"),
        ({"student.learning_rat": "0,1"}, "Did you mean 'student.learning_rate'?"),
        ({"studnt.gamma": "0,1"}, "Unknown section 'studnt'"),
        ({"student.gamma": "0.9,1.5"}, "reaches 1.5, but gamma must lie in [0, 1], got 1.5."),
        ({"temperature": "0,1"}, "reaches 0.0, but ReplayConfig.temperature must be positive"),
        ({"student.gamma": "0.9"}, "--search expects NAME=LOW,HIGH"),
        ({"student.gamma": "0.9,high"}, "student.gamma expects two numbers LOW,HIGH"),
        ({"student.gamma": "1,0.9"}, "LOW must be below HIGH, got 1,0.9."),
        ({"student.epochs": "1,2.5"}, "student.epochs expects two whole numbers"),
        ({"student.entropy_weight": "log:0,1"}, "log needs LOW above 0, got 0."),
        ({"generator": "1,2"}, "give choices as a|b."),
        ({"generator": "walls|hedges"}, "must be one of walls, uniform-walls"),
        ({"generator": "walls|walls"}, "two or more different choices"),
        ({"student.gamma": {"low": 0, "hi": 1}}, "expected low, high and log, got 'hi'."),
        ({"task.limit": "50,100"}, "task.limit changes what is tested"),
        ({"run.seeds": "1,5"}, "run.seeds says how long and often trials run"),
        ({"gamma": "0.9,1", "student.gamma": "0.5,1"}, "student.gamma is searched twice"),
        ({"score": "maxmc|maxmk"}, "reaches maxmk, but"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(search, says):
    with pytest.raises(ConfigError) as error:
        space(search, PLR)
    assert says in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("words", [["student.gamma"], ["=0,1"], ["a=1,2", "a=1,3"]])
def test_a_flag_that_says_no_space_is_refused(words):
    with pytest.raises(ConfigError, match=r"--search expects|searched twice"):
        from_flags(words)
