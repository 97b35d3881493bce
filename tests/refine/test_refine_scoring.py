import random
from itertools import pairwise

import numpy as np
import pytest

from cairn.core.stats import wilson
from cairn.refine.aligned import kept, tokens
from cairn.refine.intervals import Resampled
from cairn.refine.labels import Canary, Record
from cairn.refine.presence import Presence
from cairn.refine.rewriting_score import Edits, Rewrite, edited, leaks, score_rewrites
from cairn.refine.scoring import ANY, matched, score_spans
from cairn.refine.spans import Span


def labelled(text, *values, public=(), **more):
    """A record in which each (kind, value) is private at its first place."""
    spans = [Span(text.index(v), text.index(v) + len(v), kind) for kind, v in values]
    return Record("1", text, spans=tuple(sorted(spans)), public=tuple(public), **more)


@pytest.mark.parametrize(
    ("value", "text", "there"),
    [
        ("Ana Paz", "so ANA  PAZ said", 1),
        ("Ana Paz", "Paz, Ana", 1),
        ("Ana de Paz", "de Paz, Ana", 1),
        ("Li", "I like it", 0),
        ("Li", "Li, and li", 2),
        ("5550123", "call 555-01 23 now", 1),
        ("5550123", "call 1555-0123", 0),
        ("+49 30 12", "4930 12", 1),
        ("Müller", "muller", 1),
        ("Strasse", "STRAßE", 1),
        ("Paco", "Расо", 1),  # three Cyrillic letters
        ("otter77", "0tter77", 1),
        ("a@b.com", "a\u200b@b.com", 1),
        ("a@b.com", "a at b dot com", 0),
        ("Ana", "Anna", 0),
        ("王伟", "我叫王伟，你呢", 1),
        ("12345", "12a45", 0),
        ("!?", "what!?", 1),
        ("", "x", 0),
        ("aba", "aba aba abab", 2),
    ],
)
def test_a_value_is_found_however_it_is_written_and_only_as_a_whole(value, text, there):
    assert Presence(text).count(value) == there


def plain_common(a, b):
    """Length of a longest common subsequence, by the textbook."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            best = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else best
    return table[-1][-1]


def test_the_alignment_is_a_longest_common_subsequence():
    draw = random.Random(0)
    for _ in range(200):
        a, b = ("".join(draw.choices("abc", k=draw.randrange(9))) for _ in range(2))
        pairs = kept(a, b)
        assert all(a[i] == b[j] for i, j in pairs)
        assert all(p[0] < q[0] and p[1] < q[1] for p, q in pairwise(pairs))
        assert len(pairs) == plain_common(a, b)


def test_long_texts_are_aligned_block_by_block():
    a = [str(n) for n in range(6000)]
    b = [*a[:3000], "new", *a[3001:]]
    assert len(kept(a, b)) == 5999


def test_tokens_are_words_and_signs_cut_where_spans_begin():
    assert [t.text for t in tokens("don't a_b 3.5")] == ["don", "'", "t", "a_b", "3", ".", "5"]
    assert [tuple(t) for t in tokens("abcd", [1, 3])] == [("a", 0, 1), ("bc", 1, 3), ("d", 3, 4)]


@pytest.mark.parametrize(
    ("gold", "said", "right", "groups"),
    [
        ([(0, 10)], [(0, 5)], 1, 1),  # half is enough
        ([(0, 10)], [(0, 4)], 0, 1),
        ([(0, 10)], [(0, 4), (6, 10)], 1, 1),  # in two parts: one hit
        ([(0, 10)], [(0, 10), (0, 10)], 1, 1),
        ([(0, 10)], [(20, 25)], 0, 1),
        ([(0, 4), (5, 9)], [(0, 9)], 0, 1),  # over both: 4 of 9
        ([(0, 4), (5, 9)], [(0, 4), (5, 9)], 2, 2),
        ([], [(0, 4), (6, 8)], 0, 2),
        ([(0, 4)], [], 0, 0),
    ],
)
def test_predictions_are_matched_by_hand(gold, said, right, groups):
    spans = [[Span(start, end, "X") for start, end in them] for them in (gold, said)]
    assert matched(*spans) == (right, groups)


def test_recall_precision_and_f2_of_a_worked_case():
    # Names: 3 of 4 found, 5 predicted. Addresses: 1 of 1 found, 1 predicted.
    records = [
        labelled("Ana met Bo", ("PERSON", "Ana"), ("PERSON", "Bo")),
        labelled("Cy and Di in Elm Road", ("PERSON", "Cy"), ("PERSON", "Di"),
                 ("STREET_ADDRESS", "Elm Road")),
        labelled("nobody here"),
    ]  # fmt: skip
    found = [
        [Span(0, 3, "PERSON"), Span(8, 10, "PERSON")],
        [Span(0, 2, "PERSON"), Span(3, 6, "PERSON"), Span(13, 21, "LOCATION")],
        [Span(0, 6, "PERSON")],
    ]
    score = score_spans(records, found)
    rows = {row.kind: row for row in score.kinds}
    person = rows["PERSON"]
    assert (person.labelled, person.predicted) == (4, 5)
    assert person.recall.value == 3 / 4 and person.precision.value == 3 / 5
    assert person.f2.value == pytest.approx(5 * 0.6 * 0.75 / (4 * 0.6 + 0.75))
    assert rows["STREET_ADDRESS"].recall.value == 1  # Presidio's name for it is taken for ours
    assert (rows[ANY].labelled, rows[ANY].predicted) == (5, 6)
    assert rows[ANY].recall.value == 4 / 5 and rows[ANY].precision.value == 4 / 6
    assert score.whole.value == 1 / 2 and score.whole.of == 2
    for row in score.kinds:
        for share in (row.recall, row.precision, row.f2):
            assert 0 <= share.low <= (share.value or 0) <= share.high <= 1


def test_something_found_as_another_kind_counts_in_the_first_row_alone():
    records = [labelled("key abc", ("SECRET", "abc"))]
    rows = {row.kind: row for row in score_spans(records, [[Span(4, 7, "PASSWORD")]]).kinds}
    assert rows[ANY].recall.value == 1 and rows["SECRET"].recall.value == 0
    assert rows["SECRET"].precision.value is None


def test_intervals_are_over_documents_and_never_of_no_width():
    together = np.array([[10.0, 10.0]] * 5 + [[0.0, 10.0]] * 5)  # all or none of a document
    apart = np.array([[5.0, 10.0]] * 10)
    wide, narrow = (Resampled(counts).share(0, 1) for counts in (together, apart))
    assert wide.value == narrow.value == 0.5
    assert wide.high - wide.low > 0.4
    assert (narrow.low, narrow.high) == pytest.approx(wilson(50, 100))
    assert Resampled(np.zeros((3, 2))).share(0, 1).value is None


TEXT = "Ana Paz (ana@paz.es) sold 12 oak ladders to Bo."
ANA = labelled(TEXT, ("PERSON", "Ana Paz"), ("EMAIL_ADDRESS", "ana@paz.es"), ("PERSON", "Bo"),
               public=("oak ladders", "12"))  # fmt: skip


def test_what_leaks_is_told_by_kind_and_value():
    assert leaks(ANA, "Eva Roe (e@x.org) sold 12 oak ladders to Cy.") == set()
    assert leaks(ANA, "Eva Roe (e@x.org) sold 12 to Bo") == {("PERSON", "Bo")}
    # The address holds the name.
    assert leaks(ANA, "Eva Roe (ANA @ PAZ . es) sold them") == {
        ("PERSON", "Ana Paz"), ("EMAIL_ADDRESS", "ana@paz.es")}  # fmt: skip
    assert leaks(ANA, TEXT) == {
        ("PERSON", "Ana Paz"), ("EMAIL_ADDRESS", "ana@paz.es"), ("PERSON", "Bo")}  # fmt: skip


def test_a_word_that_stands_elsewhere_too_is_no_leak_until_it_is_said_once_more():
    record = labelled("Rose wore a rose", ("PERSON", "Rose"))
    assert leaks(record, "Gisla wore a rose") == set()
    assert leaks(record, "Rose wore a rose") == {("PERSON", "Rose")}


def test_a_disguised_value_leaks_as_it_is_shown_and_as_it_is_meant():
    record = labelled("call one two", ("PHONE_NUMBER", "one two"), plain={"one two": "12"})
    for rewrite in ("call ONE TWO", "call 12"):
        assert leaks(record, rewrite) == {("PHONE_NUMBER", "one two")}
    assert leaks(record, "call three") == set()


def test_edits_of_a_worked_case():
    # Private words: Ana Paz ana paz es Bo; outside: ( ) sold 12 oak ladders to .
    assert edited(ANA, "Eva Roe (e@x.org) sold 12 oak ladders to Cy.") == Edits(
        6, 6, 8, 0, 0, 1, 1, 1
    )
    assert edited(ANA, "Ana Roe (e@x.org) sold ladders to Cy.") == Edits(6, 5, 8, 2, 0, 1, 1, 1)
    assert edited(ANA, TEXT) == Edits(6, 0, 8, 0, 0, 1, 0, 0)
    long = "Eva Roe (e@x.org) sold 12 oak ladders, and more, to Cy."
    assert edited(ANA, long) == Edits(6, 6, 8, 0, 2, 1, 1, 1)
    end = TEXT.replace("Bo.", "Cy. And so it was that everybody went home.")
    assert edited(ANA, end).added == 8  # counted by hand
    apart = labelled("card 4 1 1 1 1 1 1 1 ok", ("CREDIT_CARD", "4 1 1 1 1 1 1 1"))
    assert edited(apart, "card 7 3 1 5 9 8 2 4 ok").added == 0  # one of eight digits is the same
    assert edited(apart, "card 7 3 1 5 9 8 2 4 ok and so he went home that day").added == 7
    key = labelled("key _s3cret_ now", ("SECRET", "_s3cret_"))
    assert edited(key, "key _example_ now")[:2] == (1, 1)


def test_scores_of_a_worked_case():
    rewrites = [
        Rewrite("Ana Paz (e@x.org) sold 12 oak to Cy."),  # one of three leaks, ladders lost
        Rewrite("Eva Roe (e@x.org) sold 12 oak ladders to Cy.", tries=3),
        Rewrite(None, "refused"),
        Rewrite(None, "dropped"),
    ]
    score = score_rewrites([ANA] * 4, rewrites)
    assert {name: rate.value for name, rate in score.outcomes.items()} == {
        "out": 0.5, "dropped": 0.25, "refused": 0.25, "cut": 0, "failed": 0}  # fmt: skip
    assert {kind: (rate.value, rate.of) for kind, rate in score.leaks.items()} == {
        "any kind": (1 / 6, 6), "PERSON": (1 / 4, 4), "EMAIL_ADDRESS": (0, 2)}  # fmt: skip
    assert score.leaking.value == 1 / 2 and score.leaking.of == 2
    assert score.protected.value == 11 / 12
    # Edited: ana paz es Bo ladders, and all six: 10 of 11 are private.
    assert score.precision.value == 10 / 11
    assert score.over_edited.value == 1 / 16
    assert score.public_kept.value == 3 / 8
    assert score.added.value == 0 and score.tries == 1.5


def test_lines_are_told_apart():
    record = labelled("user = 'ana'\nport = 80\nkey = 'otter7'\nok = 1\n",
                      ("USERNAME", "ana"), ("PASSWORD", "otter7"))  # fmt: skip
    rewrite = "user = 'x'\nport = 81\nkey = 'otter7'\nok = 1\n"  # one right, one wrong, one missed
    assert edited(record, rewrite)[-3:] == (2, 2, 1)
    score = score_rewrites([record], [Rewrite(rewrite)])
    assert score.line_recall.value == score.line_precision.value == 0.5


def test_canaries_are_counted_by_level():
    record = labelled("ref: abc, QRS", ("CANARY", "abc"), ("CANARY", "QRS"),
                      canaries=(Canary(0, "abc", "abc"), Canary(1, "qrs", "QRS")))  # fmt: skip
    score = score_rewrites([record] * 2, [Rewrite("ref: x, qrs"), Rewrite("ref: x, y")])
    assert {level: rate.value for level, rate in score.canaries.items()} == {0: 1.0, 1: 0.5}


def test_nothing_at_all_has_no_shares():
    score = score_rewrites([], [])
    assert score.protected.value is None and score.leaking.value is None
