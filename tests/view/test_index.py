"""All runs under a folder: what is said of each, its live state, and what is wrong with it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from made_runs import append, compiled, journaled, line

from cairn.core import locks
from cairn.core.errors import ConfigError
from cairn.core.rundir import RunDir
from cairn.view import index, notes, state
from cairn.view.compiled import Tests as Suites
from cairn.view.index import Runs, Summary

HOLD = """
import os, sys, time
from pathlib import Path
from cairn.core import locks
held = locks.lock(Path(sys.argv[1]))
try:
    print("held", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    held.close()
"""


def only(folder: Path) -> Summary:
    (found,) = Runs(folder).scan()
    return found


@pytest.fixture
def holder(tmp_path):
    """Starts processes that hold a lock, and ends them."""
    started: list[subprocess.Popen] = []

    def start(path: Path) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLD, str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_training_run_is_told_in_a_line(tmp_path):
    compiled(tmp_path, "study/one", seeds=3, skill=0.6)
    run = only(tmp_path)
    assert (run.name, run.kind, run.command) == ("study/one", "compiled", "cairn train")
    assert (run.method, run.task, run.seeds, run.state) == ("accel", "maze", 3, "finished")
    assert run.spent == {"training": 4800, "scoring": 800, "mutation": 2400, "updates": 80,
                         "evaluation": 500}  # fmt: skip
    assert (run.unit, run.cost, run.progress) == ("environment steps", 8_000, 1.0)
    head = run.headline
    assert head is not None and head.name == "solve rate, named"
    assert head.value == pytest.approx(0.4)  # of 0.2, 0.4 and 0.6
    assert head.low is not None and 0.19 < head.low < 0.4 < head.high < 0.61
    assert run.config["student.learning_rate"] == 0.001 and run.problem == ""


def test_one_seed_has_no_interval_and_seeds_that_agree_have_wilsons(tmp_path):
    compiled(tmp_path, "one", seeds=1)
    compiled(tmp_path, "agree", seeds=3, skill=0.0)
    compiled(tmp_path, "two", seeds=2, skill=0.8)
    compiled(tmp_path, "zero", seeds=2, skill=0.0)
    agree, one, two, zero = (run.headline for run in Runs(tmp_path).scan())
    assert one is not None and (one.low, one.high) == (None, None)
    assert agree is not None and agree.value == agree.low == 0 and agree.high > 0.5
    # Two values say nothing about a third: their range is told, and called so.
    assert two is not None and two[1:] == pytest.approx((0.6, 0.4, 0.8))
    assert zero is not None and zero[1:] == (0, 0, 0)


def test_without_tests_the_headline_is_of_training_and_says_so(tmp_path):
    compiled(tmp_path, "a", every=0)
    compiled(tmp_path, "b", every=0, metrics=("coverage", "qd_score"), method="map-elites")
    compiled(tmp_path, "c", every=0, metrics=("loss",))
    heads = [run.headline for run in Runs(tmp_path).scan()]
    assert [head and head.name for head in heads] == ["solve rate in training", "QD score", None]


def test_a_seed_tested_earlier_than_the_others_counts_with_its_own_last_test(tmp_path):
    run = compiled(tmp_path, "one", lines=2, every=0)
    tested = line(0.5, skill=1.0)
    first, second = (json.loads(json.dumps(tested)) for _ in range(2))
    for row, seed in ((first, 1), (second, 0)):
        for figures in row["evaluation"].values():
            figures["solve_rate"][seed] = None
    append(run, [first, second])
    head = only(tmp_path).headline
    assert head is not None and head.value == pytest.approx((0.25 + 0.5) / 2)
    # A newer test of the first seed alone: the second keeps the one it had.
    newer = line(1.0, skill=1.0)
    for figures in newer["evaluation"].values():
        figures["solve_rate"] = [1.0, None]
    append(run, [newer, line(1.0, skill=None)])
    head = only(tmp_path).headline
    assert head is not None and head.value == pytest.approx((1.0 + 0.5) / 2)
    both = line(1.0, skill=0.0)
    append(run, [both, newer])
    head = only(tmp_path).headline
    assert head is not None and head.value == pytest.approx((1.0 + 0.0) / 2)


def test_a_run_over_language_models_is_told_in_a_line(tmp_path):
    journaled(tmp_path, "red", trials=10, told=4, calls=8)
    run = only(tmp_path)
    assert (run.kind, run.command) == ("journaled", "cairn redteam run")
    assert (run.method, run.task, run.state) == ("rainbow", "small", "stopped")
    assert run.spent == {"calls": 8, "tokens": 400, "money": pytest.approx(8e-5)}
    assert (run.unit, run.cost, run.progress) == ("calls", 8, 0.4)
    assert run.headline == ("attack success rate", 0.5, 0.25, 0.75)
    assert run.created == pytest.approx(1767323045)


def test_a_journaled_run_is_finished_when_its_summary_or_its_trials_say_so(tmp_path):
    journaled(tmp_path, "a-run", told=10)
    journaled(tmp_path, "b-limit", told=10, stopped="calls")
    journaled(tmp_path, "c-search", command="cairn.search", told=10, success=None)
    journaled(tmp_path, "d-search", command="cairn.search", told=9, success=None)
    states = [run.state for run in Runs(tmp_path).scan()]
    assert states == ["finished", "stopped", "finished", "stopped"]


def test_looking_at_a_journal_writes_nothing(tmp_path):
    run = journaled(tmp_path, "red")
    before = {path.name: path.stat().st_mtime_ns for path in run.iterdir()}
    Runs(tmp_path).scan()
    assert {path.name: path.stat().st_mtime_ns for path in run.iterdir()} == before


def test_a_lock_that_is_held_left_or_lost_is_told_apart(tmp_path, holder):
    run, runs = compiled(tmp_path, "one", done=0.5), Runs(tmp_path)
    assert runs.get("one").state == "stopped" and runs.get("one").progress == 0.5
    process = holder(run / "lock")
    assert runs.get("one").state == "running"
    process.send_signal(signal.SIGINT)
    process.wait()
    assert (run / "lock").read_text() == "" and runs.get("one").state == "stopped"
    process = holder(run / "lock")
    process.kill()
    process.wait()
    assert (run / "lock").read_text() == f"{process.pid} {os.uname().nodename}"
    assert [one.state for one in runs.scan()] == ["killed"]
    with RunDir.open(run).lock():
        assert runs.get("one").state == "running"
    assert runs.get("one").state == "stopped"


def test_either_lock_of_a_journaled_run_tells(tmp_path, holder):
    run = journaled(tmp_path, "red", told=3, stopped="calls")
    process = holder(run / "journal.sqlite.lock")
    assert only(tmp_path).state == "running"
    process.kill()
    process.wait()
    assert only(tmp_path).state == "killed"


def test_a_run_nobody_ever_locked_is_stopped_or_finished(tmp_path):
    for name, done in (("done", 1.0), ("half", 0.5)):
        (compiled(tmp_path, name, done=done) / "lock").unlink()
    assert [run.state for run in Runs(tmp_path).scan()] == ["finished", "stopped"]


def test_a_process_id_alone_was_left_by_an_older_release_and_tells_nothing(tmp_path):
    (compiled(tmp_path, "one", done=0.5) / "lock").write_text("1234")
    assert only(tmp_path).state == "stopped"


def test_who_only_reads_a_run_does_not_run_it_and_leaves_what_stood_there(tmp_path):
    run = compiled(tmp_path, "one", done=0.5)
    (run / "lock").write_text("1 elsewhere")
    with RunDir.open(run).reading():
        assert only(tmp_path).state == "killed"
        with pytest.raises(locks.InUseError, match=rf"in use by process {os.getpid()}:"):
            RunDir.open(run).lock().__enter__()
    assert (run / "lock").read_text() == "1 elsewhere\n" and only(tmp_path).state == "killed"


def test_looking_never_keeps_a_trainer_from_its_lock(tmp_path, holder):
    run = compiled(tmp_path, "one", done=0.5)
    (run / "lock").write_text("1 elsewhere")  # the case in which a lock is tried
    script = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_SH)
print("held", flush=True)
import time; time.sleep(0.05)
"""
    command = [sys.executable, "-c", script, str(run / "lock")]
    looking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert looking.stdout is not None and looking.stdout.readline() == "held\n"
    with RunDir.open(run).lock():
        assert only(tmp_path).state == "running"
    looking.communicate()


def test_without_the_kernels_list_a_lock_is_tried(tmp_path, holder, monkeypatch):
    run = compiled(tmp_path, "one", done=0.5)
    monkeypatch.setattr("cairn.view.index.locks_now", lambda: None)
    process = holder(run / "lock")
    assert only(tmp_path).state == "running"
    process.kill()
    process.wait()
    assert only(tmp_path).state == "killed"


def test_where_the_list_names_another_device_the_process_decides(tmp_path, holder):
    lock = compiled(tmp_path, "one", done=0.5) / "lock"
    process = holder(lock)
    listed = tmp_path / "locks"
    entry = f"1: FLOCK  ADVISORY  WRITE {{}} 00:99:{lock.stat().st_ino} 0 EOF\n"
    listed.write_text(entry.format(process.pid))
    assert state.hold(lock, state.locks_now(listed)) == "held"
    process.send_signal(signal.SIGINT)
    process.wait()
    assert state.hold(lock, state.locks_now(listed)) == "free"
    lock.write_text("1 elsewhere")
    listed.write_text(entry.format(5))
    assert state.hold(lock, state.locks_now(listed)) == "left"


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", '{"run": ', "config.json is no JSON, or half written."),
        ("config.json", "", "config.json is empty."),
        ("config.json", "[]", "config.json holds list, expected a JSON object."),
        ("config.json", None, "config.json is missing."),
        ("config.json", "{}", "It cannot be read (KeyError: 'experiment')."),
        ("versions.json", None, "versions.json is missing."),
        ("versions.json", '{"format": 1, "cairn": "0.0"}', "written by an older cairn (0.0)"),
        ("versions.json", '{"format": 9}', "written by a newer cairn (None): its format is 9"),
    ],
)
def test_a_broken_run_says_why_and_the_others_are_there(tmp_path, file, content, said):
    compiled(tmp_path, "fine")
    broken = compiled(tmp_path, "broken")
    (broken / file).unlink()
    if content is not None:
        (broken / file).write_text(content)
    bad, good = Runs(tmp_path).scan()
    assert (bad.kind, bad.state, bad.seeds) == ("broken", "unreadable", 0)
    assert said in bad.problem and "\n" not in bad.problem
    assert good.problem == "" and good.state == "finished"


def test_damage_inside_a_run_is_said_beside_what_can_be_read(tmp_path):
    run = compiled(tmp_path, "lines")
    with (run / "metrics.jsonl").open("a") as file:
        file.write("damaged\n")
    red = journaled(tmp_path, "red")
    (red / "journal.sqlite").write_bytes(b"no database at all" * 100)
    (red / "summary.json").write_text("{")
    lines, journal = Runs(tmp_path).scan()
    assert lines.problem == "The newest line of metrics.jsonl that can be read is 1 before its end."
    assert lines.headline is not None and lines.progress == 1.0
    assert "journal.sqlite cannot be read as a journal (file is not a database)" in journal.problem
    assert journal.kind == "journaled" and journal.headline is None


def test_links_pipes_and_what_is_forbidden_are_not_opened(tmp_path):
    run = compiled(tmp_path, "one")
    (run / "metrics.jsonl").unlink()
    os.mkfifo(run / "metrics.jsonl")
    assert only(tmp_path).problem == "metrics.jsonl is no file."
    shutil.copy(run / "config.json", tmp_path / "secret.json")
    (run / "config.json").unlink()
    (run / "config.json").symlink_to(tmp_path / "secret.json")
    assert only(tmp_path).problem == "config.json cannot be read: it is a link, which is not " \
        "followed."  # fmt: skip


def test_hidden_folders_links_and_what_is_inside_runs_are_no_runs(tmp_path):
    compiled(tmp_path / "away", "run")
    runs = tmp_path / "runs"
    run = compiled(runs, "a/deep/one")
    compiled(runs, ".one.new-x7")
    compiled(run, "inside")
    (runs / "loop").symlink_to(runs)
    (runs / "out").symlink_to(tmp_path / "away")
    (runs / "empty").mkdir()
    found = Runs(runs)
    assert [one.name for one in found.scan()] == ["a/deep/one"]
    for name in ("../away/run", "out/run", "loop/a/deep/one", "/etc", "", ".", "a", "a/deep/one/",
                 "a//deep/one", "a/deep/one/inside", ".one.new-x7", "a/../a/deep/one", "x\0y",
                 "empty", str(run)):  # fmt: skip
        with pytest.raises(KeyError):
            found.get(name)
    assert found.get("a/deep/one").method == "accel"


def test_a_folder_that_is_a_run_is_its_only_one(tmp_path):
    run = compiled(tmp_path, "one")
    assert only(run).name == "one" and Runs(run).get("one").seeds == 2
    with pytest.raises(KeyError):
        Runs(run).get("checkpoints")


def test_only_what_changed_is_read_again(tmp_path, monkeypatch):
    for name in ("a", "b"):
        compiled(tmp_path, name, done=0.5)
    runs = Runs(tmp_path)
    first, _ = runs.scan()
    append(tmp_path / "b", [line(1.0)])
    again, changed = runs.scan()
    assert again is first and (changed.state, changed.progress) == ("finished", 1.0)
    shutil.rmtree(tmp_path / "a")
    compiled(tmp_path, "new")
    assert [run.name for run in runs.scan()] == ["b", "new"]
    with pytest.raises(KeyError):
        runs.get("a")


def test_a_run_deleted_between_list_and_look_is_left_out(tmp_path, monkeypatch):
    compiled(tmp_path, "a")
    runs = Runs(tmp_path)
    monkeypatch.setattr(runs._walk, "runs", lambda: ["a", "gone"])
    assert [run.name for run in runs.scan()] == ["a"]


def test_a_folder_that_may_not_be_looked_into_is_said_and_the_rest_goes_on(tmp_path, monkeypatch):
    compiled(tmp_path, "fine")
    compiled(tmp_path, "forbidden/one")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("forbidden"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    runs = Runs(tmp_path)
    assert [run.name for run in runs.scan()] == ["fine"]
    assert runs.problems == (f"{tmp_path}/forbidden cannot be looked into: Permission denied.",)


def test_a_folder_of_no_name_in_utf8_is_said(tmp_path):
    compiled(tmp_path, "fine")
    os.mkdir(os.fsencode(tmp_path) + b"/bad\xff")
    compiled(tmp_path, "fine\n")  # its address would be that of the other
    runs = Runs(tmp_path)
    assert [run.name for run in runs.scan()] == ["fine"]
    assert len(runs.problems) == 2
    for problem in runs.problems:
        assert "has no name in UTF-8 on one line" in problem and problem.isascii()
        assert problem.isprintable()


def test_a_folder_that_is_missing_is_said_at_once(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere does not exist; expected the folder of the"):
        Runs(tmp_path / "nowhere")
    assert Runs(tmp_path).scan() == []


def test_nothing_here_imports_jax_or_matplotlib():
    script = (
        "import sys, cairn.view.index, cairn.view.lines, cairn.view.notes\n"
        "sys.exit(bool({'jax', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_a_run_that_is_slow_to_read_rests_but_what_is_noted_of_it_is_there_at_once(
    tmp_path, monkeypatch
):
    run = compiled(tmp_path, "busy", done=0.5)
    monkeypatch.setattr(index, "SLOW_S", -1.0)
    monkeypatch.setattr(index, "RESTS", 1e9)
    with RunDir(run).lock():
        runs = Runs(tmp_path)
        (first,) = runs.scan()
        append(run, [line(1.0)])
        assert runs.scan() == [first]
        notes.write(run, star=True)
        assert runs.get("busy").star


def test_the_headline_of_a_language_run_is_of_its_usual_problems():
    tests = Suites()
    tests.older({"evaluation": {"shifted": {"solve_rate": [0.1]}, "test": {"solve_rate": [0.4]}}})
    assert (tests.suite, tests.values) == ("test", {0: 0.4})
