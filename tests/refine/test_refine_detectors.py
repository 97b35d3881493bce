"""Each detector on texts whose spans are known by construction."""

import pytest
from refine_marks import ALL, check

from cairn.core.errors import ConfigError
from cairn.refine.detectors.catalogue import DETECTORS, STANDARD, detector, detectors
from cairn.refine.kinds import KINDS

VALUES = """
Visa [[CREDIT_CARD|4111 1111 1111 1111]] 12/25, amex [[CREDIT_CARD|3782 822463 10005]].
Card [[CREDIT_CARD|5555555555554444]] but not 5555555555554445 nor 12345678901234567890.
[[IBAN_CODE|DE89 3704 0044 0532 0130 00]] BIC, [[IBAN_CODE|BE68 5390 0754 7034]] THEN
[[IBAN_CODE|gb82west12345698765432]] but GB82WEST12345698765433 is none
BTC [[CRYPTO|1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa]] not 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb
[[CRYPTO|bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq]]
an eth wallet [[CRYPTO|0x52908400098527886E0F7030069857D2E4169EE7]]
SSN [[US_SSN|536-22-1234]], ssn: [[US_SSN|536221234]]
the order 536221234
CPF [[BR_CPF|529.982.247-25]] DNI [[ES_NIF|12345678Z]] NHS [[UK_NHS|943 476 5919]]
[[IT_FISCAL_CODE|RSSMRA85T10A562S]]
PESEL [[PL_PESEL|44051401359]] [[FI_PERSONAL_IDENTITY_CODE|131052-308T]]
steuer id [[DE_TAX_ID|86095742719]] bsn [[NL_BSN|111222333]] NIR [[FR_NIR|2 55 08 14 168 025 38]]
passport no. [[ID_NUMBER|X1234567]], account number: [[ID_NUMBER|0012345678]]
patient id [[ID_NUMBER|445566]]
write [[EMAIL_ADDRESS|ann.b@corp.io]] or [[EMAIL_ADDRESS|müller@büro.de]], not john@example.com
clone git@github.com:x/y.git and ask a@b.c
Write to [[EMAIL_ADDRESS|ann.b@mail.corp.io]]. Or to [[EMAIL_ADDRESS|bob@corp.io]].
Call [[PHONE_NUMBER|212-736-5000]]. From [[IP_ADDRESS|10.1.2.3]].
Card [[CREDIT_CARD|4111 1111 1111 1111]].
IBAN [[IBAN_CODE|DE89 3704 0044 0532 0130 00]]. SSN [[US_SSN|536-22-1234]].
call [[PHONE_NUMBER|+49 (0)30 901820]] or [[PHONE_NUMBER|212-736-5000]], not (212) 555-0143
Unit 999 [[PHONE_NUMBER|212-736-5000]], ref 999 [[PHONE_NUMBER|(212) 736-5000]]
rooms 999 [[PHONE_NUMBER|030 901820]], not +999 212-736-5000
SSN [[US_SSN|536-22-1234]]-[[PERSON|John]]
File [[US_SSN|536-22-1234]]-tax.pdf of the SSN
mobil: [[PHONE_NUMBER|+49 170 2345678]]-privat, phone [[PHONE_NUMBER|212-736-5000]]-x12
Tel. [[PHONE_NUMBER|+1 212 736 5000]]-work
NHS [[UK_NHS|943 476 5919]]-Smith
Aadhaar [[IN_AADHAAR|2345 6789 0124]]-x
ring [[PHONE_NUMBER|01 70 18 99 00]], [[PHONE_NUMBER|(020) 7219 3000]]
phone [[PHONE_NUMBER|5551234567]] on 2024-01-05
host [[IP_ADDRESS|10.01.2.3]], not 192.00.2.07
host [[IP_ADDRESS|8.8.8.8]], [[IP_ADDRESS|fe80::1ff:fe23:4567:890a]]
no v1.2.3.4, 192.0.2.7 or 2001:db8::1
mac [[MAC_ADDRESS|00:1B:44:11:3A:B7]] at 12:30:45, not 00:00:5E:00:53:01
"""

SECRETS = """
[[SECRET|ghp_abcdefghijklmnopqrstuvwxyz0123456789]] but AKIAIOSFODNN7EXAMPLE is known from a manual
[[SECRET|AKIAQ2W3E4R5T6Y7U2I3]], [[SECRET|eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123]]
api_key = "[[SECRET|9f86d081884c7d659a2feaa0c55ad015]]"
at commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b
"password": "[[PASSWORD|s3cr,et x]]", password: [[PASSWORD|hunter2!]]
password = os.environ["PW"], password=get_pass(), password = "${PW}"
password: changeme, token=<token>
Authorization: Bearer [[SECRET|abcdef0123456789XYZtt]]
the password is [[PASSWORD|Tr0ub4dor&3]]. The password is wrong.
token [[SECRET|ghp_abcdefghijklmnopqrstuvwxyz0123456789]].
login --password [[PASSWORD|hunter22]] --token "$TOKEN"
postgres://[[USERNAME|ann]]:[[PASSWORD|pa55]]@db.corp.io/x and https://github.com/x
open /home/[[USERNAME|annb]]/x and C:\\Users\\[[USERNAME|Ann.Lee]]\\a, /home/user/x, user=root
"""

PEOPLE = """
Dear Mr. [[PERSON|Miller]],
my name is [[PERSON|Ann-Marie van der Berg]] and I am [[PERSON|Robert Paulson]].
So [[PERSON|Miller]] called.
author = "[[PERSON|Zhang Wei]]"
From: [[PERSON|Petra Schmidt]] <[[EMAIL_ADDRESS|p@x.de]]>
Hi Team, Hello World! I am German. Will it work in May? Mark the date.
Sehr geehrte Frau Dr. [[PERSON|Schulz]], [[PERSON|James]]'s George Washington University.
姓名：[[PERSON|王小明]]
Kind regards,
[[PERSON|Jörg Müller]]
"""

PLACES = """
[[STREET_ADDRESS|221B Baker Street, Flat 3, London NW1 6XE]]
[[STREET_ADDRESS|12 N. Main St., Springfield, IL 62704]]
wohnhaft [[STREET_ADDRESS|Musterstraße 12a, 10115 Berlin]]
[[STREET_ADDRESS|12 bis, rue de la Paix, 75002 Paris]].
[[STREET_ADDRESS|Calle Mayor 5, 28013 Madrid]]
[[STREET_ADDRESS|Via Roma, 10]] and [[STREET_ADDRESS|P.O. Box 1234]]
born on [[DATE_OF_BIRTH|12 March 1985]]; DOB: [[DATE_OF_BIRTH|1985-03-12]]. Released 2020-01-01.
geboren am [[DATE_OF_BIRTH|3.4.1990]], née le [[DATE_OF_BIRTH|1er mai 1970]]
"""


@pytest.mark.parametrize("line", [line for line in VALUES.split("\n") if line])
def test_values_with_a_form_are_found_and_their_look_alikes_are_not(line):
    check(line)


@pytest.mark.parametrize("line", [line for line in SECRETS.split("\n") if line])
def test_secrets_are_found_and_placeholders_are_not(line):
    check(line)


def test_names_by_their_signs():
    check(PEOPLE)


@pytest.mark.parametrize("line", [line for line in PLACES.split("\n") if line])
def test_addresses_and_dates_of_birth(line):
    check(line)


def test_hard_negatives_are_left_alone():
    check(
        "550e8400-e29b-41d4-a716-446655440000 sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b8"
        "22cd15d6c15b0f00a08 v1.2.3.4 numpy==2.0.1.3 support@example.com 192.0.2.1 127.0.0.1 "
        "order 1234567890 2024-01-05T12:30:45 ISBN 978-3-16-148410-0 pi 3.14159265358979 model "
        "X-2000 1,234,567.89 $4,000,000 255.255.255.0 3fff::1 +44 1632 960123"
    )


def test_a_traceback_shows_what_is_in_it():
    check(
        'File "/home/[[USERNAME|annb]]/app.py", line 12, in <module>\n'
        '    connect(host="db1", user="[[USERNAME|bill]]", password="[[PASSWORD|Zx9!kQ22]]")\n'
        "ValueError: bad token [[SECRET|ghp_abcdefghijklmnopqrstuvwxyz0123456789]]\n"
    )


def test_context_within_five_words_raises_a_score():
    cards = detector("cards")
    alone = cards.find("see 4111111111111111")[0].score
    near = cards.find("card one two three four 4111111111111111")[0].score
    far = cards.find("card one two three four five 4111111111111111")[0].score
    assert (alone, near, far) == (0.95, 1.0, 0.95)
    snake = detector("identities").find("user_ssn_text 536221234")
    assert [s.score for s in snake] == [0.65]  # 0.3 and 0.35


def test_the_threshold_is_of_what_is_reported():
    text = "James said so"
    assert [s.kind for s in ALL.find(text)] == ["PERSON"]
    assert detectors(threshold=0.5).find(text) == []


def test_every_kind_that_is_found_has_a_name_of_ours():
    assert set(ALL.kinds) <= set(KINDS)
    assert [k for k in KINDS if k not in ALL.kinds] == []


def test_a_name_that_is_none_says_what_there_is():
    with pytest.raises(ConfigError, match=r"Unknown detector 'card'.*Did you mean 'cards'"):
        detector("card")
    with pytest.raises(ConfigError, match=r"must have name, kinds and find"):
        detector("json:JSONDecoder")
    with pytest.raises(ConfigError, match=r"threshold must lie in \[0, 1\], got 2"):
        detectors(threshold=2)
    assert set(STANDARD) < set(DETECTORS)
