"""The quick encoder and decoder against those of the standard library."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.core.jsontext import compact, parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
)  # fmt: skip


@pytest.mark.slow
@given(VALUES)
def test_texts_are_those_of_the_standard_library_and_come_back(value):
    text = compact(value)
    assert text == json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    assert parse(text) == json.loads(text)


def test_what_has_no_text_is_refused_again_and_again():
    ring: list = []
    ring.append(ring)
    inner = {"a": [1, 2]}
    for bad in (math.nan, [math.inf], {"a": object()}, ring, {"a": inner, "b": {1, 2}}):
        for _ in range(2):
            with pytest.raises((TypeError, ValueError)):
                compact(bad)
    assert compact([inner, inner]) == '[{"a":[1,2]},{"a":[1,2]}]'


@pytest.mark.parametrize("text", ["", "[1", '{"a":1} x', "nope", "[1],"])
def test_what_is_no_text_of_ours_is_refused_as_json_does(text):
    with pytest.raises(json.JSONDecodeError):
        parse(text)


def test_white_space_is_borne():
    assert parse(' {"a": 1}\n') == {"a": 1}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-be"])
def test_bytes_are_read_in_every_encoding_that_json_may_have(encoding):
    assert parse('{"a":"ü"}'.encode(encoding)) == {"a": "ü"}
