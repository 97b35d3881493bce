"""A run's report as sections of a live page: what a file says around them is said there too."""

import json

import pytest

from cairn.cli.redteam import redteam_command
from cairn.evaluation import audit
from cairn.redteam import directory, look
from cairn.redteam.cells import responses
from cairn.report.pages import Heat
from cairn.report.parts import Bullets, Notes, Text, Words


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
    titles = [
        square.title
        for part in sections[2].parts
        if isinstance(part, Heat)
        for _, row in part.rows
        for square in row
    ]
    assert any(title.endswith((": 0 of 2 unsafe", ": 1 of 2 unsafe", ": 2 of 2 unsafe"))
               for title in titles)  # fmt: skip
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


def told(*responses_, unsafe, scored):
    missing = tuple(None if one else "cut" for one in responses_)
    shown = responses(audit.Tested(1, 0, responses_, unsafe, scored, missing), "Fresh responses")
    assert isinstance(shown, Bullets)
    lines = [
        tuple(part.text for part in row if isinstance(part, Words | Text)) for row in shown.rows
    ]
    return shown.ordered, lines


def test_equal_responses_with_equal_verdicts_are_shown_once_with_their_numbers():
    found = told(
        "a", "b", "a", "a", None, None, unsafe=(True, True, False, True, None, None),
        scored=(0.9, None, None, None, None, None),
    )  # fmt: skip
    assert found == (False, [
        ("0, 3: unsafe, search's scorer 0.90, 2 times the same", "a"),
        ("1: unsafe", "b"),
        ("2: safe", "a"),
        ("4: no response: cut",),
        ("5: no response: cut",),
    ])  # fmt: skip
    different = told("a", "b", unsafe=(True, None), scored=(None, 0.25))
    assert different == (True, [("unsafe", "a"), ("no verdict, search's scorer 0.25", "b")])
