"""Defaults that all roles share."""

import pytest

from cairn.core.errors import ConfigError
from cairn.lm.shared import share

SERVER = {"base_url": "http://h/v1", "model": "m", "temperature": 0.2}


def test_each_role_has_the_default_but_for_what_it_says_itself():
    shared = share(
        {"default": SERVER, "judge": {"temperature": 0.0}, "target": {"model": "t"}},
        ("target", "judge", "scorer"),
    )
    assert shared == {
        "target": {**SERVER, "model": "t"},
        "judge": {**SERVER, "temperature": 0.0},
        "scorer": SERVER,
    }


def test_a_function_takes_only_what_a_function_has():
    shared = share({"default": {**SERVER, "slots": 3}, "target": {"kind": "function"}}, ())
    assert shared == {"target": {"kind": "function", "slots": 3}}


def test_without_a_default_nothing_changes():
    models = {"target": SERVER, "odd": 3}
    assert share(models, ("judge",)) == models


def test_a_field_that_no_model_has_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"models.default\] has no field 'modle'. .*'model'"):
        share({"default": {"modle": "m"}}, ())
    with pytest.raises(ConfigError, match="must be a table, got 3"):
        share({"default": 3}, ())


def test_a_table_of_nobody_is_answered_with_the_nearest_role():
    models = {"default": SERVER, "juge": {"temperature": 0.0}}
    with pytest.raises(ConfigError, match=r"models.juge\] is no role of this run.*'judge'"):
        share(models, ("judge", "target"))
