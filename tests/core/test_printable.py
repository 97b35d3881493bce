"""Text of others made safe to show."""

from hypothesis import given
from hypothesis import strategies as st

from cairn.core.redact import printable


def test_control_characters_are_made_visible():
    assert printable("\x1b[31m\x00\x07\x7f") == "␛[31m␀␇␡"
    assert printable("\x9b31m\u202eabc\u2066\u2028") == "\\x9b31m\\u202eabc\\u2066\\u2028"
    assert printable("a\tb\r\nc\rd") == "a\tb\nc␍d"
    assert printable("a\tb\nc", keep="") == "a␉b␊c"
    assert printable("half \ud83d of it") == "half ? of it"


@given(st.text())
def test_what_comes_out_holds_no_control_character_and_stays(text):
    shown = printable(text, keep="")
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert printable(shown, keep="") == shown


@given(st.text(st.characters(categories=("L", "N", "P", "Zs"))))
def test_writing_of_any_script_comes_through_unchanged(text):
    assert printable(text) == text
