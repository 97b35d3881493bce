"""A refinement by actors of a Ray cluster: the same output, record for record."""

import importlib
import importlib.util
import os
import sys
from pathlib import Path

import pytest
from refine_job import TASK, config, rows, write_rows, writer

from cairn.core.errors import MissingExtraError
from cairn.refine.run import refine

HAS_RAY = importlib.util.find_spec("ray") is not None


def go(folder, **more):
    given = write_rows(folder / "in.jsonl", rows(60))
    settings = config(given, folder / "out.jsonl", shard=7, **more)
    return refine(settings, folder / "run", TASK, players={"refiner": writer()}, show=False)


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_the_install_line_is_given_and_nothing_is_written(tmp_path):
    with pytest.raises(MissingExtraError, match=r'pip install "cairn\[ray\]"'):
        go(tmp_path, ray=2)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.slow
@pytest.mark.skipif(not HAS_RAY, reason='needs Ray: pip install "cairn[ray]"')
@pytest.mark.filterwarnings("ignore")
def test_two_actors_write_the_same_bytes(tmp_path, monkeypatch):
    ray = importlib.import_module("ray")
    for name in ("here", "ray"):
        (tmp_path / name).mkdir()
    here = go(tmp_path / "here")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        there = go(tmp_path / "ray", ray=2)
    finally:
        ray.shutdown()
    assert there.stopped == "finished" and there.funnel == here.funnel
    assert there.spent.calls == here.spent.calls
    for name in ("out.jsonl", "out.jsonl.rejects.jsonl"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
