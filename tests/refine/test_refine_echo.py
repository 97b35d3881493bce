"""A refiner that gives texts back as they are is turned down, whatever a value is disguised as."""

import base64
from dataclasses import replace

import pytest
from refine_job import config, read, write_rows

from cairn.lm.scripted import ScriptedModel
from cairn.refine.checks.private import Consistent, Leak, Residual
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.detectors.combined import hidden
from cairn.refine.pseudonym_marks import marked
from cairn.refine.run import refine
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
