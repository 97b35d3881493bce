"""Every benchmark once at its smallest, so that none can rot. No test asserts a time."""

import contextlib
import importlib.util
import json
import shutil
import sys
from collections import Counter
from pathlib import Path

import jax
import numpy as np
import pytest

from cairn.bench import (
    archive,
    clock,
    driver,
    figures,
    goal,
    jail,
    parts,
    sides,
    starting,
    stepping,
    training,
)
from cairn.bench.flops import Cost
from cairn.cli import main
from cairn.core.errors import CairnError

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


@pytest.fixture(scope="module")
def one_process():
    """Sides of one driver are one process here: each would import JAX and trace the cycles again.
    That a side has a process of its own is tested in test_sides."""
    plain, made = sides.Side, {}

    class Shared(plain):
        def close(self):
            """Later: others ask it too."""

    def side(name, command, environment):
        words = tuple(command)
        made[words] = made.get(words) or Shared(name, command, environment)
        return made[words]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sides, "Side", side)
        yield
    for shared in made.values():
        plain.close(shared)


@pytest.fixture
def peers(tmp_path, monkeypatch):
    """Flags for two peers that do the steps they are told to, without computing."""
    for name in training.PEERS:
        shutil.copy(Path(__file__).parent / "peer_driver.py", tmp_path / f"{name}.py")
    monkeypatch.setattr(sides, "DRIVERS", tmp_path)
    return tuple(f"{name}={sys.executable}" for name in training.PEERS)


def test_the_jail_is_timed_beside_no_jail(tmp_path):
    config = jail.Config(tiers=(0, 9), json=tmp_path / "figures.json", tiny=True)
    record = keep(jail.run(config), tmp_path)
    (row,) = record["rows"]
    assert row["overhead_s"]["median"] == row["jailed_s"]["median"] - row["bare_s"]["median"]
    assert row["overhead_cpu_s"]["median"] > 0
    assert "there is no tier 9" in record["absent"]["9"]


@pytest.mark.slow
def test_training_is_measured_beside_peers_and_the_peak(tmp_path, tables, peers, one_process):
    what = {"peers": peers, "extra": ("default-metrics",)}
    config = training.Config(**what, tiny=True, json=tmp_path / "figures.json")
    record = keep(training.run(config), tmp_path)
    dr, accel = record["rows"]
    assert set(dr["sides"]) == {"cairn", "jaxued", "minimax", "minimax, default metrics"}
    assert set(accel["sides"]) == {"cairn", "jaxued"}  # what minimax does not do, it is not asked
    assert dr["sides"]["cairn"]["cycles"]["dr"]["steps"] == {"training": 512}
    for side in accel["sides"].values():
        new, replay = side["cycles"]["accel-new"], side["cycles"]["accel-replay"]
        assert new["weight"] == 0.2 and replay["weight"] == 0.8
        assert {kind: n for kind, n in new["steps"].items() if n} == {"scoring": 512}
        assert {k: n for k, n in replay["steps"].items() if n} == {"training": 512, "mutation": 512}
        # 0.2 new cycles and 0.8 replays: 512 and 1,024 steps each.
        seconds = 0.2 * new["seconds"][0] + 0.8 * replay["seconds"][0]
        assert side["steps_per_second"]["values"] == [pytest.approx(921.6 / seconds)]
    described = tables.describe(record)
    assert "| dr, 2 envs | cairn |" in described and "| accel, 2 envs | jaxued |" in described


class FakeSide(sides.Side):
    """A process of cairn's that takes a second for one seed, 7 for 8 in turns, 9 side by side."""

    def __init__(self, forgets=0):
        self.forgets = forgets

    def ask(self, request):
        form, seeds = request.get("form", "map"), request.get("seeds", 1)
        seconds = {"map": 7.0, "vmap": 9.0}[form] if seeds == 8 else 1.0
        steps = seeds * request["amount"] * request["envs"] * request["length"]
        steps -= self.forgets if form == "vmap" else 0
        return {"seconds": seconds, "did": {"training": steps}, "steps": steps, "form": form,
                "peak_rss_mb": 1.0, "versions": {}}  # fmt: skip


@pytest.mark.parametrize("forgets", [0, 512])
def test_seeds_in_one_program_are_compared_with_one_and_with_the_other_form(
    tmp_path, tables, monkeypatch, forgets
):
    ours = lambda *_, **__: contextlib.nullcontext({sides.OURS: FakeSide(forgets)})  # noqa: E731
    monkeypatch.setattr(training, "opened", ours)
    config = training.Config(tiny=True, works=(), seeds=(8,), json=tmp_path / "figures.json")
    if forgets:
        with pytest.raises(CairnError, match=r"8 seeds did .* vmap"):
            training.run(config)
        return
    record = keep(training.run(config), tmp_path)
    (row,) = record["rows"]
    assert row["times_one_seed"]["median"] == 7.0 and row["form"] == "map"
    assert row["other_form"]["form"] == "vmap"
    assert row["other_form"]["times"]["median"] == pytest.approx(9 / 7)
    assert row["steps"] == {"training": 8 * 512}
    assert "| 8 seeds, 2 envs, by `vmap` | cairn | 1.29" in tables.describe(record)


def test_our_side_trains_the_seeds_it_is_asked_for_in_the_form_it_is_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(driver, "cycles", lambda *given: (asked.append(given) or {}, []))
    for form in ("map", "vmap"):
        request = {"name": "dr", "envs": 2, "length": 8, "amount": 1, "seeds": 2, "form": form}
        assert driver.prepare(request) == {"facts": {"form": form}}
    assert [(chosen.run.seeds, form) for chosen, form in asked] == [(2, "map"), (2, "vmap")]


def test_the_share_of_the_peak_counts_a_gradient_only_where_there_is_one():
    rounds = [training.Mixed(2.0, Counter(training=100, mutation=50))]
    row = training._roofline("accel", 32, 256, rounds, [1e9])
    learned, played = row["flop_per_step"].values()
    assert learned > 15 * played  # a rollout, and five epochs forward and backward
    (share,) = row["share_of_peak"]["values"]
    assert share == pytest.approx((100 * learned + 50 * played) / 2e9)


def test_sides_with_a_teacher_are_asked_for_equal_students_and_filters(monkeypatch, tables):
    asked = {}

    def alternate(sides, requests, repeats):
        asked.update(requests)
        answer = {"seconds": 2.0, "setup_s": 0, "first_s": 0, "second_s": 0, "parameters": 10**6}
        answer |= {"did": {"training": 4000, "designing": 1000}, "steps_per_second": 1.0}
        answer |= {"peak_rss_mb": 1, "versions": {}}
        slow = answer | {"seconds": 8.0, "parameters": 10**6 - 20}
        return {n: [[slow if n == "minimax" else answer]] for n in requests}

    monkeypatch.setattr(training, "alternate", alternate)
    sides = dict.fromkeys(["cairn", "minimax"])
    monkeypatch.setattr(training, "opened", lambda *_, **__: contextlib.nullcontext(sides))
    config = training.Config(updates=1, length=250, students=4, filters=7)
    row = training._measure(config, "population-paired", 8, [])
    assert row["ratios"]["minimax"]["values"] == [4.0] and "share_of_peak" not in row
    assert row["sides"]["cairn"]["steps_per_second"]["values"] == [2500.0]
    same = {"name": "population-paired", "envs": 8, "length": 250, "amount": 1}
    assert asked["cairn"] == asked["minimax"] == [same | {"students": 4, "filters": 7}]
    record = {"benchmark": "ued", "rows": [row], "command": "", "date": "", "repeats": 1}
    record |= {"machine": {"processor": "", "cores": 2, "load": None}}
    assert "| population-paired, 8 envs | minimax |" in tables.describe(record)

    request = asked["cairn"][0] | {"name": "paired", "students": 2}
    chosen = driver.reference(request)
    assert chosen.method == "paired" and chosen.sections["teacher"].filters == 7
    assert (chosen.algorithm.batch, chosen.algorithm.steps_per_cycle) == (8, 250)
    assert chosen.student.filters == 16 and chosen.env.editor.max_steps == 62
    several = driver.reference(asked["cairn"][0])
    assert several.method == "population-paired" and several.algorithm.students == 4


def plain_maze(file, rounds):
    """Episodes ended and reward in the last of `rounds`: the rules without any array."""
    episodes, reward = 0, 0.0
    ways = [(1, 0), (0, 1), (-1, 0), (0, -1)]
    for i, walls in enumerate(file["walls"]):
        begin = (*file["agent"][i], file["heading"][i], 0)
        x, y, heading, time = begin
        for step, action in enumerate(np.tile(file["actions"][:, i], rounds)):
            time += 1
            heading = (heading + (action == 1) - (action == 0)) % 4
            dx, dy = ways[heading] if action == 2 else (0, 0)
            there = min(max(x + dx, 0), 12), min(max(y + dy, 0), 12)
            solved = there == tuple(file["goal"][i])
            if not solved and not walls[there[1], there[0]]:
                x, y = there
            if solved or time == 250:
                if step >= len(file["actions"]) * (rounds - 1):
                    episodes += 1
                    reward += (1 - 0.9 * time / 250) * solved
                x, y, heading, time = begin
    return episodes, reward


@pytest.mark.slow
def test_stepping_plays_the_mazes_on_file_to_their_ends(tmp_path, tables, one_process):
    config = stepping.Config(tiny=True, json=tmp_path / "figures.json")
    record = keep(stepping.run(config), tmp_path)
    side = record["sides"]["cairn"]
    stepping.draw(tmp_path / "mazes.npz", 64, 256)
    # Two runs to prepare, and the one that is timed.
    episodes, reward = plain_maze(np.load(tmp_path / "mazes.npz"), 3)
    work = side["work_by_envs"]["64"]
    assert work["steps"] == 64 * 256
    assert work["episodes"] == episodes and work["reward"] == pytest.approx(reward, rel=1e-4)
    assert reward > 0
    assert "| 64 |" in tables.describe(record)


def test_mazes_on_file_can_be_played(tmp_path):
    stepping.draw(tmp_path / "mazes.npz", 200, 8)
    file = np.load(tmp_path / "mazes.npz")
    rows = np.arange(200)
    for cell in (file["agent"], file["goal"]):
        assert not file["walls"][rows, cell[:, 1], cell[:, 0]].any()
    assert (file["agent"] != file["goal"]).any(axis=1).all()
    assert 20 < file["walls"].sum(axis=(1, 2)).mean() < 25
    assert set(file["heading"]) == set(range(4)) and set(file["actions"].flat) == set(range(7))


def test_a_record_names_its_sources_and_versions(tmp_path, monkeypatch):
    record = figures.record("archive", 1, {"versions": {"other": "1"}})
    assert set(record["versions"]) == {"cairn", "jax", "jaxlib", "numpy", "python", "other"}
    assert record["sources"] == figures.sources() and len(record["sources"]) == 64
    monkeypatch.setattr(figures, "PACKAGE", tmp_path / "src" / "cairn")
    file = tmp_path / "src" / "cairn" / "a.py"
    file.parent.mkdir(parents=True)
    hashes = set()
    for text in ("one", "two"):
        file.write_text(text)
        hashes.add(figures.sources())
    file.rename(file.with_name("b.py"))
    assert len({*hashes, figures.sources()}) == 3


@pytest.mark.slow
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
    both = dict.fromkeys(("cycle", "rollout"), "both")  # as many operations a byte as the machine
    assert bound == both | {"adam": "memory", "update": "memory", "loss": "products"}
    assert found["parts"]["loss"]["seconds"]["median"] == 1.5
    assert found["not_accounted"]["seconds"]["median"] == 3.0


@pytest.mark.slow
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


@pytest.mark.slow
def test_every_offer_to_the_full_archive_enters_and_evicts_in_every_repeat():
    settings = archive.ReplayConfig(capacity=64)
    held = archive.full(jax.random.key(0), 64)
    for _ in range(3):
        held, offered = archive._insert(settings, 4, held, jax.random.key(1))
        assert offered.entered.all() and offered.evicted.all()


@pytest.mark.slow
def test_starting_watches_fresh_processes(tmp_path, tables):
    config = starting.Config(tiny=True, json=tmp_path / "figures.json")
    record = keep(starting.run(config), tmp_path)
    (row,) = record["rows"]
    assert row["cold"]["peak_rss_mb"]["median"] > 0 and row["cached"]["seconds"]["median"] > 0
    assert "| dr |" in tables.describe(record)


@pytest.mark.slow
def test_the_goal_stops_the_clock(tmp_path, tables, one_process):
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
        ("goal --peers minimax=python", "'minimax' is not known here. Expected one of jaxued."),
        ("env --peers pyribs=python", "'pyribs' is not known here"),
        ("lm --peers minimax=python", "'minimax' is not known here. Expected one of trl."),
        ("ued --extra default-metrics", "default-metrics is about minimax"),
        ("env --json .", "cannot be written"),
        ("env --json /", "cannot be written"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_it_starts(flags, complaint, capsys):
    assert main.run(["bench", *flags.split()]) == 2
    assert complaint in capsys.readouterr().err


def test_the_command_knows_its_benchmarks(capsys):
    assert main.run(["bench"]) == 0
    text = capsys.readouterr().out
    assert all(
        f"\n  {name} " in text for name in ("ued", "env", "archive", "compile", "goal", "lm", "qd")
    )
    assert main.run(["bench", "eud"]) == 2
    assert "Did you mean" in capsys.readouterr().err
    assert main.run(["bench", "env", "--peers", "jaxued"]) == 2
    assert "Expected a peer as NAME=PYTHON" in capsys.readouterr().err


def test_drivers_of_peers_import_nothing_before_they_are_asked():
    before = set(sys.modules)
    for name in ("jaxued", "minimax", "qdax", "trl"):  # those that idle until they are told
        file = ROOT / "benchmarks" / "peers" / f"{name}.py"
        spec = importlib.util.spec_from_file_location("peer", file)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert not {"jaxued", "minimax", "flax", "torch"} & (set(sys.modules) - before)
