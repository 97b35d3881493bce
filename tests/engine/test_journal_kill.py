"""A run that is killed, anywhere, ends in the state of the run that never was."""

import json
import random
import re
import time
from collections import Counter
from pathlib import Path

import pytest

from forking import Forks

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "src" / "cairn"
POINT = re.compile(r'point\("((?:journal|engine|call):[a-z-]+)"\)')
KILLED = -9


def fault_points() -> list[str]:
    files = ["core/journal.py", "core/journal_stage.py", "core/desk.py"]
    files.append("engine/journal_session.py")
    return sorted({name for file in files for name in POINT.findall((SOURCES / file).read_text())})


FORKS = Forks(HERE / "kill_worker.py")


@pytest.fixture(scope="module", autouse=True)
def forks():
    yield
    FORKS.close()


def start(folder: Path, trials: int, *, order="trial", url=None, fault=None):
    changed = {"CALL_LOG": str(folder / "calls.log"), "CAIRN_FAULT": fault}
    arguments = [str(folder), str(trials), order] + ([url] if url else [])
    return FORKS.start(*arguments, environment=changed)


def finish(folder: Path, trials: int, **options) -> dict:
    process = start(folder, trials, **options)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def repeats(folder: Path) -> int:
    calls = Counter((folder / "calls.log").read_text().split())
    return sum(count - 1 for count in calls.values())


def same_end(a: dict, b: dict) -> bool:
    return all(a[name] == b[name] for name in ("state", "events", "told", "failures"))


@pytest.fixture(scope="module")
def unkilled(tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("unkilled")
    result = finish(folder, 60)
    assert result["told"] == 60 and result["failures"] > 0 and repeats(folder) == 0
    return result


def test_the_fault_points_of_the_journal_are_found():
    assert {"journal:commit", "engine:tell", "call:stored"} <= set(fault_points())


@pytest.mark.parametrize("point", fault_points())
def test_killed_at_a_fault_point_and_resumed_it_ends_the_same(point, unkilled, tmp_path):
    for count in (1, 1 if "create" in point else 2, 40):
        process = start(tmp_path, 60, fault=f"{point}:{count}")
        process.communicate(timeout=60)
        if count < 40:
            assert process.returncode == KILLED
    result = finish(tmp_path, 60)
    assert same_end(result, unkilled)
    assert repeats(tmp_path) <= result["maybe_twice"]


@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_ends_the_same(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    expected = finish(tmp_path / "a", 3000)
    draw = random.Random(0)
    kills = 0
    while kills < 20:
        process = start(tmp_path / "b", 3000)
        assert process.stdout is not None and process.stdout.readline() == "started\n"
        time.sleep(draw.uniform(0.0, 0.1))
        process.kill()
        process.communicate()
        assert process.returncode == KILLED, "the run is too short for twenty kills"
        kills += 1
    result = finish(tmp_path / "b", 3000)
    assert same_end(result, expected)
    # 8 trials at a time, two calls each: what was in flight at a kill, and nothing else.
    assert repeats(tmp_path / "b") <= result["maybe_twice"] <= 20 * 16


@pytest.mark.slow  # with what all runs of this file took
def test_arrival_order_survives_kills_without_losing_or_repeating_a_trial(tmp_path):
    for count in (30, 60):
        start(tmp_path, 60, order="arrival", fault=f"engine:told:{count}").communicate(timeout=60)
    result = finish(tmp_path, 60, order="arrival")
    assert result["told"] == 60
    assert repeats(tmp_path) <= result["maybe_twice"]
    again = finish(tmp_path, 60, order="arrival")
    assert same_end(again, result), "a replay gives the same state"
