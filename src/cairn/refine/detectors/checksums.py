"""Check digits: each function takes a number without separators and says whether it adds up."""

import re
from collections.abc import Sequence
from datetime import date

_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def weighted(digits: str, weights: Sequence[int]) -> int:
    """The sum of digits times weights, as far as there are weights."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def luhn(digits: str) -> bool:
    """Cards, Canada's SIN, South Africa's and Sweden's ids. ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) << (place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def mod97(iban: str) -> bool:
    """An IBAN: the first four characters moved to the end, letters as 10 to 35, 1 modulo 97.

    ISO 13616; check digits are 02 to 98.
    """
    if not (iban.isalnum() and iban.isascii() and "02" <= iban[2:4] <= "98"):
        return False
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def verhoeff(digits: str) -> bool:
    """India's Aadhaar: the dihedral group D5 (Verhoeff 1969)."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[place % 8][int(digit)])])
    return check == 0


def mod11_10(digits: str) -> bool:
    """Germany's tax id: ISO 7064, MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        product = ((product + int(digit) - 1) % 10 + 1) * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def a_day(year: int, month: int, day: int) -> bool:
    """Whether there is such a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def some_day(two: str, month: str, day: str) -> bool:
    """Whether there is such a day in 19yy or 20yy."""
    return any(a_day(c + int(two), int(month), int(day)) for c in (1900, 2000))


def us_ssn(d: str) -> bool:
    """Never issued: area 000, 666 and 900 to 999, group 00, serial 0000 (SSA); nor the numbers of
    advertisements. There is no check digit."""
    if d[:3] in ("000", "666") or d[0] == "9" or d[3:5] == "00" or d[5:] == "0000":
        return False
    return d not in ("078051120", "219099999", "123456789") and len(set(d)) > 1


def us_itin(d: str) -> bool:
    """Begins with 9; its group lies in 50-65, 70-88, 90-92 or 94-99 (IRS)."""
    group = int(d[3:5])
    fits = 50 <= group <= 65 or 70 <= group <= 88 or (90 <= group <= 99 and group != 93)
    return d[0] == "9" and fits


def ca_sin(d: str) -> bool:
    """Luhn; 0 and 8 are not given to people."""
    return luhn(d) and d[0] not in "08"


def br_cpf(d: str) -> bool:
    """Two check digits modulo 11, weights 10 … 2 and 11 … 2; all digits equal are refused."""
    if len(set(d)) == 1:
        return False
    first = weighted(d, range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(d, range(11, 1, -1)) * 10 % 11 % 10
    return d[9:] == f"{first}{second}"


def uk_nhs(d: str) -> bool:
    """Weights 10 … 2, 11 minus the rest; 11 counts as 0 and 10 is never given."""
    check = 11 - weighted(d, range(10, 1, -1)) % 11
    return len(set(d)) > 1 and check % 11 == int(d[9]) and check != 10


def uk_nino(text: str) -> bool:
    """Prefixes that HMRC does not use; there is no check digit."""
    head = text[:2]
    never = head[0] in "DFIQUV" or head[1] in "DFIQUVO"
    return not never and head not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def de_tax_id(d: str) -> bool:
    """ISO 7064 MOD 11,10; among the first ten digits one occurs two or three times (BZSt)."""
    counts = sorted((d[:10].count(c) for c in set(d[:10])), reverse=True)
    return d[0] != "0" and counts[0] in (2, 3) and counts.count(counts[0]) == 1 and mod11_10(d)


def fr_nir(text: str) -> bool:
    """97 minus the first 13 digits modulo 97; Corsica's 2A and 2B count as 19 and 18 (INSEE)."""
    number = text.upper().replace("2A", "19", 1).replace("2B", "18", 1)
    return number.isdigit() and 97 - int(number[:13]) % 97 == int(number[13:])


def nl_bsn(d: str) -> bool:
    """The test of eleven: weights 9 … 2 and -1."""
    return len(set(d)) > 1 and weighted(d, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def es_nif(text: str) -> bool:
    """The letter is the number modulo 23; X, Y, Z of a NIE count as 0, 1, 2."""
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return text[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


_IT_ODD = (
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    2,
    4,
    18,
    20,
    11,
    3,
    6,
    8,
    12,
    14,
    16,
    10,
    22,
    25,
    24,
    23,
)


def it_fiscal_code(text: str) -> bool:
    """Letters and digits at odd places by a table, at even places by their order, modulo 26."""
    ranks = [int(c) if c.isdigit() else ord(c) - 65 for c in text[:15]]
    total = sum(rank if place % 2 else _IT_ODD[rank] for place, rank in enumerate(ranks))
    return chr(65 + total % 26) == text[15]


def pt_nif(d: str) -> bool:
    """Weights 9 … 2 modulo 11; 0 and 1 give 0. People's begin with 1, 2, 3 or 45."""
    rest = weighted(d, range(9, 1, -1)) % 11
    person = d[0] in "123" or d[:2] == "45"
    return person and int(d[8]) == (0 if rest < 2 else 11 - rest)


def pl_pesel(d: str) -> bool:
    """Weights 1 3 7 9 repeated; the month carries the century."""
    month = int(d[2:4]) % 20
    check = -weighted(d, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10
    return check == int(d[10]) and some_day(d[:2], str(month), d[4:6])


def se_personnummer(d: str) -> bool:
    """Luhn over the last ten digits, and a day; 60 is added to it in a coordination number."""
    last = d[-10:]
    day = int(last[4:6])
    return luhn(last) and some_day(last[:2], last[2:4], str(day - 60 if day > 60 else day))


def fi_hetu(text: str) -> bool:
    """DDMMYY, sign of the century, serial, and the nine digits modulo 31 as a sign."""
    number = int(text[:6] + text[-4:-1])
    fits = some_day(text[4:6], text[2:4], text[:2])
    return fits and text[-1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31]


def ean13(d: str) -> bool:
    """Switzerland's AHV number: EAN-13, weights 1 and 3."""
    return weighted(d, (1, 3) * 7) % 10 == 0


def tr_id(d: str) -> bool:
    """Turkey: the tenth digit from sums at odd and even places, the eleventh from all ten."""
    n = [int(c) for c in d]
    tenth = (7 * sum(n[0:9:2]) - sum(n[1:8:2])) % 10
    return d[0] != "0" and n[9] == tenth and n[10] == sum(n[:10]) % 10


def in_pan(text: str) -> bool:
    """India's permanent account number: the fourth letter says what the holder is."""
    return text[3] in "ABCFGHLJPT"


def cn_id(text: str) -> bool:
    """China: ISO 7064 MOD 11-2 over 17 digits, X for ten, and a day of birth."""
    total = weighted(text, [2**p % 11 for p in range(17, 0, -1)])
    day = a_day(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    return day and text[17] == "10X98765432"[total % 11]


def kr_rrn(d: str) -> bool:
    """Korea: weights 2 … 9, 2 … 5 modulo 11. Numbers since October 2020 need not add up."""
    check = (11 - weighted(d, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10
    return check == int(d[12]) and some_day(d[:2], d[2:4], d[4:6])


def sg_nric(text: str) -> bool:
    """Singapore: weights 2 7 6 5 4 3 2; T and G add 4, M adds 3; a table of letters a series."""
    total = weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(text[0], 0)
    if text[0] == "M":
        return text[8] == "KLJNPQRTUWX"[10 - total % 11]
    return text[8] == ("JZIHGFEDCBA" if text[0] in "ST" else "XWUTRQPNMLK")[total % 11]


def au_tfn(d: str) -> bool:
    """Australia's tax file number: weights 1 4 3 7 5 8 6 9 10 modulo 11."""
    return len(set(d)) > 1 and weighted(d, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def au_medicare(d: str) -> bool:
    """Australia: weights 1 3 7 9 1 3 7 9 modulo 10 give the ninth digit; begins with 2 to 6."""
    return d[0] in "23456" and weighted(d, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(d[8])


def za_id(d: str) -> bool:
    """South Africa: a day, citizenship 0 to 2, Luhn."""
    return d[10] in "012" and luhn(d) and some_day(d[:2], d[2:4], d[4:6])


_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|2720\d{12}|"
    r"3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12}|"
    r"(?:5[06789]|6\d)\d{10,17}|220[0-4]\d{12}"
)


def card(d: str) -> bool:
    """Luhn, and the leading digits and length of an issuer of payment cards."""
    return _CARDS.fullmatch(d) is not None and len(set(d)) > 1 and luhn(d)
