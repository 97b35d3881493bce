"""Responses that never came: cut, empty or moderated. None of them is judged as one."""

import json
from dataclasses import replace

import pytest
from redteam_harness import config, finished
from test_redteam_search import new, usual
from world_server import toml, write

from cairn.cli.redteam import redteam_command
from cairn.core.errors import CairnError
from cairn.evaluation import audit
from cairn.evaluation.correct import to_label
from cairn.lm.errors import CutAnswerError
from cairn.lm.request import Completion
from cairn.redteam import figures, page, tables
from cairn.redteam.cautions import cautions
from cairn.redteam.config import Search
from cairn.redteam.search import Rainbow
from cairn.report.render import document

CUT = Completion("and so the", finish_reason="length")
NOTHING = Completion("", finish_reason="length")


@pytest.mark.parametrize(
    "answer", [CUT, NOTHING, Completion(" "), Completion("", "content_filter")]
)
def test_a_cut_or_empty_response_is_no_response(answer):
    script = usual(target=lambda text, n: answer)
    with pytest.raises(CutAnswerError, match="target: "):
        script.evaluate(Rainbow(config(2, 2)), new())
    assert script.asked["scorer"] == []


def test_a_cut_response_may_be_graded_as_it_stands_but_an_empty_one_may_not():
    settings = replace(config(2, 2), search=Search(cut_responses="graded"))
    assert any("ran into max_tokens" in line for line in cautions(settings))
    assert cautions(config(2, 2)) == ()
    outcome = usual(target=lambda text, n: CUT).evaluate(Rainbow(settings), new())
    assert outcome["entry"]["response"] == "and so the"
    with pytest.raises(CutAnswerError):
        usual(target=lambda text, n: NOTHING).evaluate(Rainbow(settings), new())


def test_a_mutators_cut_prompt_is_no_prompt():
    cut = Completion("<prompt>half a pro", finish_reason="length")
    outcome = usual(mutator=lambda text, n: cut).evaluate(Rainbow(config(2, 2)), new())
    assert outcome["status"] == "no_prompt"


@pytest.mark.slow
def test_a_target_that_only_reasons_stops_the_run_and_says_what_to_raise(server, tmp_path):
    server.finish = lambda role, text: (None, "length") if role == "target" else (text, "stop")
    path = tmp_path / "run"
    with pytest.raises(
        CairnError, match=r"\[models\.target\].*cut by max_tokens.*Raise max_tokens"
    ):
        redteam_command(["run", write(tmp_path, toml(server.url, trials=40)), "--run", str(path)])


@pytest.mark.slow
def test_missing_responses_cost_themselves_and_the_report_says_so(server, tmp_path, capsys):
    path = tmp_path / "run"
    responses = iter(range(10**6))

    def finish(role, text):
        if role == "target" and next(responses) % 3 == 2:
            return None, "length"
        return text, "stop"

    server.finish = finish
    assert redteam_command(["run", write(tmp_path, toml(server.url)), "--run", str(path)]) == 0
    found = json.loads((path / "summary.json").read_text())
    assert found["failures"]["CutAnswerError"] > 0, "in the search the trial has no outcome"
    assert found["success"]["missing"] > 0
    out = capsys.readouterr().out
    assert (
        "fresh responses are missing and count nowhere, the last: target: the answer was cut" in out
    )
    text = (path / "report.html").read_text()
    assert "missing responses" in text and "no response: target: the answer was cut" in text


@pytest.mark.slow
def test_one_moderated_response_does_not_drop_its_elite(server, tmp_path):
    path = tmp_path / "run"
    audited = iter(range(10**6))

    def trouble(number, role):
        if role != "target" or not any('"held_out"' in body for body in server.seen):
            return None
        if next(audited):
            return None
        return 400, {}, "The request was flagged by the content_policy filter."

    server.trouble = trouble
    assert redteam_command(["run", write(tmp_path, toml(server.url)), "--run", str(path)]) == 0
    found = json.loads((path / "summary.json").read_text())
    elites = found["coverage"]["value"] * 4
    assert found["success"]["missing"] == 1
    assert found["success"]["any"]["of"] == elites, "every elite is tested"


def test_what_is_missing_counts_nowhere_and_is_not_put_before_people():
    settings = config(2, 2)
    tests = [
        audit.Tested(0, 0, ("a", None), (True, None), (None, None), (None, "target: cut")),
        audit.Tested(1, 1, (None, None), (None, None), (None, None), ("target: cut",) * 2),
    ]
    done = finished(settings, held(settings), tests)
    found = figures.measure_run(done)
    assert found.success.missing == 3 and found.success.ungraded == 0
    assert found.success.mean is not None and found.success.mean.value == 1.0
    assert found.success.any.of == 1, "an elite without a response was not tested"
    rows = to_label(tests, {0: "p", 1: "q"}, 10, seed=0)
    assert [row["response"] for row in rows] == ["a"]
    assert tables.failures(done)[-1] == (
        "3 fresh responses are missing and count nowhere, the last: target: cut"
    )
    assert "no response: target: cut" in document(page.page(done, found))
    redacted = document(page.page(done, found, redact=True))
    assert "no response" in redacted and "target: cut" not in redacted


def held(settings):
    from test_redteam_run import held

    from cairn.redteam.state import Entry

    return held(settings, [Entry(i, i, f"prompt {i}", "r", 0.5) for i in range(2)])
