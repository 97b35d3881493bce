"""Kills in the middle of real requests: the server's own count bounds what was paid twice."""

import json
import random
import time
from pathlib import Path

import pytest

from forking import Forks

FORKS = Forks(Path(__file__).parents[1] / "engine" / "kill_worker.py")


def start(folder: Path, url: str):
    folder.mkdir(exist_ok=True)
    return FORKS.start(folder, 300, "trial", url, environment={"CALL_LOG": "unused"})


@pytest.mark.slow
def test_killed_amid_http_requests_it_ends_the_same_and_repeats_only_what_was_in_flight(
    server, tmp_path
):
    url = f"{server.url}/v1"
    server.control(latency_s=0.004)
    expected = json.loads(start(tmp_path / "a", url).communicate(timeout=60)[0].splitlines()[-1])
    before = server.counts()
    assert before["paid"] == 3 * 300  # a mutation and two votes for each trial
    draw = random.Random(1)
    for _ in range(6):
        process = start(tmp_path / "b", url)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.uniform(0.05, 0.25))
        process.kill()
        process.communicate()
    result = json.loads(start(tmp_path / "b", url).communicate(timeout=60)[0].splitlines()[-1])
    assert (result["state"], result["events"]) == (expected["state"], expected["events"])
    after = server.counts()
    # The second run asks what the first did once more; beyond that, only what was in flight.
    repeated = after["paid"] - 2 * before["paid"]
    assert after["distinct"] == before["distinct"]
    assert repeated <= result["maybe_twice"] <= 6 * 16
    FORKS.close()
