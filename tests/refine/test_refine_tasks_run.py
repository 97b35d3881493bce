"""Our own tasks in a run: what a model does in place of rewriting is named, and never accepted."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from refine_job import config, read, write_rows

from cairn.core.errors import ConfigError
from cairn.lm.cast import Model
from cairn.lm.scripted import ScriptedModel
from cairn.refine.casting import task_of
from cairn.refine.checks.form import Length
from cairn.refine.config import described
from cairn.refine.detectors.patterns import Pattern, Patterns
from cairn.refine.run import refine
from cairn.refine.tasks.base import Task

TEXT = (
    "Dear Anna Berger, your parcel is late because of the snow. Please write to "
    "anna.b@birchpost.eu about it if you want to have it sent to another house."
)
LECTURE = (
    "I'm sorry, but I can't help with that. It is important to respect the privacy of people and "
    "to think carefully about what is done with the data that they entrust to us."
)
GERMAN = (
    "Liebe Frau Muster, Ihr Paket ist wegen des Schnees zu spät. Bitte schreiben Sie an die "
    "Adresse, wenn Sie möchten, dass es an ein anderes Haus geschickt wird, und nicht an dieses."
)
ANSWERS = {
    "refusal": lambda messages: LECTURE,
    "wrapper": lambda messages: messages[0].content,
    "language": lambda messages: GERMAN,
    "empty": lambda messages: " \n",
    "leak": lambda messages: TEXT,
    "length": lambda messages: "Late.",
}


@pytest.mark.parametrize("check", ANSWERS)
def test_what_is_no_rewrite_is_turned_down_by_name(tmp_path, check):
    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": TEXT}])
    settings = config(given, tmp_path / "out.jsonl", task="anonymize")
    model = ScriptedModel(lambda request, key: ANSWERS[check](request.messages), name="other")
    counted = refine(
        settings, tmp_path / "run", task_of(settings), players={"refiner": model}, show=False
    )
    (reject,) = read(counted.rejects)
    assert reject["check"] == check and reject["failed"] == [check] * 3
    assert "Anna" not in json.dumps(reject) and read(tmp_path / "out.jsonl") == []


def test_a_verifier_that_plays_is_asked_and_one_that_does_not_is_missed(tmp_path):
    given = write_rows(tmp_path / "in.jsonl", [{"id": "a", "text": TEXT}])
    (tmp_path / "own.toml").write_text('base = "anonymize"\nchecks = ["leak", "verifier"]\n')
    with pytest.raises(ConfigError, match="nobody plays the verifier: name it by --verifier"):
        task_of(config(given, tmp_path / "out.jsonl", task=str(tmp_path / "own.toml")))
    models = {role: Model("http://127.0.0.1:9/v1", "m") for role in ("refiner", "verifier")}
    asked = config(given, tmp_path / "out.jsonl", task="anonymize", models=models)
    assert task_of(asked).checks[-1].name == "verifier"
    players = {
        "refiner": ScriptedModel(lambda r, k: TEXT.replace("late", "slow"), name="w"),
        "verifier": ScriptedModel(lambda r, k: "Thought.\nLEAK: PERSON", name="v"),
    }
    only = replace(task_of(asked), checks=task_of(asked).checks[-1:])
    counted = refine(asked, tmp_path / "run", only, players=players, show=False)
    assert read(counted.rejects)[0]["check"] == "verifier"
    calls = {line.role: line.spent.calls for line in counted.ledger}
    assert calls == {"refiner": 3, "verifier": 1}, "the same rewrite is judged once"


DESCRIBED = """
from cairn.refine.config import described
from cairn.refine.tasks.catalogue import TASKS, task
print([described(task(name)) for name in TASKS])
"""


def test_what_a_run_is_tied_to_is_the_same_in_every_process():
    told = {
        subprocess.run(
            [sys.executable, "-c", DESCRIBED], env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(told) == 1


def test_other_patterns_are_another_task():
    kinds = [Patterns("x", (Pattern("ID", re.compile(form), 1.0),)) for form in ("a+", "b+")]
    tasks = [Task("t", "Do.", (Length(most=2.0),), (kind,)) for kind in kinds]
    tasks.append(replace(tasks[0], checks=(Length(most=3.0),)))
    assert len({str(described(task)) for task in tasks}) == 3


def test_the_check_cove_misses_its_model_and_is_verifier_enough(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('base = "anonymize"\nchecks = ["leak", "cove"]\n')
    with pytest.raises(ConfigError, match="the check 'cove' of own asks a model, and nobody plays"):
        task_of(config("in.jsonl", "out.jsonl", task=str(own)))
    models = {role: Model("http://127.0.0.1:9/v1", "m") for role in ("refiner", "verifier")}
    asked = task_of(config("in.jsonl", "out.jsonl", task=str(own), models=models))
    assert [check.name for check in asked.checks] == ["leak", "cove"]
