"""Values in disguise: found, and at the characters where they stand."""

import base64

import pytest
from refine_marks import check

from cairn.refine.detectors.catalogue import detectors
from cairn.refine.detectors.forms import folded
from cairn.refine.detectors.views import Edit, View, windows

B64 = base64.b64encode(b"password: hunter22!").decode()
NESTED = base64.b64encode(base64.b64encode(b"write to ann@corp.io today")).decode()
DISGUISED = [
    "call [[PHONE_NUMBER|two one two, seven three six, five oh double zero]] tomorrow",
    "card [[CREDIT_CARD|four one one one 1111 1111 one one one one]] ok",
    "[[IP_ADDRESS|one nine two dot one six eight dot one dot five]]",
    "The one two three four punch",
    "phone: [[EMAIL_ADDRESS|j o h n @ c o r p . i o]] ok",
    "[[EMAIL_ADDRESS|ann dot lee at corp dot io]] and [[EMAIL_ADDRESS|bob [at] mail (dot) de]]",
    "[[EMAIL_ADDRESS|john @ corp . io]]; look at github.com; meet me at noon",
    "mail [[EMAIL_ADDRESS|ann.lee at corp.io]] now",
    "[[EMAIL_ADDRESS|іvаn.реtrоv@mail.com]]",
    "[[EMAIL_ADDRESS|jo\u200bhn@co\u200brp.io]]",
    "[[CREDIT_CARD|４１１１ １１１１ １１１１ １１１１]]",
    "[[EMAIL_ADDRESS|ann%40corp.io]] [[EMAIL_ADDRESS|&#97;nn&#64;corp.io]]",
    'key = "[[SECRET|ghp_abcdefghijklmnopqr" + "stuvwxyz0123456789]]"',
    "[[CREDIT_CARD|4111-1111-1111-1111]], [[CREDIT_CARD|4111.1111.1111.1111]]",
    "[[CREDIT_CARD|41 11 11 11 11 11 11 11]]; ssn [[US_SSN|536 - 22 - 1234]]",
    "1;[[PHONE_NUMBER|+33 4 89 40 22 05]]\n2;[[PHONE_NUMBER|+49 (0) 3449 962938]]\n3;x",
    "card [[CREDIT_CARD|4111 1111\n1111 1111]]; part 519-858-3280-C, not 519-858-3280-7",
    "portable 06 39 98 62 09, +33 6 39 98 46 53, type 111-179-2356-X",
    "Unit 943-476-5919-C",
    "nhs [[UK_NHS|943-476-5919]]-C",
    "Call [[PHONE_NUMBER|+1 212 736\n5000]]; phone [[PHONE_NUMBER|212-736-\n5000]] today",
    "Tel [[PHONE_NUMBER|+49 30\n901820]]",
    "phone [[PHONE_NUMBER|212-736-5000]]\n2024 was good",
    "sizes 212 736\n5000 030 90\n1820",
    "loss = state @ params.weights; rates 4.403 4.810 4.498 4.307 5.218 8.802",
    f"data [[PASSWORD|{B64}]] end",
    f"data [[EMAIL_ADDRESS|{NESTED}]] end",
    f"hex [[EMAIL_ADDRESS|{b'john.doe@corp.io'.hex()}]] end",
]


@pytest.mark.parametrize("line", DISGUISED)
def test_a_value_in_disguise_is_found_where_it_stands(line):
    check(line)


def test_a_view_leads_back_to_the_text():
    #       0123456789012345
    text = "ab<two>cd<one>ef"
    view = View(text, [Edit(2, 7, "22"), Edit(9, 14, "")])
    assert view.text == "ab22cdef"
    assert view.back(0, 2) == (0, 2) and view.back(1, 3) == (1, 7) and view.back(3, 5) == (2, 8)
    assert view.back(4, 8) == (7, 16) and view.back(6, 8) == (14, 16)
    assert view.touched(1, 3) and view.touched(5, 8) and not view.touched(0, 2)


def test_windows_hold_what_stands_around_an_edit_and_share_none():
    text = "x" * 50 + " " + "y" * 1000 + " a " + "z" * 1000
    first, second = windows(text, [Edit(10, 11, "Q"), Edit(10, 12, "lost"), Edit(1052, 1053, "R")])
    assert first.text.count("Q") == 1 and "R" not in first.text and "lost" not in first.text
    assert second.back(second.text.index("R"), second.text.index("R") + 1) == (1052, 1053)


def test_a_text_in_another_alphabet_is_left_as_it_is():
    assert list(folded("Письмо от Анны, Zürich, ναι")) == []


# What makes a pattern slow if it starts anywhere, or can be divided in many ways. Were one of them
# quadratic, this would take hours.
LONG = [
    "a", "1", "1 ", "a.", "a@", "@", "-", "A1", "1.1.1.", "::", "one ", "a b ", "%41", "eyJ", "://",
    "A. ", "Ann ", "Name: ", "((", '"+"', "\n", "ab ", "0 0-", "password=", "-----BEGIN ", "\u200b",
    "12 Main ", "а", "Dear A", "regards\n",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("piece", LONG)
def test_no_text_hangs(piece):
    size = 60_000
    detectors().find(piece * (size // len(piece)) + "!")
