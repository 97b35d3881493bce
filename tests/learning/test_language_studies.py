"""The studies of language models that learn: their arms exist, one runs, pages show their files."""

import json
import re
import sys

import pytest
from test_directions import load

import cairn
from cairn.core.rundir import RunDir

VERIFY = ("exit_study", "preferences_study", "zero_variance")
ALL = (*VERIFY, "improve_gates", "teaching_to_reason", "reward_models", "glore")


@pytest.fixture
def studies(monkeypatch):
    path = load("improve_study").__file__
    monkeypatch.syspath_prepend(path.rpartition("/")[0])
    import language_studies

    return language_studies


@pytest.mark.parametrize("name", VERIFY)
def test_every_arm_of_a_study_is_an_experiment(name, studies):
    script = load(name)
    arms = {**script.STARTS, **script.arms()}
    assert len(arms) > 8
    for arm in arms.values():
        made = cairn.experiment(arm.task, method=arm.method, **dict(arm.settings))
        assert arm.start is None or arm.start in script.STARTS
        assert made.method == arm.method


@pytest.mark.slow
def test_an_arm_is_trained_and_measured_once_and_with_other_settings_refused(
    tmp_path, monkeypatch, capsys, studies
):
    script = load("zero_variance")
    words = ["zero_variance.py", "--tiny", "--seeds", "2", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*words, "--arms", "grpo"])
    study = script.Study("zero_variance", script.STARTS, script.arms(), script.described)
    script.main(study, script.__doc__, script.__file__)
    found = json.loads((tmp_path / "grpo.json").read_text())
    assert found["method"] == "grpo" and found["seeds"] == 2 == len(found["cycles"])
    assert "--tiny" in found["command"] and found["sources"] and found["start"]["test"]
    assert found["answers"]["pass@1"]
    assert "| grpo |" in capsys.readouterr().out
    run = tmp_path / "runs" / "zero_variance-grpo"
    assert RunDir.open(run).config["init_from"]["run"].endswith("zero_variance-start-addition")

    monkeypatch.setattr(studies, "keep", None)
    script.main(study, script.__doc__, script.__file__)  # nothing is made twice
    arm = script.arms()["grpo"]
    made = studies.Study("zero_variance", run, tmp_path, tmp_path / "runs", 2, tiny=True)
    settings = dict(arm.settings) | {"learning_rate": 0.5}
    with pytest.raises(SystemExit, match=r"other settings \(.*algorithm\.learning_rate"):
        made.train(run.name, arm.task, arm.method, settings)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_the_page_of_studies_shows_the_results_on_file(name, monkeypatch, studies):
    script, told = load(name), {}
    monkeypatch.setattr(studies, "into_page", lambda page, mark, text: told.update({mark: text}))
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--arms", "none"])
    if name in VERIFY:
        study = script.Study(name, script.STARTS, script.arms(), script.described)
        script.main(study, script.__doc__, script.__file__)
    else:
        script.main()
    page = (studies.ROOT / "docs" / "self-improvement-studies.md").read_text()
    shown = re.search(f"<!-- {name} -->\n(.*?)<!-- {name} end -->", page, re.DOTALL)
    assert shown and shown[1] == told[name]
