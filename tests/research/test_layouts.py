"""Small folders in the layouts of other benchmarks, made here, read and run."""

import asyncio
import json
import random

import pytest

from cairn.core.errors import ConfigError
from cairn.research.layouts import airs_bench, discogen, mle_bench, mlgym, speedrun
from cairn.research.metrics.discovery import Discovery, Odds, sample
from cairn.research.metrics.medals import rank
from cairn.research.metrics.normalised import normalised
from cairn.research.tasks.evaluator import TaskEvaluator
from cairn.research.tasks.grading import Round
from cairn.research.tasks.scripts import grade_by_script, last_object
from cairn.research.tasks.task import Bounds

QUICK = Bounds(seconds=20)


def lay(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def scored(task, program, split="test"):
    return asyncio.run(TaskEvaluator(task)._graded(program, split))


@pytest.fixture
def competition(tmp_path):
    pytest.importorskip("pandas")
    rows = "".join(f"{i},{i % 7},{i % 7 * 2}\n" for i in range(40))
    return lay(tmp_path, {
        "mle/mlebench/__init__.py": "",
        "mle/mlebench/grade_helpers.py": "class InvalidSubmissionError(Exception): pass\n",
        "mle/mlebench/competitions/toy/config.yaml": """
id: toy
dataset: {answers: toy/prepared/private/test.csv,
          sample_submission: toy/prepared/public/sample_submission.csv}
grader: {name: mae, grade_fn: "mlebench.competitions.toy.grade:grade"}
""",
        "mle/mlebench/competitions/toy/description.md": "Double it.",
        "mle/mlebench/competitions/toy/leaderboard.csv": "score\n0.0\n0.5\n1.0\n2.0\n",
        "mle/mlebench/competitions/toy/grade.py": """
from mlebench.grade_helpers import InvalidSubmissionError
def grade(submission, answers):
    if len(submission) != len(answers):
        raise InvalidSubmissionError("as many rows as answers")
    both = submission.merge(answers, on="id")
    return (both["y_x"] - both["y_y"]).abs().mean() + 0.0000012
""",
        "data/toy/prepared/public/train.csv": "id,x,y\n" + rows,
        "data/toy/prepared/public/test.csv": "id,x\n100,3\n101,4\n",
        "data/toy/prepared/public/sample_submission.csv": "id,y\n100,0\n101,0\n",
        "data/toy/prepared/private/test.csv": "id,y\n100,6\n101,8\n",
    })  # fmt: skip


SOLVE = """
import csv, os
os.makedirs("submission")
rows = list(csv.DictReader(open("inputs/test.csv")))
with open("submission/submission.csv", "w") as file:
    file.write("id,y\\n" + "".join(f"{r['id']},{2 * int(r['x']) + OFF}\\n" for r in rows))
"""


@pytest.mark.slow
def test_mle_bench_is_graded_by_its_own_function_and_ranked_on_its_leaderboard(competition):
    folder = competition / "mle/mlebench/competitions/toy"
    task = mle_bench.read(folder, competition / "data", bounds=QUICK)
    assert list(task.splits) == ["test"] and not task.larger_is_better
    got = scored(task, SOLVE.replace("OFF", "0.5"))
    assert (got.outcome, got.score) == ("ok", 0.5)  # rounded to five places
    assert rank(got.score, mle_bench.scores(folder)).medal is None
    assert rank(0.0, mle_bench.scores(folder)).medal == "gold"
    short = SOLVE.replace("OFF", "0").replace("in rows)", "in rows[1:])")
    assert "as many rows as answers" in scored(task, short).feedback
    empty = scored(
        task, "import os; os.makedirs('submission'); open('submission/submission.csv','w')"
    )
    assert empty.outcome == "invalid" and "submission.csv is no table" in empty.feedback


@pytest.mark.slow
def test_mle_bench_can_be_carved_into_splits_that_share_no_row(competition):
    folder = competition / "mle/mlebench/competitions/toy"
    task = mle_bench.read(folder, competition / "data", bounds=QUICK)
    carved = mle_bench.carve(task, competition / "carved")
    assert list(carved.splits) == ["search", "selection", "test"]
    ids = [
        {line.split(",")[0] for line in path.read_text().splitlines()[1:]}
        for path in (carved.train / "train.csv", *(carved.split(s).inputs / "test.csv"
                     for s in ("search", "selection")))
    ]  # fmt: skip
    assert [len(some) for some in ids] == [24, 8, 8] and len(set.union(*ids)) == 40
    assert "y" not in (carved.split("search").inputs / "test.csv").read_text().splitlines()[0]
    assert scored(carved, SOLVE.replace("OFF", "1"), "search").score == 1.0
    with pytest.raises(ConfigError, match="is there already"):
        mle_bench.carve(task, competition / "carved")
    with pytest.raises(ConfigError, match="run `mlebench prepare` first"):
        mle_bench.read(folder, competition)


MLGYM = """
id: doubling
name: Doubling
description: "Double it. {{dataset_docs}}"
task_entrypoint: {entry}
training_timeout: 20
eval_timeout: 20
starter_code: [data/doubling/evaluate.py, data/doubling/{starter}]
dataset_configs: [datasets/numbers.yaml]
baseline_scores: [{{Error: 4.0}}]
evaluation_paths: [evaluate.py]
evaluation_read_only: true
{more}
"""


@pytest.mark.slow
def test_mlgym_csv_tasks_run_their_own_script_on_labels_that_no_program_sees(tmp_path):
    root = lay(tmp_path, {
        "configs/tasks/doubling.yaml": MLGYM.format(
            entry="CSVSubmissionTasks", starter="baseline.py", more="metric_lower_is_better: true"),
        "configs/datasets/numbers.yaml": "description: Numbers from 1 to 3.",
        "data/doubling/baseline.py": "open('submission.csv', 'w').write('0\\n0\\n0\\n')",
        "data/doubling/evaluate.py": """
import argparse, json
p = argparse.ArgumentParser(); p.add_argument("--submission_file"); a = p.parse_args()
found = [float(x) for x in open(a.submission_file)]
truth = [float(x) for x in open("data/labels.txt")]
print("Loading {} labels")
print(json.dumps({"Error": sum(abs(x - y) for x, y in zip(found, truth)) / 3}))
""",
        "labels/labels.txt": "2\n4\n6\n",
    })  # fmt: skip
    task = mlgym.read(root, "doubling", answers=root / "labels")
    assert task.description == "Double it. Numbers from 1 to 3." and not task.larger_is_better
    assert task.baselines == {"Error": {"test": 4.0}} and list(task.splits) == ["test"]
    assert scored(task, task.starter).score == 4.0
    forged = """
open('submission.csv', 'w').write('2\\n4\\n6\\n7\\n')
open('evaluate.py', 'w').write('print(\\'{"Error": -1}\\')')
"""
    assert scored(task, forged).score == 0.0  # not by its own evaluate.py
    assert scored(task, "open('data/labels.txt')").outcome == "failed"
    assert scored(task, "open('submission.csv', 'w').write('x')").outcome == "grader_error"
    left = [Round({"submission.csv": b"2"})]
    not_run = asyncio.run(grade_by_script(task, "test", left, tier=9))
    assert not_run.outcome == "grader_error"  # a fault of the jail, after the candidate's end
    both = mlgym.read(root, "doubling", answers=root / "labels", search_on_test=True)
    assert list(both.splits) == ["search", "test"]


@pytest.mark.slow
def test_mlgym_python_tasks_hand_the_program_to_the_script(tmp_path):
    root = lay(tmp_path, {
        "configs/tasks/doubling.yaml": MLGYM.format(
            entry="PythonSubmissionTasks", starter="strategy.py", more=""),
        "data/doubling/strategy.py": "def double(x): return x",
        "data/doubling/evaluate.py": "import json, strategy\n"
        "print(json.dumps({'Score': strategy.double(4)}, indent=2))",
    })  # fmt: skip
    with pytest.raises(ConfigError, match="does not say which way is better"):
        mlgym.read(root, "doubling")
    task = mlgym.read(root, "doubling", larger_is_better=True)
    assert scored(task, task.starter).score == 4.0
    assert scored(task, "def double(x): return 2 * x").score == 8.0
    with pytest.raises(ConfigError, match=r"no configs/tasks/chess\.yaml: .* layout of MLGym"):
        mlgym.read(root, "chess")


@pytest.mark.slow
def test_airs_bench_reads_the_score_behind_the_marker(tmp_path):
    root = lay(tmp_path, {
        "task/metadata.yaml": """
metric_lower_is_better: false
file_export_globs: [submission.csv]
logging_info: {name: Toy, metric: Accuracy, optimal_score: 1.0, estimated_worst_score: 0.0,
               sota: [{sota_score: 0.9}]}
""",
        "task/project_description.md": "Say yes or no.",
        "task/evaluate.py": """
import argparse, json
p = argparse.ArgumentParser(); p.add_argument("--submission-file"); a = p.parse_args()
found = open(a.submission_file).read().split()[1:]
truth = open("data/test_with_labels/labels").read().split()
print("{'not': 'json'}")
print("--- EVALUATION RESULT ---")
share = sum(x == y for x, y in zip(found, truth)) / len(truth)
print(json.dumps({"Loss": 7.0, "Accuracy": share}, indent=2))
""",
        "agent/test/questions": "a b c d",
        "labelled/test_with_labels/labels": "1 0 1 1",
    })  # fmt: skip
    task = airs_bench.read(
        root / "task", data=root / "agent", labels=root / "labelled", bounds=QUICK
    )
    program = """
n = len(open("data/test/questions").read().split())
open("submission.csv", "w").write("label\\n" + "1\\n" * n)
"""
    got = scored(task, program)
    assert (got.outcome, got.score) == ("ok", 0.75)
    assert normalised(got.score, airs_bench.scale_of(root / "task")) == pytest.approx(0.60206)
    with pytest.raises(ConfigError, match="run the task's preparation scripts"):
        airs_bench.read(root / "task", data=root / "agent", labels=root / "none")


@pytest.mark.slow
def test_a_discogen_domain_is_built_searched_on_train_and_tested_on_test(tmp_path):
    main = "import json\nfrom act import act\nfrom env import N\nprint('hi')\n"
    main += "print(json.dumps({'value': act(N)}))\n"
    folder = lay(tmp_path / "Toy", {
        "task_config.yaml": "train_task_id: [one, two, three]\nchange_act: false\n"
                            "change_other: false\nsource_path: x",
        "datasets/one/env.py": "N = 1", "datasets/two/env.py": "N = 2",
        "datasets/three/env.py": "N = 3", "datasets/one/description.md": "The first.",
        "templates/default/main.py": main,
        "templates/default/base/act.py": "def act(n): return n",
        "templates/default/base/other.py": "",
        "templates/default/edit/act.py": "def act(n): ...",
        "templates/fast/base/act.py": "def act(n): return n + 0",
        "utils/task_spec.yaml": "fixed_files: [main.py, env.py]\nmodule_files: [act.py, other.py]",
        "utils/baseline_scores.yaml":
            "value: {default: {one: 1, two: 2, three: 3}, objective: max}",
        "utils/description.md": "Act.", "utils/task_information.yaml": "act_prompt: Write act.",
    })  # fmt: skip
    offers = discogen.domain(folder)
    assert offers == (("one", "two", "three"), ("act", "other"), ("default", "fast"))
    assert sample({"Toy": offers}, random.Random(0), Odds(attempts=50)).domain == "Toy"
    drawn = Discovery("Toy", "default", ("one", "two"), ("three",), ("act",), True, "performance")
    task = discogen.build(folder, drawn, tmp_path / "built", bounds=QUICK)
    assert task.description == "Act.\n\nThe first.\n\nWrite act."
    assert scored(task, task.starter, "search").score == 0.0
    assert scored(task, "def act(n): return 2 * n", "test").score == 1.0
    assert scored(task, "def act(n): return [n]", "search").outcome == "invalid"
    assert "NameError" in scored(task, "def act(n): return m", "search").feedback
    both = drawn._replace(modules=("act", "other"))
    with pytest.raises(ConfigError, match="one module can be open, got act, other"):
        discogen.build(folder, both, tmp_path / "again")


def test_speedrun_records_hints_and_the_gap_that_is_none(tmp_path):
    times = {1: (2_968_000, 3.27), 2: (2_210_000, 3.26), 3: (2_300_000, 3.2813)}
    files = {
        f"record_{n}/results.json": json.dumps({"metrics": {"train_time": t, "val_loss": loss}})
        for n, (t, loss) in times.items()
    }
    files |= {f"record_{n}/train_gpt2.py": f"# {n}" for n in times}
    files["hints/record_1/level_1_pseudo.txt"] = "one"
    files |= {"hints/record_1/level_3_paper.txt": "P", "hints/record_1/level_3_tweets.txt": "T"}
    root = lay(tmp_path, files)
    records = speedrun.records(root)
    assert [r.number for r in records] == [1, 2, 3] and records[0].result.seconds == 2968
    assert not records[2].result.valid()  # as the benchmark's own third
    assert speedrun.hints(root / "hints", 1, (3, 1)) == "one\n\nP\n\nT"
    assert speedrun.fraction(records, 1, speedrun.Result(2589, 3.2)) == 0.5
    assert speedrun.fraction(records, 1, speedrun.Result(2589, 3.3)) == 0.0
    assert speedrun.fraction(records, 2, speedrun.Result(1, 3.2)) is None
    assert speedrun.last_validation("val_loss:4.1 x\nstep val_loss:3.2") == 3.2
    for call in (lambda: speedrun.hints(root / "hints", 1, (2,)),
                 lambda: speedrun.records(root / "none"),
                 lambda: speedrun.fraction(records, 3, None)):  # fmt: skip
        with pytest.raises(ConfigError):
            call()


def test_the_last_object_of_what_a_script_printed():
    assert last_object('{"a": 1}\n{"b": {"c": 2}, "d": [{"e": 3}]}\nbye') == {
        "b": {"c": 2}, "d": [{"e": 3}],
    }  # fmt: skip
    assert last_object('x {y} {"a": 1} {z') == {"a": 1}
    assert last_object("nothing") is None
