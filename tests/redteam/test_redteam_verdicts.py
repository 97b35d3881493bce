"""People's verdicts that a run keeps: which of them are about its present audit."""

import json

import pytest

from cairn.evaluation import audit
from cairn.redteam.verdicts import found

TESTS = (audit.Tested(7, 0, ("yes", None), (True, None), (None, None)),)


def line(sample=0, **row):
    return json.dumps({"id": 7, "sample": sample, **row}) + "\n"


@pytest.mark.parametrize(
    ("lines", "verdicts", "said"),
    [
        ([line(response="yes", unsafe=True)], {(7, 0): True}, "1 of 1 verdicts filled in; too few"),
        ([line(unsafe=False)], {(7, 0): False}, "1 of 1 "),
        ([line(response="yes", unsafe=None)], None, "0 of 1 verdicts filled in"),
        ([line(response="no", unsafe=True)], None, "0 of 1 verdicts filled in; 1 on responses"),
        ([line(1, unsafe=True)], None, "0 of 1 verdicts filled in; 1 on responses"),
        (
            [line(response="no", unsafe=True), line(response="yes", unsafe=None)],
            None,
            "0 of 1 verdicts filled in; 1 on responses",
        ),
    ],
    ids=["judged", "by hand", "asked", "of another audit", "no response", "asked anew"],
)
def test_a_verdict_counts_where_it_is_about_a_response_of_this_audit(
    tmp_path, lines, verdicts, said
):
    (tmp_path / "verdicts.jsonl").write_text("".join(lines))
    kept = found(tmp_path, TESTS)
    assert kept.verdicts == verdicts and said in kept.line
