import ast
import csv
import io
import json
import xml.etree.ElementTree as ElementTree
from collections import Counter

import pytest

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError, DatasetError
from cairn.refine.labels import line, read, write
from cairn.refine.made import disguise
from cairn.refine.made.forms import ABOUT, LANGUAGES, Slot, forms
from cairn.refine.made.records import fill, make
from cairn.refine.made.values import ascii_of, iban

FORMS = forms()


@pytest.fixture(scope="module")
def records():
    """Two of every form, with the form."""
    root = DrawKey.root(7)
    return [
        (form, fill(form, f"{form.name}-{n}", root.child(form.name, n), canaries=n == 1))
        for form in FORMS
        for n in range(2)
    ]


def private(form):
    return [p for p in form.body if isinstance(p, Slot) and not p.mark]


def test_spans_are_exact_in_order_and_hold_what_was_drawn(records):
    for form, record in records:
        kinds = [span.kind for span in record.spans if span.kind != "CANARY"]
        assert kinds == [slot.kind for slot in private(form)]
        for left, right in zip(record.spans, record.spans[1:], strict=False):
            assert left.end <= right.start
        # Without its spans, a text is its form without its slots.
        rest, at = [], 0
        for span in record.spans:
            rest.append(record.text[at : span.start])
            at = span.end
            assert record.value(span).strip() == record.value(span) != ""
        said = [piece if isinstance(piece, str) else "" for piece in form.body]
        for piece in (piece for piece in said if piece.strip()):
            assert piece.split("\n")[0] in record.text
        assert "<<" not in record.text.replace("<<<", "")


def test_what_must_survive_is_in_the_text_and_outside_every_span(records):
    for _, record in records:
        for value in record.public:
            assert value in record.text
            inside = [s for s in record.spans if value in record.value(s) and len(value) > 2]
            assert not inside, (record.form, value)


def test_the_same_letter_is_the_same_person_and_value(records):
    record = next(r for form, r in records if form.name == "adversarial/held/en/crash")
    names = {record.value(s) for s in record.spans if s.kind == "USERNAME"}
    assert len(names) == 1 and record.text.count(names.pop()) == 2


def test_documents_of_formats_with_a_grammar_are_well_formed(records):
    seen = Counter()
    for form, record in records:
        if form.format == "code":
            ast.parse(record.text)
        elif form.format == "json":
            json.loads(record.text)
        elif form.format == "xml":
            ElementTree.fromstring(record.text)
        elif form.format == "csv":
            sign = next(sign for sign in ("\t", ";", ",") if sign in record.text.split("\n")[0])
            rows = list(csv.reader(io.StringIO(record.text), delimiter=sign))
            assert len({len(row) for row in rows}) == 1, record.text
        else:
            continue
        seen[form.format] += 1
    assert set(seen) == {"code", "json", "xml", "csv"}


def test_splits_share_no_form_and_held_out_has_formats_of_its_own():
    train, held = forms("train"), forms("held")
    assert not {form.body for form in train} & {form.body for form in held}
    assert len({form.name for form in FORMS}) == len(FORMS)
    new = {form.format for form in held} - {form.format for form in train}
    assert new == {"markdown", "yaml", "xml", "sql", "vcard", "diff"}
    for part in (train, held):
        assert {form.language for form in part} == set(LANGUAGES)
        assert {(f.language, f.about) for f in part} == {(x, y) for x in LANGUAGES for y in ABOUT}
        used = {slot.disguise for form in part for slot in private(form)} - {""}
        assert used <= set(disguise.DISGUISES)


def test_records_are_the_same_for_the_same_seed_and_use_forms_equally_often():
    first, again = (list(make(200, seed=1)) for _ in range(2))
    assert first == again, "no value is of a generator that nobody seeds"
    one, two, other = (list(make(30, seed=seed, about=("negatives",))) for seed in (1, 1, 2))
    assert one == two and [r.text for r in one] != [r.text for r in other]
    counts = Counter(record.form for record in one)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert make(3, seed=1, about=("negatives",)).__next__() == one[0]


def test_profiles_have_public_and_private_facts_that_the_text_answers(records):
    for form, record in records:
        for fact in record.facts:
            assert fact.answer in record.text
            assert fact.public == (fact.answer in record.public), record.form
        if form.about == "profile":
            assert {fact.public for fact in record.facts} == {True, False}


def test_clean_dialogues_keep_the_facts_and_turns_and_lose_the_insults(records):
    pairs = [record for form, record in records if form.about == "toxic"]
    assert pairs and all(record.clean for record in pairs)
    for record in pairs:
        assert all(value in record.clean for value in record.public)
        assert all(record.value(span) not in record.clean for span in record.spans
                   if span.kind == "TOXIC")  # fmt: skip
        text = record.text.split("\nref 0")[0]
        assert text.count("\n") == record.clean.count("\n")


def test_canaries_stand_in_the_text_one_for_every_level(records):
    planted = [record for _, record in records if record.canaries]
    assert planted
    for record in planted:
        assert [canary.level for canary in record.canaries] == [0, 1, 2, 3, 4, 5]
        assert all(record.text.count(canary.shown) == 1 for canary in record.canaries)
        assert len({canary.value for canary in record.canaries}) == 6


def test_a_file_is_read_as_it_was_written(records, tmp_path):
    made = [record for _, record in records]
    assert write(tmp_path / "made.jsonl", made) == len(made)
    again = read(tmp_path / "made.jsonl")
    assert [line(record) for record in again] == [line(record) for record in made]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected labelled records"),
        ('{"text": "a", "spans": []}\nno', "line 2: expected a JSON object"),
        ('{"spans": []}', 'a string "text"'),
        ('{"text": "a"}', 'a list "spans"'),
        ('{"text": "a", "spans": [{"start": 0, "end": 2, "kind": "X"}]}', "is [0, 2); expected"),
        ('{"text": "a", "spans": [{"start": 0, "end": 1}]}', '"kind"'),
        ('{"text": "a", "spans": [], "questions": [{"q": 1}]}', "is not as in a labelled file"),
        ('{"id": 1, "text": "a", "spans": []}\n' * 2, "line 2: the id '1' was on line 1"),
    ],
)
def test_a_broken_labelled_file_is_refused_by_line(tmp_path, text, said):
    (tmp_path / "in.jsonl").write_text(text)
    with pytest.raises(DatasetError) as error:
        read(tmp_path / "in.jsonl")
    assert said in str(error.value)


def test_names_that_no_form_has_are_refused():
    with pytest.raises(ConfigError, match="No form has the language 'it'; there are de, en"):
        forms(languages=("it",))
    with pytest.raises(ConfigError, match="No form has all of these"):
        forms("train", languages=("fr",), formats=("log",))


def test_disguises_of_a_known_value():
    draw = DrawKey.root(0).random()
    assert disguise.words("+49 12", "de", draw) == "vier neun eins zwei"
    assert disguise.at("a.b@c.fr", "fr", draw) == "a point b arobase c point fr"
    assert disguise.grouped("1234567", "en", draw) == "1234-567"
    assert disguise.zero("abcd", "en", draw).replace("\u200b", "") == "abcd"
    assert len(disguise.zero("abcd", "en", draw)) == 6
    assert disguise.DISGUISES["reversed"]("Ana de Paz", "es", draw) == "de Paz, Ana"
    assert disguise.DISGUISES["base64"]("abc", "en", draw) == "YWJj"
    hidden = disguise.homoglyph("Paco", "es", draw)
    assert hidden != "Paco" and len(hidden) == 4
    back = {other: sign for sign, other in disguise.HOMOGLYPHS.items()}
    assert "".join(back.get(sign, sign) for sign in hidden) == "Paco"


def test_check_digits_and_addresses():
    assert iban("GB", "WEST12345698765432") == "GB82WEST12345698765432"  # ISO 13616's example
    assert iban("DE", "370400440532013000") == "DE89370400440532013000"
    assert ascii_of("Süßebier Núñez") == "sussebiernunez"
