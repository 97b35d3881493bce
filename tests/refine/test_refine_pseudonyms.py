import base64
import re

import pytest

from cairn.core.errors import ConfigError
from cairn.refine import sealing
from cairn.refine.checks.haystack import Haystack
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.kinds import KINDS
from cairn.refine.pseudonym_marks import marked
from cairn.refine.pseudonym_values import MAKERS
from cairn.refine.pseudonyms import Pseudonyms, TooManyValuesError, normal, pseudonymized
from cairn.refine.spans import Span

KEY = bytes(range(32))
ALL = detectors()
TEXT = """Dear Ann Miller, Mr. Miller wrote ann.miller@corp.io; call 212-736-5000 or 212.736.5000,
+49 30 901820, 01 70 18 99 00, +81 3 1234 5678. Card 4111 1111 1111 1111,
IBAN DE89 3704 0044 0532 0130 00
at 10.1.2.3 and fe80::1ff:fe23:4567:890a, mac 00:1B:44:11:3A:B7, ssn 536-22-1234, DNI
12345678Z, CPF 529.982.247-25, ghp_abcdefghijklmnopqrstuvwxyz0123456789, password: hunter2!
DOB: 1985-03-12, born 12 March 1985, lives 221B Baker Street, Flat 3, London NW1 6XE. /home/annb/x
BTC 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa, passport no. X1234567, Ann and MILLER"""


def table(text=TEXT, *, key=KEY, document="1", corpus=False):
    return Pseudonyms(key, corpus).table(text, ALL.find(text), document=document)


def test_every_pseudonym_is_nobodys_and_no_real_value_is_left():
    made, spans = table(), ALL.find(TEXT)
    for span in spans:
        assert marked(span.kind, made[TEXT[span.start : span.end]]) is not False, span.kind
    fresh = pseudonymized(TEXT, spans, made)
    assert not any(value in fresh for value in made)
    # What can be told from a real value by itself is not found any more.
    untold = {"PERSON", "STREET_ADDRESS", "DATE_OF_BIRTH", "ID_NUMBER"}
    again = [(s.kind, fresh[s.start : s.end]) for s in ALL.find(fresh) if s.kind not in untold]
    assert again == []


def test_one_value_has_one_pseudonym_in_any_notation_and_name_by_name():
    made = table()
    assert re.sub(r"\D", "", made["212-736-5000"]) == re.sub(r"\D", "", made["212.736.5000"])
    given, last = made["Ann Miller"].split()
    assert (made["Ann"], made["Miller"], made["MILLER"]) == (given, last, last.upper())
    assert {given, last}.isdisjoint({"Ann", "Miller"})


def test_the_format_and_the_length_class_stay():
    made = table()
    shape = {value: re.sub(r"\d", "0", other) for value, other in made.items()}
    assert shape["212-736-5000"] == "000-000-0000" and shape["01 70 18 99 00"] == "00 00 00 00 00"
    assert shape["4111 1111 1111 1111"] == "0000 0000 0000 0000"
    assert shape["1985-03-12"] == "0000-00-00" and shape["529.982.247-25"] == "000.000.000-00"
    assert made["DE89 3704 0044 0532 0130 00"].startswith("DE00 ")
    secret = made["ghp_abcdefghijklmnopqrstuvwxyz0123456789"]
    assert secret.startswith("ghp_EXAMPLE") and len(secret) == 40
    assert all(abs(len(a) - len(b)) <= 12 for a, b in made.items())


def test_same_key_same_table_and_another_key_or_document_another():
    assert table() == table()
    assert table()["212-736-5000"] != table(key=b"x" * 32)["212-736-5000"]
    assert table()["Ann Miller"] != table(document="2")["Ann Miller"]
    assert table(corpus=True)["Ann Miller"] == table(document="2", corpus=True)["Ann Miller"]
    other = "Meet Ann Miller. Her phone: 212.736.5000"
    shared = table(other, document="2", corpus=True)
    assert shared["Ann Miller"] == table(corpus=True)["Ann Miller"]


def test_many_values_get_as_many_pseudonyms():
    phones = [f"212-736-{n:04d}" for n in range(300)]
    text = "phones " + " ".join(phones)
    spans = [Span(m.start(), m.end(), "PHONE_NUMBER") for m in re.finditer(r"[\d-]{12}", text)]
    made = Pseudonyms(KEY).table(text, spans)
    assert len(set(made.values())) == 300 and set(made.values()).isdisjoint(made)


def test_a_pseudonym_never_is_another_real_name_of_the_text():
    pool = "Alex Ari Ash Bailey Bo Casey Dana Devon Eden Ellis Fern Jody Kim Lee Lou Noel Quinn Sam"
    text = f"Ann met {pool}"
    made = Pseudonyms(KEY).table(text, [Span(0, 3, "PERSON")])
    assert made["Ann"] not in pool.split()


def test_every_kind_can_be_replaced():
    assert set(MAKERS) == {*KINDS, "URL"} - {"PERSON"}
    assert normal("PHONE_NUMBER", "+1 (212) 736") == "1212736"
    assert normal("PERSON", "MILLER,  Ann") == "miller ann"


def test_a_value_in_disguise_gets_a_plain_pseudonym_that_nothing_can_be_read_from():
    spelt = "card four one one one one one one one one one one one one one one one"
    coded = base64.b64encode(b"card 4111 1111 1111 1111 and iban").decode()
    named = base64.b64encode(b"My name is Robert Paulson").decode()
    odd = "ssn 536 - 22 - 1234"
    text = f"{spelt}; {coded}; {named}; {odd}; jo\u200bhn@co\u200brp.io"
    made = table(text)
    assert sorted(re.sub(r"[A-Za-z]", "x", re.sub(r"\d", "0", v)) for v in made.values())[:2] == [
        "000 - 00 - 0000",
        "0000 0000 0000 0000",
    ]
    fresh = pseudonymized(text, ALL.find(text), made)
    assert len(made) == 5 and Haystack(fresh).holds("4111 1111 1111 1111") is False
    assert not Haystack(fresh).holds("Robert Paulson", "PERSON") and "\u200b" not in fresh


def test_what_the_table_lacks_is_masked():
    assert pseudonymized("call Ann now", [Span(5, 8, "PERSON")], {}) == "call [PERSON] now"


def test_a_sealed_table_opens_with_its_key_and_its_document_alone():
    made = {"Ann": "Eva", "10.1.2.3": "192.0.2.1"}
    line = sealing.sealed(KEY, made, about="doc-1")
    assert sealing.opened(KEY, line, about="doc-1") == made
    assert line == sealing.sealed(KEY, made, about="doc-1") and "Ann" not in line
    with pytest.raises(ConfigError, match="bytes that read_key"):
        sealing.opened(KEY.hex().encode() + b"\n", line, about="doc-1")  # the file's own bytes
    altered = line[:60] + ("A" if line[60] != "A" else "B") + line[61:]
    wrong = [(b"x" * 32, line, "doc-1"), (KEY, line, "doc-2"), (KEY, altered, "doc-1")]
    for key, said, about in [*wrong, (KEY, "rubbish", "doc-1")]:
        with pytest.raises(ConfigError, match="cannot be opened"):
            sealing.opened(key, said, about=about)


def test_the_key_file_is_its_owners_alone(tmp_path):
    path = tmp_path / "key"
    key = sealing.make_key(path)
    assert sealing.read_key(path) == key and path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigError, match="never overwritten"):
        sealing.make_key(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="mode 0640; others can read it"):
        sealing.read_key(path)
    path.chmod(0o600)
    path.write_text("abc")
    with pytest.raises(ConfigError, match="expected 64 hexadecimal digits") as caught:
        sealing.read_key(path)
    assert "abc" not in str(caught.value)
    with pytest.raises(ConfigError, match="There is no key file"):
        sealing.read_key(tmp_path / "none")


def test_more_values_than_a_range_has_are_refused():
    """RFC 7042 keeps 256 addresses for examples."""

    def made(count):
        text = "\n".join(f"0a:1b:2c:3d:{n // 256:02x}:{n % 256:02x}" for n in range(count))
        spans = [Span(at, at + 17, "MAC_ADDRESS") for at in range(0, len(text), 18)]
        return Pseudonyms(KEY).table(text, spans, document="1")

    assert len(set(made(200).values())) == 200
    with pytest.raises(TooManyValuesError):
        made(257)
