"""Every benchmark once at its smallest, so that none can rot. No test asserts a time."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from cairn.bench import archive, goal, starting, stepping, training
from cairn.cli import main

ROOT = Path(__file__).parents[2]


def keep(record, tmp_path):
    """What a file of the record would hold."""
    path = tmp_path / "figures.json"
    assert json.loads(path.read_text()) == json.loads(json.dumps(record))
    return record


@pytest.fixture
def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_training_is_measured_beside_the_peak(tmp_path, tables):
    config = training.Config(tiny=True, works=("dr",), json=tmp_path / "figures.json")
    record = keep(training.run(config), tmp_path)
    (row,) = record["rows"]
    assert row["sides"]["cairn"]["steps"] == {"training": 512}
    assert row["sides"]["cairn"]["parameters"] == 432_929
    assert row["share_of_peak"]["median"] > 0
    assert "| dr, 2 envs | cairn |" in tables.describe(record)


def test_stepping_counts_whole_scans(tmp_path, tables):
    config = stepping.Config(tiny=True, json=tmp_path / "figures.json")
    record = keep(stepping.run(config), tmp_path)
    assert record["sides"]["cairn"]["best_envs"] == 2
    assert "| 2 |" in tables.describe(record)


def test_the_parts_of_a_cycle_are_told_apart(tmp_path, tables, monkeypatch):
    for name in ("JAX_NUM_CPU_DEVICES", "TF_CPP_MIN_LOG_LEVEL"):
        monkeypatch.setenv(name, "1")  # what the script sets must not outlive this test
    spec = importlib.util.spec_from_file_location("parts", ROOT / "benchmarks" / "parts.py")
    parts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parts)
    out = tmp_path / "parts.json"
    flags = ["--tiny", "--repeats", "1", "--updates", "1", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["parts.py", *flags])
    parts.main()
    record = json.loads(out.read_text())
    assert set(record["of_peak"]) == {"rollout", "epoch", "product"}
    assert "| an epoch, forward and backward |" in tables.describe(record)


def test_the_archive_is_measured_full(tmp_path, tables):
    config = archive.Config(tiny=True, json=tmp_path / "figures.json")
    record = keep(archive.run(config), tmp_path)
    (row,) = record["rows"]
    assert row["capacity"] == 8 and set(row["seconds"]) == {"sample", "update", "insert", "both"}
    assert "| 8 |" in tables.describe(record)


def test_starting_watches_fresh_processes(tmp_path, tables):
    config = starting.Config(tiny=True, json=tmp_path / "figures.json")
    record = keep(starting.run(config), tmp_path)
    (row,) = record["rows"]
    assert row["cold"]["peak_rss_mb"]["median"] > 0 and row["cached"]["seconds"]["median"] > 0
    assert "| dr |" in tables.describe(record)


def test_the_goal_stops_the_clock(tmp_path, tables):
    config = goal.Config(tiny=True, json=tmp_path / "figures.json")
    record = keep(goal.run(config), tmp_path)
    (row,) = record["rows"]
    assert row["side"] == "cairn" and len(row["curve"]) == 1
    assert row["curve"][0]["steps"] == 512 and 0 <= row["curve"][0]["solve_rate"] <= 1
    assert "| cairn | 0 |" in tables.describe(record)


def test_the_command_knows_its_benchmarks(capsys):
    assert main.run(["bench"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in ("ued", "env", "archive", "compile", "goal"))
    assert main.run(["bench", "eud"]) == 2
    assert "Did you mean" in capsys.readouterr().err
    assert main.run(["bench", "env", "--peers", "jaxued"]) == 2
    assert "Expected a peer as NAME=PYTHON" in capsys.readouterr().err


def test_the_page_has_a_table_for_every_result(tables):
    page = (ROOT / "docs" / "performance.md").read_text()
    assert [found["name"] for found in tables.MARK.finditer(page)] != []
    results = {file.stem for file in (ROOT / "benchmarks" / "results").glob("*.json")}
    assert results & set(tables.COMMANDS) <= {found["name"] for found in tables.MARK.finditer(page)}


def test_drivers_of_peers_import_nothing_before_they_are_asked():
    before = set(sys.modules)
    for file in (ROOT / "benchmarks" / "peers").glob("*.py"):
        if file.stem == "pyribs":
            continue  # speaks a protocol of its own
        spec = importlib.util.spec_from_file_location("peer", file)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert not {"jaxued", "minimax", "flax"} & (set(sys.modules) - before)
