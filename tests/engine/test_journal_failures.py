"""Trials that failed, one by one, out of a journal's events."""

import json

from cairn.core.journal import Journal
from cairn.engine.journal_failures import FailedTrial, failed_trials


def test_each_trial_without_an_outcome_comes_with_its_reason_and_what_was_asked(tmp_path):
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        stage = journal.stage("search")
        for trial in range(4):
            stage.append("ask", trial, json.dumps({"cell": trial}))
        stage.append("tell", 0, "{}")
        for trial, kind in ((2, "timeout"), (1, "failure")):
            said = {"error": f"{kind}Error", "message": f"why {trial}"}
            stage.append(kind, trial, json.dumps(said))
        found = list(failed_trials(stage.events()))
    assert found == [
        FailedTrial(2, "timeoutError", "why 2", {"cell": 2}),
        FailedTrial(1, "failureError", "why 1", {"cell": 1}),
    ]
