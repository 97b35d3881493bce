import ast

from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.refine.chunks import split
from cairn.refine.spans import Span


def test_a_short_text_is_one_piece():
    assert split("abc", 3) == ["abc"] and split("", 3) == [""]


def test_headings_come_before_paragraphs_before_lines_before_sentences():
    text = "# A\n\none two\n\nthree\n# B\n\nfour"
    assert split(text, 24) == ["# A\n\none two\n\nthree\n", "# B\n\nfour"]
    assert split("one\n\ntwo\nthree\n\nfour", 17) == ["one\n\ntwo\nthree\n\n", "four"]
    assert split("one. two\nthree. four", 17) == ["one. two\n", "three. four"]
    assert split("One two. Three four five", 16) == ["One two. ", "Three four five"]
    assert split("one two three four", 9) == ["one two ", "three ", "four"]
    assert split("abcdefgh", 3) == ["abc", "def", "gh"]


def test_a_fenced_block_stays_whole_if_it_fits():
    block = "```\na\n\nb\n\nc\n```\n"
    assert split("intro text\n" + block + "end", 20) == ["intro text\n", block + "end"]
    assert split(block, 9)[0] == "```\na\n\nb\n"[:9]


def test_no_span_that_fits_is_cut():
    text = "call 212 736 5000 now or later"
    span = Span(5, 17, "PHONE_NUMBER")
    for most in range(12, 30):
        at = 0
        for piece in split(text, most, [span]):
            at += len(piece)
            assert not 5 < at < 17
    assert split("xxxxYYYYzz", 6, [Span(4, 8, "A")]) == ["xxxx", "YYYYzz"]
    assert split("YYYYYYYY", 3, [Span(0, 8, "A")]) == ["YYY", "YYY", "YY"]


def test_a_program_is_cut_between_its_statements():
    one = "# one\n@cached\ndef one():\n    x = 1\n\n    return x\n\n\n"
    two = "class Two:\n    pass\n"
    assert split("import os\n\n\n" + one + two, 66) == ["import os\n\n\n" + one, two]
    assert split(one + one + two, 2 * len(one) - 1) == [one, one + two]
    long = "".join(f"def f{n}(a):\n    return [a,\n\n      {n}]\n\n\n" for n in range(50))
    for piece in split(long, 200):
        ast.parse(piece)


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet="ab .\n\r#`é\u200d😀", max_size=200),
    st.integers(1, 30),
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 10)), max_size=5),
)
def test_pieces_join_to_the_text_and_none_is_too_long_or_empty(text, most, places):
    spans = [Span(a, min(a + n, len(text)), "A") for a, n in places if a < len(text)]
    pieces = split(text, most, spans)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= most for piece in pieces) or text == ""
