"""A map from Python: a source, work, a sink, in a directory of its own."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import cairn
from cairn.core.errors import ConfigError, RunError
from cairn.lm.scripted import ScriptedModel

MODEL = ScriptedModel(lambda request, key: f"{request.messages[-1].content}!", name="shouter")
TEXTS = [{"name": f"n{i}", "text": f"text {i}"} for i in range(9)]


async def shout(item, clients, key):
    if item.value["text"].endswith("4"):
        raise cairn.Reject("no fours")
    said = await clients["m"].ask(item.value["text"], purpose="shout")
    return {"name": item.id, "said": said}


def go(tmp_path, **options):
    settings = {"source": TEXTS, "sink": tmp_path / "out.jsonl", "id": "name", "show": False}
    return cairn.map(shout, run=tmp_path / "run", models={"m": MODEL}, **settings | options)


def test_a_list_is_worked_on_and_gone_on_with(tmp_path):
    first = go(tmp_path, fold=lambda outcome: {outcome.kind: 1})
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows == [
        {"name": row["name"], "said": row["text"] + "!"} for row in TEXTS if row["name"] != "n4"
    ]
    assert (first.items, first.done, first.rejected, first.failed) == (9, 8, 1, 0)
    assert first.counts == {"done": 8, "rejected": 1} and first.spent.calls == 8
    assert [outcome.kind for outcome in first.outcomes()].count("rejected") == 1
    again = go(tmp_path)
    assert (again.done, again.spent.calls) == (8, 8)


def test_the_work_may_change_its_version_only_in_a_new_run(tmp_path):
    go(tmp_path)
    with pytest.raises(RunError, match="version"):
        go(tmp_path, version="2")
    with pytest.raises(RunError, match=r"models\.m was"):
        cairn.map(
            shout, source=TEXTS, run=tmp_path / "run", id="name", show=False,
            models={"m": ScriptedModel(lambda *_: "x", name="other")},
        )  # fmt: skip


MISTAKES = """
import cairn
from cairn.core.errors import ConfigError
from cairn.lm.scripted import ScriptedModel

class Never:
    def init(self): raise AssertionError

async def work(item, clients, key): raise AssertionError

models = {"m": ScriptedModel(lambda *_: "")}
sound = {"map": {"source": [1]}, "search": {"trials": 1, "models": models}}
calls = {"map": cairn.map, "search": cairn.search}
for name, given in (
    ("map", {"source": 5}), ("map", {"workers": "a"}), ("map", {"shard": None}),
    ("map", {"ray": "two"}), ("map", {"limits": 5}), ("map", {"models": 5}),
    ("search", {"trials": "many"}), ("search", {"trials": -1}), ("search", {"workers": "a"}),
    ("search", {"limits": 5}), ("search", {"models": 5}), ("search", {"run": 5}),
    ("map", {"run": 5}), ("map", {"sink": 5}),
):
    first = work if name == "map" else Never()
    try:
        calls[name](first, **{"run": "run", "show": False, **sound[name], **given})
    except ConfigError as error:
        print(name, *given, "|", error)
"""


def test_values_of_another_kind_are_one_line_before_anything_is_made(tmp_path):
    # In a process of its own: here, the types of arguments are checked before cairn sees them.
    done = subprocess.run(
        [sys.executable, "-c", MISTAKES], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == "" and list(tmp_path.iterdir()) == []
    told = done.stdout.splitlines()
    assert len(told) == 14 and all("got " in line for line in told), done.stdout


def test_a_directory_that_is_no_map_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match="is not a run of cairn"):
        go(tmp_path)


def test_a_limit_is_said_and_can_be_raised(tmp_path):
    stopped = go(tmp_path, limits={"calls": 3}, workers=1)
    assert "Raise the limit" in stopped.stopped and stopped.sink is None
    assert go(tmp_path, limits={"calls": 30}).done == 8


def test_models_that_other_processes_cannot_import_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="the model 'm' must be importable in other processes"):
        go(tmp_path, processes=2)

    async def local(item, clients, key):
        return item.id

    with pytest.raises(ConfigError, match=r"the work must be importable .* work, models and fold"):
        cairn.map(local, source=TEXTS, run=tmp_path / "b", id="name", processes=2, show=False)


def test_the_summary_is_one_line(tmp_path, capsys):
    go(tmp_path, show=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "out.jsonl: 8 of 9 items, 1 rejected, 8 calls, 32 tokens, 0.0000 in money; finished"
    )


UNGUARDED = """
import cairn
from cairn.core.errors import CairnError
async def work(item, clients, key): return item.value
try:
    print(cairn.map(work, source=[1, 2], run="run", processes=2, show=False).done)
except CairnError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_script_without_its_guard_is_told_so(tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True
    )
    assert 'below `if __name__ == "__main__":`' in done.stdout and done.stderr == ""


INTERRUPTED = """
import asyncio, sys
import cairn
from cairn.lm.scripted import FunctionModel

async def answer(request):
    n = int(request.messages[-1].content.rpartition(" ")[2])
    if n == 20:
        print("waiting", flush=True)
    await asyncio.sleep(0.3)
    return "x"

async def work(item, clients, key):
    return await clients["m"].ask(f"number {item.value}")

models = {"m": FunctionModel(answer, "m")}
done = cairn.map(work, source=list(range(40)), run=sys.argv[1], sink=sys.argv[1] + ".jsonl",
                 models=models, workers=4, shard=6, show=False)
print(done.done, done.spent.calls, done.maybe_twice)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_what_is_in_flight_arrive_and_it_goes_on_from_there(tmp_path, number):
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "run")]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None and process.stdout.readline() == "waiting\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0 and "KeyboardInterrupt" in errors
    assert f"stopped; call again with run='{tmp_path}/run' to go on.\n" in errors
    assert "no running event loop" not in errors
    assert not (tmp_path / "run.jsonl").exists()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines()[-1] == "40 40 0", done.stderr
    assert len((tmp_path / "run.jsonl").read_text().splitlines()) == 40


IN_PROCESSES = """
import asyncio, os, sys
import cairn
from cairn.lm.scripted import FunctionModel

async def answer(request):
    await asyncio.sleep(0.2)
    log = os.open("calls.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, b"x")
    os.close(log)
    return "x"

async def work(item, clients, key):
    return await clients["m"].ask(f"number {item.value}")

if __name__ == "__main__":
    done = cairn.map(work, source=list(range(60)), run="run", sink="out.jsonl", processes=2,
                     models={"m": FunctionModel(answer, "m")}, workers=4, shard=6, show=False)
    print(done.done, done.spent.calls, done.maybe_twice)
"""


@pytest.mark.slow
def test_ctrl_c_at_a_terminal_reaches_all_processes_and_nothing_is_paid_twice(tmp_path):
    (tmp_path / "script.py").write_text(IN_PROCESSES)
    command, where = [sys.executable, "script.py"], {"cwd": tmp_path, "text": True}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **where
    )
    log = tmp_path / "calls.log"
    while process.poll() is None and not log.exists():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0 and errors.count("Traceback") == 1
    assert 0 < len(log.read_text()) < 60
    done = subprocess.run(command, capture_output=True, **where)
    assert done.stdout.split() == ["60", "60", "0"], done.stderr
    assert len(log.read_text()) == 60
