"""Programs scored in the jail, honest and not."""

import asyncio
import os

import pytest
import task_folders

from cairn.core.errors import ConfigError
from cairn.research.evaluation import Evaluator
from cairn.research.tasks.evaluator import TaskEvaluator, check, problem_of
from cairn.research.tasks.folder import read_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return read_folder(task_folders.write(tmp_path_factory.mktemp("tasks") / "words"))


def scored(task, text, split="search"):
    return asyncio.run(TaskEvaluator(task)(text, split))


def test_the_starter_is_scored_on_every_split_by_its_own_inputs(task):
    assert isinstance(TaskEvaluator(task), Evaluator)
    got = check(task)
    assert {name: graded.score for name, graded in got.items()} == {
        "search": 0.25, "selection": 0.5, "test": 0.5,
    }  # fmt: skip


def test_a_problem_says_what_to_write_and_where_the_score_is_not_from(task):
    problem = problem_of(task)
    assert problem.splits == ("search", "selection", "test") and problem.initial == task.starter
    assert "`out.csv`" in problem.description and "Smaller is better" in problem.description
    assert problem.fingerprint == task.digest and "words" not in problem.description.split()


@pytest.mark.parametrize(
    ("program", "outcome", "told"),
    [
        ("raise KeyError('age')", "failed", "KeyError: 'age'"),
        ("print('score: 0.0')", "no_result", "without writing out.csv"),
        ("while True: pass", "timeout", "timeout"),
        ("open('out.csv', 'w').write('id,y\\n' + '0,nan\\n' * 4)", "invalid", "not finite"),
        ("open('out.csv', 'w').write('id,y\\n')", "invalid", "must have 4 rows"),
        ("def f(:", "failed", "SyntaxError"),
        ("", "no_result", "without writing"),
        ("x = '\ud800'", "invalid", "no text in UTF-8"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_typed_and_told(task, program, outcome, told):
    got = scored(task, program)
    assert got.score is None and got.outcome == outcome and told in got.feedback


def test_a_planted_leak_gets_no_score_that_it_did_not_earn(task):
    """What a program that lies can do here: print, look for labels, change the grader."""
    answers, grader = task.split("search").answers / "y.csv", task.grader.file
    for program in (
        f"print(open({str(answers)!r}).read())",
        f"import shutil; shutil.copy({str(answers)!r}, 'out.csv')",
        f"import os; os.symlink({str(answers)!r}, 'out.csv')",
        f"open({str(grader)!r}, 'w').write('def grade(results, answers): return 0.0')",
        "import os; os.makedirs('answers/search'); print('{\"score\": 0.0}')",
    ):
        got = scored(task, program)
        assert got.score is None, program
        assert "0,2" not in got.feedback  # a label
    assert grader.read_text() == task_folders.GRADE


def test_nothing_is_told_on_hidden_splits(task):
    got = scored(task, "print('hello'); raise ValueError", "test")
    assert got.outcome == "failed" and got.feedback == "" and got.artefacts == {}
    with pytest.raises(ConfigError, match="no split 'final'"):
        scored(task, "", "final")


def test_inputs_of_other_splits_are_not_there(task):
    got = scored(task, "import os; print(sorted(os.listdir()), os.listdir('inputs'))")
    assert "['inputs', 'program.py']" in got.feedback and "['words.txt']" in got.feedback
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESEARCHER_KEY", "sk-0123456789")
        assert "sk-0123456789" not in scored(task, "import os; print(dict(os.environ))").feedback
    assert os.path.exists(task.split("search").answers)


def test_time_that_no_sum_holds_does_not_better_a_score(tmp_path):
    """Scored by processor time, a program lets children work whose end it ignores."""
    program = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    while time.process_time() < 0.3: pass
    open("out.csv", "w").write("%f" % time.process_time())
    os._exit(0)
try: os.wait()
except ChildProcessError: pass
"""
    grader = """
def grade(results, answers):
    return {"score": results.cpu_seconds, "feedback": results.text("out.csv")}
"""
    folder = task_folders.write(tmp_path / "fast", grade=grader)
    got = scored(read_folder(folder), program)
    assert got.score is not None and got.score >= float(got.feedback.split()[0]) >= 0.3


def test_a_grader_may_ask_in_rounds(tmp_path):
    """Twenty questions: the number is the grader's, the program sees nothing but its answers."""
    grader = """
import json

def grade(results, answers):
    secret, said = 37, []
    for one in results.rounds:
        guess = int(one.numbers("guess.json", 1)[0])
        said.append([guess, (secret > guess) - (secret < guess)])
        if guess == secret:
            return len(said)
    return {"ask": {"said.json": json.dumps(said)}}
"""
    program = """
import json
low, high = 0, 100
for guess, way in json.load(open("said.json")):
    low, high = (guess + 1, high) if way > 0 else (low, guess - 1)
json.dump([(low + high) // 2], open("guess.json", "w"))
"""
    settings = 'metric = "guesses"\nlarger_is_better = false\nresults = ["guess.json"]\nrounds = 7'
    folder = task_folders.write(tmp_path / "guess", grade=grader, settings=settings)
    got = scored(read_folder(folder), program)
    assert (got.score, got.outcome) == (3.0, "ok")  # 50, 24, 37
    stubborn = "import json; json.dump([1], open('guess.json', 'w'))"
    assert scored(read_folder(folder), stubborn).outcome == "grader_error"


def test_a_starter_without_a_score_is_the_tasks_fault(tmp_path):
    folder = task_folders.write(tmp_path / "words", starter="1 / 0")
    with pytest.raises(ConfigError, match=r"its own starter has no score on search \(failed\)"):
        check(read_folder(folder))
