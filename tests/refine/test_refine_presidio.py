import sys

import pytest

from cairn.core.errors import ConfigError, MissingExtraError
from cairn.refine.detectors.base import Detector
from cairn.refine.presidio import Presidio


def test_without_the_package_one_line_says_how_to_install_it(monkeypatch):
    from cairn.refine import presidio

    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    presidio._engine.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install 'cairn\[presidio\]'") as caught:
        Presidio().find("x")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_its_pattern_recognisers_really_run():
    pytest.importorskip("presidio_analyzer", reason="the extra presidio is not installed")
    finder = Presidio()
    assert isinstance(finder, Detector)
    text = "Card 4111 1111 1111 1111, mail ann@corp.io, my ssn is 536-22-1234, Ann Miller"
    text += ", call 212-736-5000"
    found = {(s.kind, text[s.start : s.end]) for s in finder.find(text)}
    assert {
        ("CREDIT_CARD", "4111 1111 1111 1111"),
        ("EMAIL_ADDRESS", "ann@corp.io"),
        ("US_SSN", "536-22-1234"),
        ("PHONE_NUMBER", "212-736-5000"),
    } <= found
    assert "PERSON" not in {kind for kind, _ in found} | set(finder.kinds)
    # Context words raise a score, though no model gives lemmas.
    near, far = "my ssn is 536-22-1234", "so 536-22-1234"
    scores = [max(s.score for s in Presidio(threshold=0).find(t) if s.kind == "US_SSN")
              for t in (near, far)]  # fmt: skip
    assert scores[0] > scores[1]
    with pytest.raises(ConfigError, match="there is no spaCy pipeline 'none_at_all'"):
        Presidio(model="none_at_all").find("x")
    with pytest.raises(ConfigError, match="knows no language"):
        Presidio(languages=("qq",)).find("x")
