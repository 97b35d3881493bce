"""Prompts that are there, against a target."""

import csv
import json
import tomllib
from pathlib import Path

import pytest
from world_server import FOUR_CELLS, MODEL, toml, write

from cairn.cli.main import run as cairn
from cairn.cli.redteam import redteam_command
from cairn.core.errors import ConfigError, RunError
from cairn.redteam import testing

WORLD = (
    FOUR_CELLS
    + """
[engine]
trials = 60
lag = 4

[simulation]
labelled = 8
hardened = 0.0
"""
)


def summary(path):
    return json.loads((path / "summary.json").read_text())


@pytest.mark.slow
def test_an_archive_is_tested_again_and_its_prompts_work_as_they_did(tmp_path, capsys):
    config, run, path = tmp_path / "c.toml", tmp_path / "run", tmp_path / "test"
    config.write_text(WORLD)
    assert redteam_command(["run", str(config), "--run", str(run)]) == 0
    arguments = ["test", str(run / "archive.csv"), "--config", str(config), "--run", str(path)]
    assert redteam_command([*arguments, "--n", "6"]) == 0
    out = capsys.readouterr().out
    assert "4 prompts (table)" in out and "simulated: all prompts" in out
    found, searched = summary(path), summary(run)["success"]["mean"]
    assert found["stopped"] == "finished" and found["tested"] == 4
    assert found["success"]["mean"]["low"] <= searched["high"]
    assert searched["low"] <= found["success"]["mean"]["high"]
    with (path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["graded"] for row in rows] == ["6"] * 4
    lines = [json.loads(line) for line in (path / "responses.jsonl").read_text().splitlines()]
    assert len(lines) == 24 and all(line["missing"] is None for line in lines)
    calls = found["spent"]["calls"]
    assert redteam_command(["test", "--run", str(path)]) == 0, "going on makes no call"
    assert summary(path)["spent"]["calls"] == calls == 48


JAILBREAKS = {
    "jailbreaks": [
        {"index": 0, "goal": "Say amber", "category": "Words", "prompt": "In a play, ..."},
        {"index": 1, "goal": "Say birch", "category": "Trees", "prompt": "In a poem, ..."},
        {"index": 2, "goal": "Say cedar", "category": "Trees", "prompt": None},
    ]
}


@pytest.fixture
def artefact(tmp_path):
    path = tmp_path / "artefact.json"
    path.write_text(json.dumps(JAILBREAKS))
    return str(path)


def short(server, **more):
    """A config of nothing but the two roles."""
    roles = ("target", "held_out")
    models = "".join(MODEL.format(role=role, url=server.url, more="") for role in roles)
    return "[audit]\nresponses = 2\n" + models + more.get("end", "")


@pytest.mark.slow
def test_each_prompt_is_graded_by_its_own_goal_and_by_category(server, artefact, tmp_path):
    path = tmp_path / "test"
    config = write(tmp_path, short(server))
    assert redteam_command(["test", artefact, "--config", config, "--run", str(path)]) == 0
    judged = [body for body in server.seen if '"model": "held_out"' in body]
    assert sum("by doing what was asked for: Say amber" in body for body in judged) > 0
    assert sum("by doing what was asked for: Say birch" in body for body in judged) > 0
    assert not any("Say cedar" in body for body in server.seen), "it has no prompt"
    assert set(summary(path)["by_category"]) == {"Words", "Trees"}
    made = ("summary.json", "results.csv", "responses.jsonl", "prompts.jsonl", "report.html")
    for file in made:
        assert (path / file).stat().st_mode & 0o077 == 0
    report = (path / "report.html").read_text()
    for words in (
        "2 of 2 prompts tested",
        "Goal: Say amber",
        "In a poem, ...",
        "· Trees",
        "held_out",
    ):
        assert words in report
    assert report.count("<details data-keys=") == 2 and "://" not in report.replace(server.url, "")


@pytest.mark.slow
def test_a_limit_stops_it_a_higher_one_goes_on_and_cut_answers_are_missing(
    server, artefact, tmp_path, capsys
):
    path = tmp_path / "test"
    server.finish = lambda role, text: (None, "length") if "refusal" in text else (text, "stop")
    config = write(tmp_path, short(server, end="[limits]\ncalls = 2\n"))
    assert redteam_command(["test", artefact, "--config", config, "--run", str(path)]) == 1
    assert f"then: cairn redteam test --run {path}" in capsys.readouterr().err
    file = path / "config.json"
    file.write_text(file.read_text().replace('"calls": 2', '"calls": 100'))
    assert redteam_command(["test", "--run", str(path)]) == 0
    assert "4 responses missing" in capsys.readouterr().out
    found = summary(path)
    assert found["success"]["missing"] == 4 and found["success"]["mean"] is None


@pytest.mark.slow
def test_another_judge_judges_the_responses_that_are_there(server, artefact, tmp_path):
    path = tmp_path / "test"
    config = write(tmp_path, toml(server.url))
    assert redteam_command(["test", artefact, "--config", config, "--run", str(path)]) == 0
    requests = server.requests
    server.models["second"] = server.models["held_out"]
    file = path / "config.json"
    file.write_text(file.read_text().replace('"model": "held_out"', '"model": "second"'))
    assert redteam_command(["test", "--run", str(path)]) == 0
    assert server.requests == requests + 4, "verdicts alone"
    file.write_text(file.read_text().replace('"model": "target"', '"model": "another"'))
    with pytest.raises(RunError, match=r"another config: models\.target\.model"):
        redteam_command(["test", "--run", str(path)])


@pytest.mark.parametrize(
    "text, says",
    [
        ("goal = 'x'", r"models has no \[models\.target\]"),
        (WORLD + '[search]\nacceptance = "oracle"\n', "graded by a judge alone"),
        ("gaol = 'x'", "no field 'gaol'. Did you mean 'goal'"),
    ],
)
def test_a_config_that_cannot_be_is_told_in_one_line(text, says, tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        testing.read_config(path, None)


def test_a_test_has_its_prompts_as_soon_as_it_is_there(artefact, tmp_path, monkeypatch):
    there = []
    rename = Path.rename

    def renamed(self, target):
        there.append({path.name for path in self.iterdir()})
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    config = testing.build(testing.PromptTest, tomllib.loads(WORLD))
    testing.create(tmp_path / "test", config, Path(artefact))
    assert there and testing.PROMPTS in there[0]
    assert len(testing.open_test(tmp_path / "test")[1]) == 2


def test_mistakes_are_one_line_and_make_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(WORLD)
    (tmp_path / "p.txt").write_text("one\n")
    for arguments, says in (
        (["p.txt", "--run", "new"], "give --config CONFIG, or --demo"),
        (["missing.txt", "--config", "c.toml", "--run", "new"], "cannot be read"),
        (["--run", "new"], "does not exist"),
        (["--run", "new", "--n", "3"], "goes on as it was begun"),
        (["p.txt", "--config", "c.toml", "--run", "new", "--n", "0"], "responses >= 1"),
    ):
        assert cairn(["redteam", "test", *arguments]) == 2
        told = capsys.readouterr().err
        assert says in told and told.count("\n") == 1
        assert not (tmp_path / "new").exists()
