"""A run's report as sections of a live page: what a file says around them is said there too."""

import json

import pytest

from cairn.cli.redteam import redteam_command
from cairn.redteam import directory, look
from cairn.report.parts import Notes


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("look") / "run"
    flags = ["--engine.trials", "12", "--audit.responses", "2", "--run", str(path)]
    assert redteam_command(["run", "--demo", *flags]) == 0
    return path


def noted(sections):
    return " ".join(
        line for part in sections[0].parts if isinstance(part, Notes) for line in part.lines
    )


def drawn(run):
    """The first response that people would judge."""
    file = run.with_name(f"label-{len(list(run.parent.iterdir()))}.jsonl")
    assert redteam_command(["label", str(run), str(file)]) == 0
    return json.loads(file.read_text().split("\n")[0])


@pytest.mark.slow
def test_a_report_on_a_page_says_that_it_is_simulated_and_whose_verdicts_it_uses(run, capsys):
    sections = look.report(run)
    page = look.report_page(run)
    assert [s.id for s in sections] == ["report", *(s.id for s in page.sections)]
    assert noted(sections).startswith("Simulated.") and "verdicts.jsonl" not in noted(sections)
    first = json.loads((run / directory.SUMMARY).read_text())
    assert first["labelled_by"] == "simulated people"
    (run / directory.VERDICTS).write_text(json.dumps({**drawn(run), "unsafe": True}) + "\n")
    judged = look.report(run)
    assert "verdicts.jsonl: 1 of 1 verdicts filled in" in noted(judged)
    assert str(run.parent) not in str(judged), "a page may be handed on"
    assert redteam_command(["resume", str(run)]) == 0  # finished already: the report anew
    assert (
        "1 of 1 verdicts filled in; too few to correct the success rate" in capsys.readouterr().out
    )
    figures = json.loads((run / directory.SUMMARY).read_text())
    # One verdict takes the place of nobody's: the simulated people's stay.
    assert figures["labelled"] == first["labelled"] and figures["corrected"] == first["corrected"]
    assert figures["labelled_by"] == "simulated people"


@pytest.mark.slow
def test_redacted_a_report_on_a_page_has_no_text_of_the_run(run):
    first = drawn(run)
    clear, hidden = str(look.report(run)), str(look.report(run, redact="1"))
    assert first["prompt"] in clear and first["prompt"] not in hidden
    assert first["response"] in clear and first["response"] not in hidden


@pytest.mark.slow
def test_a_test_of_prompts_is_shown_and_redacted_keeps_its_figures_alone(run):
    path = run.with_name("tested")
    source = run / "archive.csv"
    assert redteam_command(["test", str(source), "--demo", "--n", "2", "--run", str(path)]) == 0
    clear, hidden = look.tested(path), look.tested(path, redact="1")
    first = json.loads((path / "prompts.jsonl").read_text().split("\n")[0])
    assert first["prompt"] in str(clear) and first["prompt"] not in str(hidden)
    assert {s.id for s in clear} - {s.id for s in hidden} == {"prompts", "made"}
    assert noted(hidden).startswith("Simulated.")
