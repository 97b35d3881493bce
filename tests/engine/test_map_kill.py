"""A map that is killed, anywhere, ends with the bytes of the map that never was."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from forking import Forks

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "src" / "cairn"
FILES = (
    "core/journal.py", "core/journal_stage.py", "core/desk.py", "core/shards.py", "lm/client.py",
    "engine/map_hands.py", "engine/map_join.py", "engine/map_worker.py", "engine/mapped.py",
)  # fmt: skip
POINT = re.compile(r'point\("((?:journal|call|shard|map):[a-z-]+)"\)')
NOT_PASSED = ("journal:snapshot", "journal:repair")
"""A map takes no snapshots; the repair of a damaged journal is tested with the journal."""


def fault_points() -> list[str]:
    """Every place where a map can be made to die."""
    names = {name for file in FILES for name in POINT.findall((PACKAGE / file).read_text())}
    return sorted(name for name in names if not name.startswith(NOT_PASSED))


IN_WORKERS = ("shard:", "map:worker")
"""Points that only a map in several processes passes."""


FORKS = Forks(HERE / "map_job.py")


@pytest.fixture(scope="module", autouse=True)
def forks():
    yield
    FORKS.close()


def start(folder: Path, *, fault=None, shard=7, workers=3, processes=1, retry=()):
    changed = {"CALL_LOG": str(folder / "calls.log"), "CAIRN_FAULT": fault}
    source, sink = folder.parent / "in.jsonl", folder / "out.jsonl"
    settings = map(str, (folder, source, sink, shard, workers, processes, *retry))
    if processes == 1:
        return FORKS.start(*settings, environment=changed)
    # Workers start with what the process began with, which a fork did not.
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    env |= {name: value for name, value in changed.items() if value is not None}
    return subprocess.Popen(
        [sys.executable, HERE / "map_job.py", *settings],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
    )  # fmt: skip


def finish(folder: Path, **options) -> dict:
    process = start(folder, **options)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(output.splitlines()[-1])


def check(folder: Path, result: dict, whole: Path) -> None:
    """The same bytes, nothing left over, and no call paid twice without its being counted."""
    for name in ("out.jsonl", "out.jsonl.rejects.jsonl"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    left = [path.name for path in folder.iterdir() if path.name.startswith(".out")]
    assert left == []
    assert list(folder.glob("journal.sqlite.shards/*.sqlite*")) == []
    calls = Counter((folder / "calls.log").read_text().split())
    repeats = sum(count - 1 for count in calls.values())
    assert repeats <= result["maybe_twice"]
    # Each call is settled or of unknown outcome, and in the books as one of the two.
    assert len(calls) <= result["spent"] <= sum(calls.values())
    assert sum(calls.values()) <= result["spent"] + result["maybe_twice"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("map")
    rows = [json.dumps({"text": f"text {i}"}) for i in range(40)]
    (folder / "in.jsonl").write_text("\n".join(rows) + "\n")
    (folder / "whole").mkdir()
    result = finish(folder / "whole")
    assert result["items"] == 40 and result["rejected"] > 0 and result["maybe_twice"] == 0
    return folder / "whole"


def test_the_fault_points_of_a_map_are_found():
    expected = {"journal:commit", "call:stored", "map:part-renamed", "map:named", "shard:unlinked"}
    assert expected | {"map:event", "map:join-written", "map:worker-done"} <= set(fault_points())


@pytest.mark.slow
@pytest.mark.parametrize("point", fault_points())
def test_killed_at_a_fault_point_and_started_again_it_ends_the_same(point, whole):
    folder = whole.parent / point.replace(":", "-")
    folder.mkdir()
    processes = 2 if point.startswith(IN_WORKERS) else 1
    kills = 0
    for count in (1, 2, 9):
        process = start(folder, fault=f"{point}:{count}", processes=processes)
        process.communicate(timeout=120)
        kills += process.returncode == -signal.SIGKILL
    # A worker that dies is replaced; whatever else dies is the run.
    assert kills or point == "map:worker-done"
    check(folder, finish(folder, processes=processes), whole)


@pytest.mark.slow
@pytest.mark.parametrize("point", ["journal:create", "journal:create-commit", "journal:commit"])
def test_workers_killed_at_their_own_journals_leave_what_can_be_gone_on_with(point, whole):
    folder = whole.parent / f"worker-{point.replace(':', '-')}"
    folder.mkdir()
    start(folder, fault="map:event-saved:1", processes=2).communicate(timeout=120)
    process = start(folder, fault=f"{point}:{1 if 'create' in point else 3}", processes=2)
    _, errors = process.communicate(timeout=120)
    assert "workers were lost in a row, the last signal 9" in errors
    check(folder, finish(folder, processes=2), whole)


@pytest.mark.slow
def test_killed_at_random_moments_with_other_workers_each_time_it_ends_the_same(whole):
    folder = whole.parent / "moments"
    folder.mkdir()
    draw = random.Random(0)
    kills = 0
    for _ in range(6):
        process = start(folder, workers=draw.choice((1, 4, 64)), processes=draw.choice((1, 2)))
        assert process.stdout is not None and process.stdout.readline() == "started\n"
        time.sleep(draw.uniform(0.0, 1.0))
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills
    check(folder, finish(folder), whole)
