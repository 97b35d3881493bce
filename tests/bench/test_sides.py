"""Sides as processes: what they answer, in which order, and what is refused."""

import sys
from pathlib import Path

import pytest

from cairn.bench import sides, stepping, training
from cairn.bench.sides import OURS, Peer, Side, alternate
from cairn.core.errors import CairnError

DRIVER = Path(__file__).parent / "peer_driver.py"
SERVE = Path(sides.__file__).parent / "serve.py"
WORK = {"name": "dr", "envs": 2, "length": 8, "amount": 3}


@pytest.fixture
def side():
    one = Side("peer", [sys.executable, str(SERVE), str(DRIVER)], {})
    yield one
    one.close()


def test_a_side_counts_the_steps_of_the_timed_run_only(side):
    for _ in range(2):
        answer = side.ask(WORK)
        assert answer["did"] == {"training": 48} and answer["steps"] == 48
        assert answer["steps_per_second"] == pytest.approx(48 / answer["seconds"])
        assert answer["parameters"] == 432_929 and answer["outcome"] == {"episodes": 1}
    assert {"setup_s", "first_s", "second_s", "peak_rss_mb"} <= set(answer)
    assert set(answer["versions"]) == {"numpy", "python", "device"}
    assert "seconds" not in side.ask(WORK | {"prepare": True})


def test_a_side_runs_until_the_goal_is_reached_in_a_row(side):
    answer = side.ask(WORK | {"goal": 0.3, "in_a_row": 2, "limit_s": 60})
    assert [point["solve_rate"] for point in answer["curve"]] == [0.5, 0.1, 0.3, 0.4]
    assert [point["steps"] for point in answer["curve"]] == [48, 96, 144, 192]
    assert answer["reached_s"] == answer["curve"][-1]["seconds"]
    cut = side.ask(WORK | {"goal": 0.95, "in_a_row": 1, "limit_s": 0})
    assert cut["reached_s"] is None and len(cut["curve"]) == 1  # a test, however late


def test_each_side_is_a_process_of_its_own_and_gone_at_the_end():
    peers = [Peer(name, sys.executable, None, DRIVER) for name in ("one", "two")]
    with sides.opened(peers, ours=()) as found:
        processes = [side._process for side in found.values()]
        assert len({process.pid for process in processes}) == 2
        assert [side.ask(WORK)["outcome"] for side in found.values()] == [{"episodes": 1}] * 2
        assert [process.poll() for process in processes] == [None, None]
    assert [process.poll() for process in processes] == [0, 0]


def test_a_side_that_ended_is_told_and_closed():
    gone = Side("peer", [sys.executable, "-c", ""], {})
    gone._process.wait()
    with pytest.raises(CairnError, match=r"peer could not do .* its process ended"):
        gone.ask(WORK)
    gone.close()


def test_a_failure_of_a_side_is_told_in_its_own_words(side):
    with pytest.raises(CairnError, match=r"peer could not do .*broken.*ValueError: no such work"):
        side.ask({"name": "broken"})
    assert side.ask(WORK)["steps"] == 48  # and it goes on


class Scripted(Side):
    """A side that notes when it was asked, without a process."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def ask(self, request):
        self.calls.append((self.name, request["work"], request.get("prepare", False)))
        return {"answer": len(self.calls)}


def test_rounds_alternate_between_sides_after_everybody_is_prepared():
    calls = []
    both = {name: Scripted(name, calls) for name in ("a", "b")}
    wanted = {"a": [{"work": 1}, {"work": 2}], "b": [{"work": 1}]}
    answers = alternate(both, wanted, 2)
    assert calls[:3] == [("a", 1, True), ("a", 2, True), ("b", 1, True)]
    one_round = [("a", 1, False), ("b", 1, False), ("a", 2, False)]
    assert calls[3:] == one_round * 2
    assert [len(given) for given in answers["a"] + answers["b"]] == [2, 2, 2]


def test_a_peer_is_named_with_its_interpreter_and_checkout(tmp_path):
    (tmp_path / "toy.py").touch()
    known = ("toy", "odd")
    peer = Peer.parse(f"toy={sys.executable}@{tmp_path}", known, tmp_path)
    assert peer == Peer("toy", sys.executable, str(tmp_path), tmp_path / "toy.py")
    assert Peer.parse(f"toy={sys.executable}", known, tmp_path).checkout is None
    for text, complaint in (
        ("toy", "Expected a peer as NAME=PYTHON"),
        ("toy=no-such-program", "no-such-program is not a program"),
        (f"toy={sys.executable}@{tmp_path}/none", "there is no folder"),
        (f"odd={sys.executable}", "no driver for peer 'odd'. Drivers are in benchmarks/peers"),
        (f"toi={sys.executable}", "'toi' is not known here. Expected one of toy, odd. Did you"),
    ):
        with pytest.raises(CairnError, match=complaint):
            Peer.parse(text, known, tmp_path)


def answer(parameters=100_000, did=None, seconds=1.0):
    did = did or {"training": 10}
    return {"parameters": parameters, "did": did, "seconds": seconds, "steps": sum(did.values())}


def test_unequal_work_is_refused():
    same = {OURS: [[answer()]], "peer": [[answer(100_005, {"training": 10, "scoring": 0})]]}
    training._check_same(same)
    with pytest.raises(CairnError, match="100,000 parameters, peer's 100,020"):
        training._check_same({OURS: [[answer()]], "peer": [[answer(100_020)]]})
    with pytest.raises(CairnError, match="Round 0: cairn did"):
        training._check_same({OURS: [[answer()]], "peer": [[answer(did={"training": 9})]]})


def played(steps=1000, episodes=4, reward=1.0):
    return {"steps": steps, "outcome": {"episodes": episodes, "reward": reward}}


@pytest.mark.parametrize("other", [played(999), played(episodes=5), played(reward=1.01)])
def test_sides_that_played_another_game_are_refused(other):
    stepping.check_same({OURS: [[played()]], "peer": [[played(reward=1.0001)]]})
    with pytest.raises(CairnError, match=r"Round 1: cairn did .*1000.* not one game"):
        stepping.check_same({OURS: [[played()] * 2], "peer": [[played(), other]]})


def test_kinds_of_cycle_are_mixed_as_often_as_they_happen():
    new = [answer(did={"scoring": 100}, seconds=1.0)]
    replay = [answer(did={"training": 100, "mutation": 100}, seconds=5.0)]
    # Of ten cycles two draw new levels: 200 + 1600 steps in 2 + 40 seconds.
    rates = training._mixed(["accel-new", "accel-replay"], [new, replay])
    assert rates == [pytest.approx(1800 / 42)]
