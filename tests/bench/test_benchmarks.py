"""Every benchmark once at its smallest, so that none can rot. No test asserts a time."""

import importlib.util
import json
import sys
from pathlib import Path

import jax
import pytest

from cairn.bench import archive, clock, figures, goal, parts, starting, stepping, training
from cairn.bench.flops import Cost
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


def test_the_parts_of_a_cycle_are_told_apart(tmp_path, tables):
    config = parts.Config(tiny=True, json=tmp_path / "figures.json")
    record = keep(parts.run(config), tmp_path)
    found = record["parts"]
    within = {"environment", "adam", "loss", "product"}
    assert set(found) == {"cycle", "archive"} | set(parts.IN_A_CYCLE) | within
    together = sum(found[name]["seconds"]["median"] for name in parts.IN_A_CYCLE)
    rest = record["not_accounted"]["seconds"]["median"]
    assert together + rest == pytest.approx(found["cycle"]["seconds"]["median"])
    assert found["cycle"]["flop"] == found["rollout"]["flop"] + found["update"]["flop"]
    assert all(row["flop"] > 0 and row["bytes"] > 0 for row in found.values())
    assert "| update, all epochs |" in tables.describe(record)


def test_the_balance_of_the_machine_says_what_bounds_a_part():
    costs = {"cycle": Cost(100.0, 50.0), "rollout": Cost(100.0, 50.0), "adam": Cost(1.0, 2.0)}
    costs |= {"peak": Cost(30.0, 0.0), "memory": Cost(0.0, 10.0), "cache": Cost(0.0, 20.0)}
    costs["update"] = Cost(100.0, 51.0)
    taken = {name: [2.0] for name in costs} | {"peak": [3.0], "cycle": [7.0], "adam": [0.5]}
    found = parts._describe(costs, taken)
    assert found["balance"]["median"] == 2.0  # ten operations and five bytes a second
    bound = {name: row["bound"] for name, row in found["parts"].items()}
    memory = dict.fromkeys(("cycle", "rollout", "adam", "update"), "memory")
    assert bound == memory | {"loss": "products"}
    assert found["parts"]["loss"]["seconds"]["median"] == 1.5
    assert found["not_accounted"]["seconds"]["median"] == 3.0


def test_the_archive_is_measured_full(tmp_path, tables):
    config = archive.Config(tiny=True, json=tmp_path / "figures.json")
    record = keep(archive.run(config), tmp_path)
    (row,) = record["rows"]
    assert row["capacity"] == 8 and set(row["seconds"]) == {"sample", "update", "insert", "both"}
    assert "| 8 |" in tables.describe(record)


def test_what_is_timed_follows_a_call_that_is_not_and_lasts_long_enough(monkeypatch):
    now, calls = [0.0], []

    def work(times):
        calls.append(times)
        now[0] += times / 64

    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])
    assert clock.times(work, 0.25) == 16 and clock.times(work, 0.0) == 1
    calls.clear()
    assert clock.seconds(work, 16) == 1 / 64
    assert calls == [1, 16]


def test_every_offer_to_the_full_archive_enters_and_evicts_in_every_repeat():
    settings = archive.ReplayConfig(capacity=64)
    held = archive.full(jax.random.key(0), 64)
    for _ in range(3):
        held, offered = archive._insert(settings, 4, held, jax.random.key(1))
        assert offered.entered.all() and offered.evicted.all()


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


@pytest.mark.parametrize(
    ("cut", "bound"),
    [
        ((), ""),
        (("jaxued",), "at least"),
        (("other", "jaxued"), "at least"),
        (("cairn",), "at most"),
        (("cairn", "jaxued"), "of runs cut on both sides, which says nothing:"),
    ],
)
def test_a_run_that_was_cut_gives_a_bound(cut, bound):
    names = ("cairn", "jaxued", "other")
    rows = [{"side": n, "seed": 0, "reached_s": None if n in cut else 60.0} for n in names]
    sooner = goal._sooner(rows, goal.Config(seeds=(0,), limit_minutes=2.0))["sooner"]
    assert sooner["jaxued"]["bound"] == bound


def test_a_record_names_no_folder(monkeypatch):
    words = ["bench", "ued", "--peers", "jaxued=/a/bin/python@/b/jaxued", "minimax=venv/bin/python"]
    monkeypatch.setattr(sys, "argv", ["cairn", *words, "--json=/c/ued.json", "/d/e.json"])
    peers = "jaxued=PYTHON@CHECKOUT minimax=PYTHON"
    expected = f"cairn bench ued --peers {peers} --json=ued.json e.json"
    assert figures.record("ued", 1, {})["command"] == expected


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("archive --repeats 0", "repeats must be at least 1, got 0"),
        ("env --envs 2 0", "envs must be at least 1, got 0"),
        ("ued --works", "works needs at least one value"),
        ("goal --seeds", "seeds needs at least one value"),
        ("env --json .", "cannot be written"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_it_starts(flags, complaint, capsys):
    assert main.run(["bench", *flags.split()]) == 2
    assert complaint in capsys.readouterr().err


def test_the_command_knows_its_benchmarks(capsys):
    assert main.run(["bench"]) == 0
    text = capsys.readouterr().out
    assert all(
        f"\n  {name} " in text for name in ("ued", "env", "archive", "compile", "goal", "qd")
    )
    assert main.run(["bench", "eud"]) == 2
    assert "Did you mean" in capsys.readouterr().err
    assert main.run(["bench", "env", "--peers", "jaxued"]) == 2
    assert "Expected a peer as NAME=PYTHON" in capsys.readouterr().err


def test_the_page_shows_the_results_on_file(tables):
    page = (ROOT / "docs" / "performance.md").read_text()
    names = {found["name"] for found in tables.MARK.finditer(page)}
    assert names == {*tables.COMMANDS, "roofline"}
    assert tables.MARK.sub(lambda found: tables.block(found["name"]), page) == page


def test_the_default_page_shows_the_results_on_file():
    spec = importlib.util.spec_from_file_location("page", ROOT / "benchmarks" / "default_page.py")
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    files = sorted((ROOT / "benchmarks" / "results" / "maze_default").glob("seed-*.json"))
    text = page.PAGE.read_text()
    assert page.PEER.search(text) and page.MARK.search(text)
    assert page.filled(text, [json.loads(file.read_text()) for file in files]) == text


def test_drivers_of_peers_import_nothing_before_they_are_asked():
    before = set(sys.modules)
    for file in (ROOT / "benchmarks" / "peers").glob("*.py"):
        if file.stem == "pyribs":
            continue  # speaks a protocol of its own
        spec = importlib.util.spec_from_file_location("peer", file)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert not {"jaxued", "minimax", "flax"} & (set(sys.modules) - before)
