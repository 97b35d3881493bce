"""A search over language models from Python."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

import cairn
from cairn.core.errors import ConfigError, RunError
from cairn.engine.journal_policy import Failed
from cairn.lm.cast import Application
from cairn.lm.scripted import ScriptedModel


@dataclass(frozen=True)
class Sums(cairn.JsonPolicy):
    """Adds up what the model says."""

    modulus: int = 7

    def init(self):
        return {"sum": 0, "failed": 0}

    def ask(self, state, trial_id, key, pending):
        return {"n": trial_id % self.modulus}

    async def evaluate(self, trial, clients):
        return int(await clients["adder"].ask(f"{trial['n']} plus one?"))

    def tell(self, state, trial, outcome):
        if isinstance(outcome, Failed):
            return {**state, "failed": state["failed"] + 1}
        return {**state, "sum": state["sum"] + outcome}


OTHER = ScriptedModel(lambda *_: "3", "other")
ADDER = ScriptedModel(lambda asked, key: str(int(asked.messages[-1].content.split()[0]) + 1))


def run(tmp_path, policy=Sums(), trials=14, **settings):
    models = settings.pop("models", {"adder": ADDER})
    return cairn.search(
        policy, models=models, trials=trials, run=tmp_path / "run", show=False, **settings
    )


def test_a_search_comes_to_its_state_and_says_what_it_cost(tmp_path):
    found = run(tmp_path)
    assert found.state == {"sum": 2 * sum(range(1, 8)), "failed": 0}
    assert (found.told, found.stopped) == (14, "finished")
    assert [(line.role, line.spent.calls) for line in found.ledger] == [("adder", 14)]
    assert found.spent.calls == 14 and found.path.stat().st_mode & 0o777 == 0o700
    assert (found.path / "versions.json").is_file()


def test_called_again_it_goes_on_and_asks_nothing_twice(tmp_path):
    limited = run(tmp_path, limits={"calls": 5})
    assert limited.spent.calls == 5 and "budget 'run'" in limited.stopped
    found = run(tmp_path, limits={"calls": 50}, trials=21)
    assert found.spent.calls == 21 and found.told == 21
    again = run(tmp_path, limits={"calls": 50}, trials=21)
    assert (again.spent.calls, again.digest) == (21, found.digest)
    assert again.digest == run(tmp_path / "other", trials=21).digest


@pytest.mark.parametrize(
    "changed",
    [{"policy": Sums(5)}, {"seed": 1}, {"lag": 3}, {"models": {"adder": OTHER}}],
)
def test_a_run_of_other_settings_is_refused(tmp_path, changed):
    run(tmp_path, trials=3)
    before = (tmp_path / "run" / "config.json").read_text()
    with pytest.raises(RunError, match=r"was started with|differ|config"):
        run(tmp_path, trials=3, **changed)
    assert (tmp_path / "run" / "config.json").read_text() == before


def test_workers_move_no_result(tmp_path):
    assert run(tmp_path, workers=1).digest == run(tmp_path / "b", workers=8).digest


def test_models_may_be_tables_that_share_a_default(tmp_path):
    models = {
        "default": {"kind": "function", "slots": 3, "max_tokens": 9},
        "adder": {"function": "adder_of_test:answer"},
    }
    (tmp_path / "adder_of_test.py").write_text(
        "async def answer(request):\n"
        "    assert request.sampling.max_tokens == 9\n"
        "    return str(int(request.messages[-1].content.split()[0]) + 1)\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        found = run(tmp_path, models=models)
    finally:
        sys.path.remove(str(tmp_path))
    assert found.state["sum"] == 56


def test_an_answer_that_is_cut_is_a_failure_and_no_outcome(tmp_path):
    found = run(tmp_path, models={"adder": ScriptedModel(lambda *_: "")})
    assert found.state == {"sum": 0, "failed": 14}


MISTAKES = [
    ({"models": {}}, "at least one role"),
    ({"models": {"adder": {"modle": "m"}}}, r"\[models.adder\] has no field 'modle'. Did you mean"),
    ({"models": {"adder": {}}}, r"\[models.adder\] needs the field 'base_url'"),
    ({"limits": {"cals": 3}}, r"\[limits\] has no field 'cals'. Did you mean 'calls'"),
    ({"trials": -1}, "trials must be at least 0"),
    ({"settings": {"f": print}}, "must be JSON"),
]


@pytest.mark.parametrize("given, message", MISTAKES)
def test_a_mistake_is_one_line_before_anything_is_made(tmp_path, given, message):
    with pytest.raises(ConfigError, match=message):
        run(tmp_path, **given)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_run_is_left_alone(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(RunError, match="is not a run of cairn"):
        run(tmp_path)
    assert list((tmp_path / "run").iterdir()) == []


def test_it_runs_where_a_loop_runs_already(tmp_path):
    async def notebook():
        return run(tmp_path)

    assert asyncio.run(notebook()).told == 14


def test_progress_is_shown_or_given_to_a_function(tmp_path, capsys):
    seen = []
    cairn.search(Sums(), models={"adder": ADDER}, trials=7, run=tmp_path / "a", show=seen.append)
    assert seen[-1].told == 7 and capsys.readouterr().err == ""
    cairn.search(Sums(), models={"adder": ADDER}, trials=7, run=tmp_path / "b")
    assert "7/7 trials" in (shown := capsys.readouterr().err) and "7 calls" in shown


def test_an_application_that_is_not_there_is_named_with_its_role(tmp_path):
    with pytest.raises(ConfigError, match=r"\[models.adder\]: nowhere_at_all:answer cannot be"):
        run(tmp_path, models={"adder": Application("nowhere_at_all:answer")})


INTERRUPTED = """
import asyncio, sys
import cairn
from cairn.lm.scripted import FunctionModel

class Slow(cairn.JsonPolicy):
    def ask(self, state, trial_id, key, pending):
        return trial_id
    async def evaluate(self, trial, clients):
        return await clients["m"].ask(str(trial))
    def tell(self, state, trial, outcome):
        return [*state, trial]

async def answer(request):
    n = int(request.messages[-1].content)
    if n == 20:
        print("waiting", flush=True)
    await asyncio.sleep(0.05 if n < 20 or "on" in sys.argv else 60)
    return "x"

def search():
    return cairn.search(Slow(), models={"m": FunctionModel(answer, "m")}, trials=30,
                        run=sys.argv[1], lag=4, show=False)

async def notebook():
    return search()

if sys.argv[2:] == ["notebook"]:  # whose loop leaves Ctrl-C to Python
    found = asyncio.new_event_loop().run_until_complete(notebook())
else:
    found = search()
print(found.told, found.spent.calls)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "number, how", [(signal.SIGINT, []), (signal.SIGTERM, []), (signal.SIGINT, ["notebook"])]
)
def test_a_second_signal_ends_it_at_once_and_it_goes_on_from_there(tmp_path, number, how):
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "run")]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    process = subprocess.Popen(
        [*command, *how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None and process.stdout.readline() == "waiting\n"
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.0)  # what is in flight may still arrive
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode != 0 and "KeyboardInterrupt" in errors
    done = subprocess.run([*command, "on"], capture_output=True, text=True, env=environment)
    told, calls = done.stdout.splitlines()[-1].split()
    # The four in flight were sent again: 30 trials, and no more than those twice.
    assert told == "30" and 30 <= int(calls) <= 34, done.stderr
