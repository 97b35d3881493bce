"""Names and addresses, and what each mistake is told."""

import sys

import pytest

import cairn
from cairn.core.errors import ConfigError, suggest
from cairn.core.resolve import resolve
from cairn.score.catalogue import SCORES

TABLE = {"square": "math:sqrt", "round": "math:floor"}


def test_a_short_name_and_an_address_give_the_object():
    import math

    assert resolve("square", TABLE, "network") is math.sqrt
    assert resolve("math:cos", TABLE, "network") is math.cos


def test_a_user_s_own_is_found_in_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "cairn_own_thing.py").write_text("class Own:\n    size = 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert resolve("cairn_own_thing:Own", TABLE, "network").size == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("squar", r"Unknown network 'squar'. Expected one of square, round, or your own as "
                  r"package.module:Name. Did you mean 'square'\?"),
        (":Own", "Unknown network ':Own'. Expected one of"),
        ("math:", "Unknown network 'math:'. Expected one of"),
        ("no_such_module:Own", "Cannot import 'no_such_module' for network 'no_such_module:Own'"),
        ("math:flor", r"Module 'math' has no 'flor' for network 'math:flor'. Did you mean 'floor'"),
    ],
)  # fmt: skip
def test_every_mistake_is_told_in_one_line(name, message):
    with pytest.raises(ConfigError, match=message) as raised:
        resolve(name, TABLE, "network")
    assert "\n" not in str(raised.value)


def test_what_a_field_abbreviates_is_found_by_its_initials():
    """No spelling is near it: pvl is how papers and other code write this score."""
    assert suggest("pvl", SCORES) == " Did you mean 'positive-value-loss'?"
    assert suggest("maxm", SCORES) == " Did you mean 'maxmc'?" and suggest("zq", SCORES) == ""


def test_what_cairn_offers_is_listed_and_there():
    assert {"Teacher", "tune", "experiment"} <= set(dir(cairn)) and "tune" in cairn.__all__
    assert all(hasattr(cairn, name) for name in cairn.__all__)
