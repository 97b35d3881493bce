"""The scripts behind the page's simulated results: tiny runs, resumed, and a page filled."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def scripts():
    before = list(sys.path)
    yield load(BENCHMARKS / "redteam_page.py")
    sys.path[:] = before


def tiny(results: Path) -> str:
    """What the script prints, in a process of its own, without this process's type checks."""
    script = BENCHMARKS / "verify" / "redteam_directions.py"
    command = [sys.executable, script, "--tiny", "--workers", "1", "--results", results]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


@pytest.mark.slow
def test_a_tiny_run_is_recorded_goes_on_where_it_stopped_and_fills_the_page(scripts, tmp_path):
    directions = scripts.directions
    first = tiny(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(directions.ARMS)
    assert "simulated: rainbow over same-cell, working coverage" in first
    cut = tmp_path / "random.json"
    record = json.loads(cut.read_text())
    assert record["simulated"] is True and [row["seed"] for row in record["rows"]] == [0, 1]
    assert all(row["figures"]["calls"] <= directions.TINY.calls for row in record["rows"])
    cut.write_text(json.dumps(record | {"rows": record["rows"][:1]}))
    kept = (tmp_path / "rainbow.json").stat().st_mtime_ns
    done = [directions.fill((arm, tmp_path, directions.TINY, "again")) for arm in directions.ARMS]
    (line,) = filter(None, done)
    assert line.startswith("random: 1 seeds in ")
    assert (tmp_path / "rainbow.json").stat().st_mtime_ns == kept
    assert json.loads(cut.read_text())["rows"] == record["rows"]
    rows = [{"where": "random", "kills": 3, "same": True}, {"where": "a", "kills": 1, "same": True}]
    (tmp_path / "kills.json").write_text(json.dumps({"rows": rows}))
    page = scripts.filled("before\n<!-- simulated:redteam -->\nafter\n", tmp_path)
    assert page.startswith("before\n") and page.endswith("<!-- end -->\nafter\n")
    assert "| rainbow |" in page and scripts.filled(page, tmp_path) == page
