"""The search for cyclic garbage is rare during a run, and as it was after it."""

import gc
from collections.abc import Iterator

import pytest

from cairn.core.collector import PATIENCE, patient_collector


@pytest.fixture(autouse=True)
def _threshold() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_a_run_is_searched_seldom_and_the_setting_comes_back() -> None:
    gc.set_threshold(700, 10, 10)
    outer, inner = patient_collector(), patient_collector()
    outer.__enter__()
    inner.__enter__()
    assert gc.get_threshold() == (PATIENCE, 10, 10)
    outer.__exit__(None, None, None)
    assert gc.get_threshold() == (PATIENCE, 10, 10)  # the other run goes on
    inner.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("own", [0, 5 * PATIENCE])
def test_a_setting_of_the_users_own_stays(own: int) -> None:
    gc.set_threshold(own, 10, 10)
    with patient_collector():
        assert gc.get_threshold() == (own, 10, 10)
    assert gc.get_threshold() == (own, 10, 10)


def test_a_setting_that_is_made_during_a_run_stays() -> None:
    gc.set_threshold(700, 10, 10)
    with patient_collector():
        gc.set_threshold(1234, 5, 5)
    assert gc.get_threshold() == (1234, 5, 5)
