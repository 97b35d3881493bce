"""A pseudonym for a value of each kind: its type and format, and nobody's.

Contact data comes from what registries keep for examples (`detectors.reserved`); numbers with
check digits do not add up; secrets hold the word EXAMPLE. Names, streets, dates of birth and
numbers without a check cannot be marked: only the table tells them from real ones.
"""

import random
import re
import string
from collections.abc import Callable

from cairn.refine.detectors import checksums as sums
from cairn.refine.detectors.issuers import TOKEN
from cairn.refine.detectors.patterns import plain
from cairn.refine.detectors.reserved import (
    DOCUMENTATION,
    EXAMPLE_DOMAINS,
)
from cairn.refine.kinds import IDENTITIES as NUMBERS
from cairn.refine.pseudonym_marks import ip_version
from cairn.refine.pseudonym_words import alike, birthday, street, syllables

Make = Callable[[str, random.Random], str]


def filled(value: str, digits: str) -> str:
    """The digits in the places of `value`'s digits; as they are if there are not as many."""
    places = sum(c.isdigit() for c in value)
    if places != len(digits):
        return digits
    rest = iter(digits)
    return "".join(next(rest) if c.isdigit() else c for c in value)


def card(value: str, draw: random.Random) -> str:
    """The issuer's first digit and the grouping, and a check digit that is wrong."""
    first = next((c for c in plain(value) if c.isdigit()), "4")
    count = sum(c.isdigit() for c in value) or 16
    body = first + "".join(draw.choice(string.digits) for _ in range(count - 2))
    wrong = [d for d in string.digits if not sums.luhn(body + d)]
    return filled(value, body + draw.choice(wrong))


def iban(value: str, draw: random.Random) -> str:
    """The country and the length; 00 for check digits, which no IBAN has."""
    return value[:2] + "00" + alike(value[4:], draw)


_NATIONAL = (
    (r"\+?44|0(?=1\d{9}\Z|2\d{9}\Z|7\d{9}\Z)", "44", "7700900", 3),
    (r"\+?33|0(?=[1-9]\d{8}\Z)", "33", "63998", 4),
    (r"\+?49|0(?=\d{9,11}\Z)", "49", "3023125", 3),
    (r"\+?61", "61", "25550", 4),
    (r"\+?353", "353", "2091", 5),
)


def phone(value: str, draw: random.Random) -> str:
    """A number that its country keeps for fiction; country code 999 for one that keeps none."""
    head = re.split(r"(?i)ext|x|durchwahl", value)[0].rstrip()
    digits = re.sub(r"\D", "", head)
    code = head.lstrip(" (").startswith("+") or digits.startswith("00")
    number = digits.removeprefix("00") if code else digits
    more = "".join(draw.choice(string.digits) for _ in range(8))
    if (code and number.startswith("1") and len(number) == 11) or (not code and digits[:1] != "0"):
        area = f"{draw.randint(2, 9)}{draw.randint(0, 9)}{draw.randint(0, 9)}"
        local = f"{area}55501{more[:2]}"
        whole = local if len(number) == 10 else "1" + local
        return _numbered(head, whole if len(number) in (10, 11) else f"55501{more[:2]}", code)
    for form, country, reserved, rest in _NATIONAL:
        if re.match(form, ("+" if code else "") + number):
            local = reserved + more[:rest]
            return _numbered(head, country + local if code else "0" + local, code)
    return _numbered(head, "999" + more[: max(6, min(8, len(number) - 3))], code=True)


def _numbered(head: str, digits: str, code: bool) -> str:
    shaped = filled(head.replace("(0)", ""), digits)
    return "+" + shaped if code and shaped == digits else shaped


def address(value: str, draw: random.Random) -> str:
    """One of the documentation ranges, of the same version."""
    version = ip_version(value) or 4
    network = draw.choice(
        [n for n in DOCUMENTATION if n.version == version][: 3 if version == 4 else 1]
    )
    low = 1 if version == 4 else 1 << draw.randint(16, 64)
    return str(network[draw.randint(low, network.num_addresses - 2 if version == 4 else 2 * low)])


def mac(value: str, draw: random.Random) -> str:
    """Of 00-00-5E-00-53-00 to FF, in the value's own notation (RFC 7042, section 2.1.2)."""
    digits = f"00005e0053{draw.randint(0, 255):02x}"
    digits = digits.upper() if value.upper() == value else digits
    rest = iter(digits)
    return "".join(next(rest, "") if c.isalnum() else c for c in value)


def email(value: str, draw: random.Random) -> str:
    """A name of the same length at an example's domain."""
    size = min(max(len(value.partition("@")[0]), 3), 24)
    return f"{syllables(draw, size).lower()}{draw.randint(1, 99)}@{draw.choice(EXAMPLE_DOMAINS)}"


def secret(value: str, draw: random.Random) -> str:
    """The issuer's beginning and the length, with EXAMPLE in it."""
    if "-----BEGIN" in value:
        head, _, rest = value.partition("\n")
        return f"{head}\nEXAMPLE{alike(rest[7:] if len(rest) > 7 else '', draw)}"
    known = re.match(r"(?:[A-Za-z]{2,12}[_-]){1,3}|(?:AKIA|ASIA|AIza|eyJ|SG\.)", value)
    start = known[0] if known and (TOKEN.fullmatch(value) or known[0][-1:] in "_-") else ""
    rest = alike(value[len(start) :], draw)
    word = "EXAMPLE" if len(rest) >= 7 else "example"
    return start + word + rest[7:] if len(rest) >= 7 else start + word


def username(value: str, draw: random.Random) -> str:
    """A numbered user."""
    return f"user{draw.randint(10, 10 ** min(max(len(value) - 4, 2), 7) - 1)}"


def url(value: str, draw: random.Random) -> str:
    """A page of an example's domain."""
    return f"https://{draw.choice(EXAMPLE_DOMAINS)}/{draw.randint(10**4, 10**6)}"


def wallet(value: str, draw: random.Random) -> str:
    """Same beginning and length; the checksum is wrong, or, on Ethereum, the address near zero."""
    if value[:2].lower() == "0x":
        return value[:2] + "0" * (len(value) - 14) + f"{draw.getrandbits(48):012x}"
    head = 4 if value[:4].lower() in ("bc1q", "bc1p", "tb1q", "ltc1") else 1
    letters = string.ascii_lowercase if value == value.lower() else string.ascii_letters
    signs = [c for c in letters + string.digits[2:] if c not in "lIObio"]
    return value[:head] + "".join(draw.choice(signs) for _ in value[head:])


def number(value: str, draw: random.Random) -> str:
    """Digits for digits and letters for letters."""
    return alike(value, draw)


MAKERS: dict[str, Make] = {
    "CREDIT_CARD": card, "IBAN_CODE": iban, "PHONE_NUMBER": phone, "IP_ADDRESS": address,
    "MAC_ADDRESS": mac, "EMAIL_ADDRESS": email, "SECRET": secret, "PASSWORD": secret,
    "USERNAME": username, "CRYPTO": wallet, "STREET_ADDRESS": street, "DATE_OF_BIRTH": birthday,
    "URL": url,
    **dict.fromkeys(NUMBERS, number),
}  # fmt: skip


_USUAL = {
    "CREDIT_CARD": "4000 0000 0000 0000", "IBAN_CODE": "DE00 0000 0000 0000 0000 00",
    "PHONE_NUMBER": "200-200-2000", "IP_ADDRESS": "10.0.0.1", "MAC_ADDRESS": "00:00:00:00:00:00",
    "EMAIL_ADDRESS": "somebody@mail.com", "SECRET": "a0a0a0a0a0a0a0a0a0a0", "USERNAME": "somebody",
    "PASSWORD": "a0a0a0a0a0a0", "CRYPTO": "1" + "A" * 33, "STREET_ADDRESS": "12 Mosely Street",
    "DATE_OF_BIRTH": "1980-01-01", "US_SSN": "900-00-0000", "UK_NINO": "AA000000A",
}  # fmt: skip


def usual(kind: str, value: str) -> str:
    """A value of the kind in its usual notation, in the place of one that is spelt out or encoded:
    a pseudonym in that notation could be read back. Digits that are grouped oddly stay."""
    if re.fullmatch(r"[\d\s./_-]+", value, re.ASCII):
        return value
    return _USUAL.get(kind, "000000000")
