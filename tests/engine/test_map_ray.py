"""The same work on a Ray cluster of two workers, one of which is killed: the same bytes."""

import asyncio
import importlib
import importlib.util
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import map_job
import pytest

from cairn.core.errors import MissingExtraError
from cairn.engine.map_ray import OnRay
from cairn.engine.map_sources import Items

RECORDS = [{"id": f"r{i}", "text": f"text {i}"} for i in range(60)]
HAS_RAY = importlib.util.find_spec("ray") is not None


def start(folder, **options):
    source = Items(RECORDS, "id")
    return asyncio.run(map_job.run(folder, source, folder / "out.jsonl", **options))


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_the_install_line_is_given(tmp_path):
    crew = partial(OnRay, company=map_job.company, actors=2)
    with pytest.raises(MissingExtraError, match=r'pip install "cairn\[ray\]"'):
        start(tmp_path, crew=crew)


async def deadly(item, clients, key):
    """As `map_job.work`, but takes its process with it, once."""
    mark = os.environ["MAP_MARK"]
    if item.id == "r30" and not os.path.exists(mark):
        await clients["m"].complete(map_job.Request.of("before"), purpose="before")
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return await map_job.work(item, clients, key)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason='needs Ray: pip install "cairn[ray]"')
@pytest.mark.filterwarnings("ignore")
def test_two_actors_of_which_one_is_killed_write_the_same_bytes(tmp_path, monkeypatch):
    ray = importlib.import_module("ray")
    (tmp_path / "here").mkdir()
    (tmp_path / "ray").mkdir()
    start(tmp_path / "here", shard=7)
    monkeypatch.setenv("MAP_MARK", str(tmp_path / "mark"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        crew = partial(OnRay, company=map_job.company, actors=2)
        began = time.monotonic()
        result = start(tmp_path / "ray", shard=7, crew=crew, doing=deadly)
        assert time.monotonic() - began < 300
    finally:
        ray.shutdown()
    assert (tmp_path / "mark").exists()
    for name in ("out.jsonl", "out.jsonl.rejects.jsonl"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    # The call before the kill: paid for, and its answer not saved yet when the process died.
    assert result.progress.spent.calls == 120
    assert 1 <= result.progress.maybe_twice <= 64
