"""A refiner that gives texts back as they are is turned down, whatever a value is disguised as."""

import base64
from dataclasses import replace

import pytest
from refine_job import config, read, write_rows

from cairn.lm.scripted import ScriptedModel
from cairn.refine.checks.catalogue import check as check_named
from cairn.refine.checks.private import Consistent, Leak, Residual
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.detectors.combined import hidden
from cairn.refine.kinds import KINDS
from cairn.refine.pseudonym_marks import marked
from cairn.refine.run import refine
from cairn.refine.tasks.base import text_in
from cairn.refine.tasks.catalogue import task

SSN, CARD, NINO = "536-90-4399", "4111 1111 1111 1111", "AB123456C"
MAIL, WALLET = "ann.lee@corp.io", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
DISGUISED = {
    "words": "SSN five three six, nine zero, four three nine nine",
    "base64": f"data {base64.b64encode(f'card {CARD}'.encode()).decode()} end",
    "base64 of an address": f"data {base64.b64encode(f'mail {MAIL}'.encode()).decode()} end",
    "hexadecimal": f"hex {f'wallet {WALLET}'.encode().hex()} end",
    "apart": f"NINO {' '.join(NINO)} ok",
    "card in words": "card four one one one 1111 1111 one one one one ok",
    "odd groups": "card 41 11 11 11 11 11 11 11 ok",
    "wide digits": "card ４１１１ １１１１ １１１１ １１１１ ok",
    "phone in words": "call two one two, seven three six, five oh double zero now",
    "address in words": "mail ann dot lee at corp dot io now",
    "no width": "mail jo\u200bhn@co\u200brp.io now",
}
FOUND = {
    "EMAIL_ADDRESS": "write to ann.lee@corp.io", "PHONE_NUMBER": "ring 01 70 18 99 00 now",
    "IP_ADDRESS": "host 8.8.8.8 answers", "MAC_ADDRESS": "mac 00:1B:44:11:3A:B7 ok",
    "CREDIT_CARD": f"see {CARD} ok", "IBAN_CODE": "to BE68 5390 0754 7034 now",
    "CRYPTO": f"to {WALLET} now", "SECRET": "ghp_abcdefghijklmnopqrstuvwxyz0123456789 it is",
    "PASSWORD": "password: hunter2!", "USERNAME": "open /home/annb/x",
    "PERSON": "my name is Robert Paulson and so on",
    "STREET_ADDRESS": "at Musterstraße 12a, 10115 Berlin",
    "DATE_OF_BIRTH": "born on 12 March 1985 there", "US_SSN": "the 536-22-1234 of",
    "US_ITIN": "the 912-70-1234 of", "CA_SIN": "the 130-692-544 of",
    "BR_CPF": "the 529.982.247-25 of", "UK_NHS": "nhs 9434765919 of", "UK_NINO": f"the {NINO} of",
    "DE_TAX_ID": "the 86095742719 of", "FR_NIR": "the 2 55 08 14 168 025 38 of",
    "NL_BSN": "bsn 111222333 of", "ES_NIF": "the 12345678Z of", "ES_NIE": "the X1234567L of",
    "IT_FISCAL_CODE": "the RSSMRA85T10A562S of", "PT_NIF": "nif 123456789 of",
    "PL_PESEL": "pesel 44051401359 of", "SE_PERSONNUMMER": "the 811218-9876 of",
    "FI_PERSONAL_IDENTITY_CODE": "the 131052-308T of", "CH_AHV": "the 756.9217.0769.85 of",
    "TR_NATIONAL_ID": "kimlik 10000000146 of", "IN_AADHAAR": "aadhaar 2341 2341 2346 of",
    "IN_PAN": "pan ABCPE1234F of", "CN_RESIDENT_ID": "the 11010519491231002X of",
    "KR_RRN": "the 900101-1234568 of", "SG_NRIC_FIN": "the S1234567D of",
    "AU_TFN": "tfn 123 456 782 of", "AU_MEDICARE": "medicare 2123 45670 1 of",
    "ZA_ID_NUMBER": "the 8001015009087 of", "ID_NUMBER": "passport no. X1234567 of",
}  # fmt: skip
"""A value of each kind, most of them with as low a score as their kind is found with."""
# Without `pseudonyms`, which would hide what these two let through.
TASK = task("anonymize")
TASK = replace(TASK, checks=tuple(c for c in TASK.checks if not isinstance(c, Consistent)), tries=1)


@pytest.mark.parametrize("check", [Leak, Residual])
@pytest.mark.parametrize("pseudonyms", [True, False])
def test_an_echo_is_turned_down_for_every_disguise(tmp_path, check, pseudonyms):
    assert all(any(map(hidden, detectors().find(text))) for text in DISGUISED.values())
    records = [{"id": name, "text": text} for name, text in DISGUISED.items()]
    given = write_rows(tmp_path / "in.jsonl", records)

    def same(request, key):
        return next(t for t in DISGUISED.values() if t in request.messages[-1].content)

    echo = ScriptedModel(same, name="echo")
    asked = next(each for each in TASK.checks if isinstance(each, check))
    counted = refine(
        config(given, tmp_path / "out.jsonl", task="anonymize"), tmp_path / "run",
        replace(TASK, checks=(asked,), pseudonyms=pseudonyms), players={"refiner": echo},
        show=False,
    )  # fmt: skip
    assert read(tmp_path / "out.jsonl") == []
    rejects = {row["id"]: row["check"] for row in read(counted.rejects)}
    assert rejects == dict.fromkeys(DISGUISED, asked.name)


@pytest.mark.parametrize("checks", ["the task's own", "none that looks for it"])
def test_nothing_of_any_kind_passes_as_it_was(tmp_path, checks):
    """Byte for byte: whatever a task checks, and however weak the find."""
    whole = task("anonymize")
    assert set(FOUND) == set(KINDS)
    for kind, text in FOUND.items():
        assert [span.kind for span in whole.detectors[0].find(text)] == [kind]
    if checks != "the task's own":
        whole = replace(whole, checks=(check_named("length"),))
    records = [{"id": kind, "text": f"{text}\n"} for kind, text in FOUND.items()]
    given = write_rows(tmp_path / "in.jsonl", records)
    echo = ScriptedModel(lambda request, key: text_in(request.messages[-1].content).text, "echo")
    counted = refine(
        config(given, tmp_path / "out.jsonl", task="anonymize"), tmp_path / "run", whole,
        players={"refiner": echo}, show=False,
    )  # fmt: skip
    assert read(tmp_path / "out.jsonl") == [] and counted.rejected == len(FOUND)
    assert {len(row["failed"]) for row in read(counted.rejects)} == {whole.tries}


def test_only_a_value_in_its_own_notation_can_be_nobodys():
    plain = {
        "CREDIT_CARD": "4111 1111 1111 1112", "US_SSN": "000-12-3456", "UK_NINO": "QQ 12 34 56 C",
        "IBAN_CODE": "DE00 3704 0044 0532 0130 00", "EMAIL_ADDRESS": "ann@example.com",
        "PHONE_NUMBER": "+1 (212) 555-0142", "MAC_ADDRESS": "00:00:5E:00:53:01",
        "CRYPTO": WALLET[:-1] + "b", "IP_ADDRESS": "192.0.2.7",
    }  # fmt: skip
    for kind, value in plain.items():
        assert marked(kind, value) is True, kind
        assert marked(kind, base64.b64encode(value.encode()).decode()) is not True, kind
        assert marked(kind, " ".join(value)) is not True, kind
    assert marked("CREDIT_CARD", CARD) is False and marked("US_SSN", SSN) is False
