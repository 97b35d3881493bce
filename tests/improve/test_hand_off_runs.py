"""What is handed on of a run: its problems, its answers, its archive; and what is not."""

import json

import jax
import numpy as np
import pytest

import house
from cairn.cli import main
from cairn.core.keys import stream
from cairn.envs.tokens.addition import Addition
from cairn.improve.hand_off import rows
from cairn.improve.hand_off.source import Prompts
from cairn.runs.presets import experiment
from cairn.runs.train import train

TASK = Addition(digits=1)
SOME = 5
"""Problems of the run's finite set."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of exit on five problems, with an archive that is not empty."""
    settings = house.settings("exit", "addition") | {"problems": SOME} | house.REPLAY
    folder = tmp_path_factory.mktemp("exit") / "run"
    assert train(experiment("addition", method="exit", **settings), folder).done
    return folder


def said(*words):
    return main.run(["lm", "data", *map(str, words)])


@pytest.mark.slow
def test_a_run_s_archive_and_its_own_answers_are_written_as_data(run, tmp_path, capsys):
    file, more = tmp_path / "prompts.jsonl", tmp_path / "answers.jsonl"
    assert said(run, file) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = [json.loads(row) for row in file.read_text().splitlines()]
    assert line == f"{file}: {len(found)} rows of {len(found)} problems, prompt-only"
    assert 0 < len(found) <= SOME and {row["split"] for row in found} == {"train"}
    chance = [row["priority"] for row in found]
    assert chance == sorted(chance, reverse=True) and all(row["answers"] > 0 for row in found)
    how = "--form", "unpaired-preference", "--group", 16, "--words", "symbols", "--json", "-"
    assert said(run, more, *how) == 0
    told = json.loads(capsys.readouterr().out)
    answers = [json.loads(row) for row in more.read_text().splitlines()]
    assert told["rows"] == told["answers"] == len(answers) == 16 * len(found)
    assert told["file"] == str(more) and told["unjudged"] == 0
    assert any("<pad>" in row["completion"] for row in answers), "as an untrained model says"
    for row in answers:
        assert rows.score(row, row["completion"]) == row["reward"] == row["label"]


@pytest.mark.slow
def test_what_a_run_cannot_give_is_refused_in_one_line_and_nothing_is_written_over(
    run, tmp_path, capsys
):
    there = tmp_path / "there.jsonl"
    there.write_text("kept\n")
    new = tmp_path / "new.jsonl"
    for words, complaint in (
        ((run, there), f"{there} already exists, and is not written over"),
        ((run, new, "--problems", "archive", "--split", "test"), "training prompts alone"),
        ((run, new, "--json", new), "--json says what was written, so it must be another file"),
        ((run, new, "--json", there), "exists and is no JSON"),
        ((run, new, "--run-seed", 7), "seed"),
    ):
        assert said(*words) == 2
        told = capsys.readouterr()
        assert complaint in told.err and told.err.count("\n") == 1 and not told.out
    assert there.read_text() == "kept\n" and list(tmp_path.iterdir()) == [there]
    assert said(run, new, "--split", "test", "--count", 3) == 0
    assert {json.loads(row)["split"] for row in new.read_text().splitlines()} == {"test"}


@pytest.mark.slow
def test_a_source_of_a_run_goes_on_with_that_run_s_own_problems(run, tmp_path):
    root = stream(stream(jax.random.key(0), "run"), "problems there are")
    keys = jax.vmap(lambda number: jax.random.fold_in(root, number))(np.arange(SOME))
    own = prompts_of(keys)
    source = Prompts.of_run(run, words="symbols", replays=0.0)
    assert source.config.problems == SOME and source.config.group == 2
    asked = {row.prompt for _ in range(3) for row in source.ask()}
    assert asked <= own and len(asked) > 1
    source.save(tmp_path / "prompts.cairn")
    again = Prompts.load(tmp_path / "prompts.cairn")
    assert {row.prompt for row in again.ask()} <= own


def prompts_of(keys):
    """The prompts of the training problems of these keys, as symbols."""
    ids = jax.jit(jax.vmap(lambda key: TASK.prompt(TASK.problem(key, "train")).ids))(keys)
    return {Prompts(TASK, words="symbols").wording.prompt(row) for row in np.asarray(ids)}


def test_a_source_has_as_many_problems_as_it_is_told():
    source = Prompts(TASK, batch=4, capacity=8, problems=2, replays=0.0)
    assert len({row.prompt for _ in range(4) for row in source.ask()}) == 2


def test_an_archive_that_is_not_there_is_not_asked_for_tests(tmp_path, capsys):
    words = "--problems", "archive", "--split", "test"
    assert said("addition", tmp_path / "a.jsonl", *words) == 2
    told = capsys.readouterr().err
    assert "An archive holds training prompts alone" in told and told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
