"""The scripts behind the page's simulated results: tiny runs, resumed, and the page as they say."""

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


def test_the_page_shows_the_results_that_are_stored(scripts):
    page = scripts.PAGE.read_text()
    assert scripts.filled(page, scripts.directions.RESULTS) == page


def test_the_stored_results_support_the_claims(scripts):
    arms = scripts.directions.load(scripts.directions.RESULTS)
    margins = dict(scripts.directions.comparisons(arms))
    for claim, margin in margins.items():
        assert len(margin) >= 5
        if claim.startswith("rainbow over") or "equal trials" in claim:
            error = margin.std(ddof=1) / len(margin) ** 0.5
            assert margin.mean() > 3 * error, claim
    for arm in scripts.directions.ERRORS:
        for what, held, _ in scripts.directions.recovered(arms[arm]):
            # 95 % intervals of 30 runs hold the truth in 24 or more but for one time in 500.
            assert len(held) >= 5 and sum(held) >= 0.8 * len(held), (arm, what)


def test_the_stored_kills_all_ended_the_same(scripts):
    stored = json.loads((scripts.directions.RESULTS / "kills.json").read_text())["rows"]
    assert len(stored) > 10 and all(row["same"] for row in stored)
    assert next(row["kills"] for row in stored if row["where"] == "random") >= 20
