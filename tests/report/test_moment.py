"""Times in words."""

import pytest

from cairn.report.words import moment


@pytest.mark.parametrize(
    "seconds, said", [(0.0, "1970-01-01 00:00:00Z"), (1e30, "–"), (float("nan"), "–")]
)
def test_a_moment_is_said_in_utc_and_one_that_is_none_is_a_dash(seconds, said):
    assert moment(seconds) == said
