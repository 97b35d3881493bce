"""Each check on pairs whose verdict is plain, and what its reason may not hold."""

import asyncio
import base64
import random
from typing import Any

import pytest

from cairn.core.errors import ConfigError
from cairn.refine.checks.base import Pair
from cairn.refine.checks.catalogue import CHECKS, check
from cairn.refine.checks.code import any_tokens, balanced, python_tokens
from cairn.refine.checks.haystack import Haystack, _Run
from cairn.refine.checks.languages import language
from cairn.refine.checks.toxicity import lexicon_score
from cairn.refine.checks.verifier import same_answer
from cairn.refine.spans import Span


def ask(name, original, rewrite, private=(), pseudonyms=None, /, **settings) -> Any:
    """The failure's reason, or None. `private` are (value, kind)."""
    spans = tuple(Span(original.index(v), original.index(v) + len(v), kind) for v, kind in private)
    pair = Pair(original, rewrite, spans, pseudonyms or {})
    failure = asyncio.run(check(name, settings)(pair, {}))
    assert failure is None or failure.check == name
    # No reason repeats what is to be removed.
    assert failure is None or not any(v in failure.reason for v, _ in private)
    return failure and failure.reason


MAIL, CARD, NAME = "ann.miller@corp.io", "4111 1111 1111 1111", "Ann Miller"
LEFT = [
    (MAIL, "EMAIL_ADDRESS", "to ANN.MILLER@CORP.IO now"),
    (MAIL, "EMAIL_ADDRESS", "ann . miller @ corp . io"),
    (MAIL, "EMAIL_ADDRESS", "ann dot miller at corp dot io"),
    (MAIL, "EMAIL_ADDRESS", "4nn.mill3r@c0rp.i0"),
    (MAIL, "EMAIL_ADDRESS", f"see {base64.b64encode(MAIL.encode()).decode()}"),
    (CARD, "CREDIT_CARD", "4111-1111 11111111"),
    (CARD, "CREDIT_CARD", "four one one one 1111 1111 one one one one"),
    ("+1 212 736 5000", "PHONE_NUMBER", "(212) 736-5000 x"),
    (NAME, "PERSON", "ANN  MILLER said"),
    (NAME, "PERSON", "Miller, Ann said"),
    (NAME, "PERSON", "Mrs Miller said"),
    (NAME, "PERSON", "relliM nnA said"),
    ("Zoë Núñez", "PERSON", "zoe nunez"),
    ("s3cr3tPa55!", "PASSWORD", "the s3cr3tpa55!"),
    ("Li", "PERSON", "Dr Li came"),
]  # fmt: skip
GONE = [
    (NAME, "PERSON", "an annual mill, a miller ground it"),
    ("Li", "PERSON", "I like lilies"),
    ("Mark Rose", "PERSON", "mark the rose. Mark it. Rose wine is for Mark"),
    (CARD, "CREDIT_CARD", "4111 and 1111 and 2024 1111"),
    (MAIL, "EMAIL_ADDRESS", "ann@example.com, miller's corporation"),
    ("12", "ID_NUMBER", "in 2012"),
]


@pytest.mark.parametrize(("value", "kind", "text"), LEFT)
def test_a_private_value_is_seen_however_it_is_written(value, kind, text):
    assert Haystack(text).holds(value, kind)
    assert "1 " + kind in (ask("leak", f"of {value}.", text, [(value, kind)]) or "")


@pytest.mark.parametrize(("value", "kind", "text"), GONE)
def test_a_text_without_it_is_not_accused(value, kind, text):
    assert not Haystack(text).holds(value, kind)


def test_a_leak_names_kinds_and_lines_and_no_value():
    original = f"Bob Dent\nwrote\n{MAIL}"
    reason = ask(
        "leak", original, f"Eva\nwrote\n{MAIL}", [("Bob Dent", "PERSON"), (MAIL, "EMAIL_ADDRESS")]
    )
    assert reason.startswith(
        "1 EMAIL_ADDRESS of the original can still be read in the rewrite (in line 3)"
    )


def test_residual_counts_what_detectors_see_and_leaves_pseudonyms_out():
    assert ask("residual", "x", "write to bob@corp.io") == (
        "The rewrite holds 1 EMAIL_ADDRESS. Use made-up values that cannot be anybody's: "
        "example.com, 192.0.2.x, numbers like 555-0100, and EXAMPLE in keys and passwords."
    )
    assert ask("residual", "x", "write to bob@example.com, call 212-555-0142") is None
    assert ask("residual", "a@b.io", "bob@corp.io", [], {"a@b.io": "bob@corp.io"}) is None
    # What holds a pseudonym is none; what lies in one is.
    table = {"Bob": "Alex", "a@b.io": "bob@corp.io", "c@d.io": "c/o eva@corp.io"}
    for new in ("alex.x@gmail.com", "bob@corp.io.uk", "jbob@corp.io", "eva@corp.io", "a@corp.io"):
        assert "1 EMAIL_ADDRESS" in (ask("residual", "x", f"to {new}", [], table) or "")
    for ours in ("BOB@corp.io.", "c/o eva@corp.io"):
        assert ask("residual", "x", f"to {ours}", [], table) is None
    # An invented name looks like any other; one of the original does not.
    assert ask("residual", "x", "My name is Robert Paulson.") is None
    assert "1 PERSON" in ask("residual", "Robert Paulson", "My name is Robert Paulson.")


def test_pseudonyms_are_used_and_are_one_to_one_and_nobodys():
    original, private = f"{NAME} wrote {MAIL}", [(NAME, "PERSON"), (MAIL, "EMAIL_ADDRESS")]
    table = {NAME: "Eva Stone", MAIL: "eva@example.com"}
    assert ask("pseudonyms", original, "Eva Stone wrote eva@example.com", private, table) is None
    missing = ask("pseudonyms", original, "She wrote eva@example.com", private, table)
    assert "not used for 1 PERSON" in missing
    assert ask("pseudonyms", original, "She, eva@example.com", private, table, least=0.5) is None
    twice = {NAME: "Eva Stone", "Bob": "eva stone"}
    assert "same pseudonym" in ask("pseudonyms", f"{NAME} Bob", "x", [(NAME, "PERSON")], twice)
    somebody = table | {MAIL: "eva@gmail.com"}
    assert "could be somebody's" in ask("pseudonyms", original, "x", private, somebody)
    other = f"{NAME} met Eva Stone"
    both = [(NAME, "PERSON"), ("Eva Stone", "PERSON")]
    real = ask("pseudonyms", other, "Eva Stone", both, {NAME: "Eva Stone"})
    assert "itself a private value" in real or "itself" in real


def test_wrapping_and_echo():
    assert ask("wrapper", "a", "Sure, here is the rewritten text:\nb")
    assert ask("wrapper", "a", "b\n\nLet me know if you need anything else.")
    assert ask("wrapper", "a", "```\nb\n```") and ask("wrapper", "a", "<text-0123abcd>b")
    assert ask("wrapper", "Here is the revised text: a", "Here is the revised text: b") is None
    told = "Rewrite the text so that nothing in it leads to a private person at all."
    echo = "b. rewrite the text so that nothing in it leads"
    assert "repeats the instructions" in ask("wrapper", "a", echo, instructions=told)
    assert ask("wrapper", echo, echo, instructions=told) is None


def test_refusals_and_holes():
    assert "refuses" in ask("refusal", "a", "I'm sorry, but I can't help with that.")
    assert ask("refusal", "I can't help with that.", "I cannot help with that.") is None
    assert "left out" in ask("refusal", "he said so", "he [removed] so")


def test_language_by_script_and_common_words():
    english = "The cat that you have is not on the mat, and it was for me to see."
    german = "Die Katze ist nicht auf der Matte und ich habe das für dich mit dem Hund."
    assert (language(english), language(german), language("ok")) == ("English", "German", None)
    assert (
        language("Кошка на столе") == "Cyrillic script" and language("猫はマットの上") == "Japanese"
    )
    assert (
        ask("language", english, german)
        == "It is in German. Write it in English, as the original is."
    )
    assert ask("language", english, english) is None and ask("language", english, "ok") is None


def test_length_between_two_shares():
    long = "x" * 200
    assert ask("length", long, "x" * 61) is None  # half of 200, less 40
    assert "too short: 59 characters for 200" in ask("length", long, "x" * 59)
    assert ask("length", long, "x" * 440) is None and ask("length", long, "x" * 441)
    assert ask("length", long, "x" * 441, most=3.0) is None


def test_structure_counts_parts_and_compares_json():
    chat = "Ann: hi\nBob: hello\nAnn: bye"
    assert ask("structure", chat, "Eva: hi\nTom: hello\nEva: bye") is None
    assert (
        ask("structure", chat, "Eva: hi\nTom: bye")
        == "It has 2 speaker turns, the original 3. Keep all."
    )
    assert "headings" in ask("structure", "# A\nx\n## B\ny", "# A\nx\ny")
    assert "table rows" in ask("structure", "| a | b |\n|---|---|\n| 1 | 2 |", "a b\n1 2")
    assert ask("structure", "a\nb\nc\nd", "a\nb\nc", parts=["lines"], tolerance=0.25) is None
    assert ask("structure", '{"a": [1, "x"]}', '{"a": [2, "y"]}') is None
    assert "other keys" in ask("structure", '{"a": 1}', '{"b": 1}')
    assert "is none" in ask("structure", '{"a": 1}', "{a: 1}")
    with pytest.raises(
        ConfigError, match=r"parts must be of lines, headings.*Did you mean 'lines'"
    ):
        check("structure", {"parts": ["line"]})


PROGRAM = '''"""By Ann."""
import os

def send_ann(to, n=3):  # for ann@corp.io
    key = "abc"
    return os.path.join(to, f"{n}") + key
'''


def test_python_may_change_in_strings_comments_and_private_names():
    private = [("Ann", "PERSON"), ("ann@corp.io", "EMAIL_ADDRESS")]
    changed = PROGRAM.replace("Ann", "Eva").replace("ann@corp.io", "eva@example.com")
    assert ask("code", PROGRAM, changed.replace('"abc"', '"xyz"'), private) is None
    assert ask("code", PROGRAM, changed.replace("send_ann", "send_eva"), private) is None
    assert "From line 4" in ask("code", PROGRAM, changed.replace("n=3", "n=4"), private)
    assert "From line 6" in ask("code", PROGRAM, changed.replace("+ key", "+ to"), private)
    assert "does not parse" in ask(
        "code", PROGRAM, changed.replace("(to, n=3)", "(to, n=3"), private
    )
    assert "lines" in ask("code", PROGRAM, changed + "\n\n", private)
    assert "From line 4" in ask("code", PROGRAM, changed.replace("to, n", "whom, n"), private)
    renamed = changed.replace("(to", "(whom")
    assert ask("code", PROGRAM, renamed, private, identifiers=["to"]) is None
    half = changed.replace("join(to", "join(whom")  # one name, two names
    assert "another program" in ask("code", PROGRAM, half, private, identifiers=["to"])


def test_other_languages_by_tokens_and_brackets():
    c = 'int f(char *p) { /* by Ann */ return g("a)", p[0]); } // end'
    assert ask("code", c, c.replace("Ann", "Eva").replace('"a)"', '"b"')) is None
    assert "another program" in ask("code", c, c.replace("p[0]", "p[1]"))
    assert "brackets" in ask("code", c, c.replace("p[0])", "p[0]"))
    assert [t.text for t in any_tokens("a=1;//x")] == ["a", "=", "1", ";", "//x"]
    assert balanced(any_tokens("f(')')")) and not balanced(any_tokens("f(]"))


def test_tokens_stand_where_the_text_has_them():
    for token in python_tokens(PROGRAM):
        if token.kind != "layout":
            assert PROGRAM[token.start : token.end] == token.text


def test_toxicity_adds_up_to_its_formula():
    assert lexicon_score("a calm text") == 0.0
    assert lexicon_score("you idiot") == pytest.approx(1 - 2**-0.5)
    assert lexicon_score("fuck, you 1d10t") == pytest.approx(1 - 2**-1.5)
    assert lexicon_score("I will kill you") == 0.5
    assert "toxicity 0.29, at most 0.2" in ask("toxicity", "x", "you idiot")
    assert ask("toxicity", "x", "you idiot", most=0.3) is None
    with pytest.raises(ConfigError, match=r"must give a number in \[0, 1\], got 9"):
        ask("toxicity", "x", "you idiot", scorer="builtins:len")


def test_answers_are_the_same_by_words_and_numbers():
    assert same_answer("The 3 red cars.", "3 red cars") and same_answer("NONE", "none.")
    assert same_answer("1,200 euros", "1200 Euros") and not same_answer("12 euros", "13 euros")
    assert not same_answer("NONE", "a car") and not same_answer("red", "blue")


def test_every_check_has_its_name_and_settings_are_typed():
    assert {name: check(name).name for name in CHECKS} == {name: name for name in CHECKS}
    with pytest.raises(
        ConfigError, match=r"\[checks.length\] has no field 'lest'. Did you mean 'least'"
    ):
        check("length", {"lest": 0.1})
    with pytest.raises(ConfigError, match=r"checks.length.least must be a number, got 'a'"):
        check("length", {"least": "a"})
    with pytest.raises(ConfigError, match=r"Unknown check 'lenght'.*Did you mean 'length'"):
        check("lenght")
    with pytest.raises(ConfigError, match="must have a name and be callable"):
        check("json:JSONDecoder")


@pytest.mark.parametrize(("before", "now"), [
    ("#define LIMIT 10\nint x;", "#define LIMIT 99\nint x;"),
    ("# include <a.h>", "# include <b.h>"),
    ("while (n-- > 0) f();", "while (n-- > 9) f();"),
    ("#main { top: 1px }", "#main { top: 9px }"),
    ("#main,\n#side { top: 1px }", "#mine,\n#side { top: 1px }"),
    ("#main\n{ top: 1px }", "#mine\n{ top: 1px }"),
    ("a { color: #ff0000; top: 1px }", "a { color: #ff0000; top: 9px }"),
    ("class A { #n = 1; }", "class A { #n = 2; }"),
])  # fmt: skip
def test_what_may_be_code_is_no_comment(before, now):
    assert "another program" in ask("code", before, now, language="other")


@pytest.mark.parametrize(("before", "now"), [
    ("x=1\n  # by Ann\ny=2", "x=1\n  # by somebody else\ny=2"),
    ("#by Ann\nx", "#by Eva of ours\nx"),
    ("SELECT 1;\n-- for Ann\nSELECT 2;", "SELECT 1;\n-- for a friend\nSELECT 2;"),
])  # fmt: skip
def test_a_sign_that_begins_a_line_makes_a_comment(before, now):
    assert ask("code", before, now, language="other") is None


def test_a_value_over_two_strings_may_become_one():
    before = 'P = ["ann@hernand" + "ez.com", "x" "y", 4]  # both\n'
    assert ask("code", before, 'P = ["bo@example.com", "z", 4]\n') is None
    assert ask("code", before, 'P = ["bo@exam" + "ple.com", "z", 4]\n') is None
    assert ask("code", before, 'P = ["bo@exam" + "ple.com", "z" + 4]\n') is not None
    for tight in ('a = "x" + "y".upper()', 'a = 2 * "x" + "y"', 'a = "x" + "y" * n'):
        assert ask("code", f"{tight}\n", f"{tight.replace(chr(34) + ' + ' + chr(34), '')}\n")
    other = 'var s = "ann" + "@b.com";'
    assert ask("code", other, 'var s = "bo@example.com";', language="other") is None


def test_an_index_finds_what_a_search_finds():
    draw = random.Random(0)
    whole = "".join(draw.choices("abc", k=600))
    run = _Run(whole)
    for _ in range(400):
        at, size = draw.randrange(590), draw.randint(1, 12)
        other = "".join(draw.choices("abc", k=size))
        assert whole[at : at + size] in run and (other in run) == (other in whole)


def test_words_of_two_readings_do_not_follow_each_other():
    hay = Haystack("ann dot miller at corp dot io")
    assert len(hay.readings) > 1 and not hay.holds("io ann", "PERSON")
