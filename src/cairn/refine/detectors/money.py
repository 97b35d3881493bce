"""Payment cards, bank accounts and wallets."""

import hashlib
import re

from cairn.refine.detectors import checksums
from cairn.refine.detectors.patterns import Pattern, Patterns, of, words

_CARD_WORDS = words(
    "card credit debit visa mastercard amex discover payment pan cc kreditkarte karte carte "
    "bancaire tarjeta carta cartão creditcard kaart"
)
_START, _END = r"(?<![\w.,-])", r"(?![\w]|[.,-]\d)"
CARDS = Patterns(
    "cards",
    tuple(
        Pattern(
            "CREDIT_CARD",
            re.compile(_START + form + _END),
            0.3,
            valid=of(checksums.card),
            sure=0.95,
            context=_CARD_WORDS,
        )
        for form in (
            r"\d{13,19}",
            r"\d{4}([ \xa0-])\d{4}\1\d{4}\1\d{4}",
            r"3\d{3}([ \xa0-])\d{6}\1\d{4,5}",
            r"\d{4}([ \xa0-])\d{4}\1\d{4}\1\d{4}\1\d{3}",
        )
    ),
    re.compile(r"(?<![\w.,-])\d(?=\d{3}(?:\d{9}|[ \xa0-]\d{4}))"),
)
"""Numbers with an issuer's leading digits and Luhn's check digit: a tenth of all numbers with such
a beginning has that by chance."""

_LENGTHS = """
15 NO|16 BE|18 DK FO FI GL NL SD|19 MK SI|20 AT BA EE KZ XK LT LU MN|21 HR LV LI CH
22 BH BG CR GE DE IE ME RS GB VA|23 GI IQ IL OM SO AE TL|24 AD CZ MD PK RO SA SK ES SE TN VG
25 LY PT ST|26 IS TR|27 BI DJ FR GR IT MR MC SM|28 AL AZ BY CY DO SV GT HU LB NI PL
29 BR EG PS QA UA|30 JO KW MU YE|31 MT SC|32 LC|33 RU
"""
_IBAN_LENGTHS = {
    country: int(row.split()[0])
    for row in _LENGTHS.replace("\n", "|").split("|")
    for country in row.split()[1:]
}
"""Characters of an IBAN by country: the SWIFT registry."""


def _iban_end(text: str, start: int, end: int) -> int | None:
    """Where the account number ends: words in capitals may follow it."""
    left = _IBAN_LENGTHS.get(text[start : start + 2].upper(), 0)
    for place in range(start, end):
        left -= text[place].isalnum()
        if left == 0:
            whole = place + 1 == len(text) or not text[place + 1].isalnum()
            return place + 1 if whole else None
    return None


IBANS = Patterns(
    "ibans",
    (
        Pattern(
            "IBAN_CODE",
            re.compile(r"(?<![^\W_])[A-Za-z]{2}\d{2}(?:[ \xa0-]?[A-Za-z0-9]){11,29}+"),
            0.5,
            valid=of(checksums.mod97),
            fit=_iban_end,
        ),
    ),
)

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def base58check(address: str) -> bool:
    """Version, 20 bytes and the first four of their double SHA-256: Bitcoin's older addresses,
    Litecoin's, Dogecoin's."""
    number = 0
    for sign in address:
        number = number * 58 + _BASE58.index(sign)
    if number >= 1 << 200:
        return False
    body = number.to_bytes(25, "big")
    return hashlib.sha256(hashlib.sha256(body[:21]).digest()).digest()[:4] == body[21:]


def bech32(address: str) -> bool:
    """The BCH code of BIP 173, whose constant is 1, or that of BIP 350."""
    if address not in (address.lower(), address.upper()):
        return False
    prefix, _, data = address.lower().rpartition("1")
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    values += [_BECH32.index(c) for c in data]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= term if top >> bit & 1 else 0
    return check in (1, 0x2BC830A3)


_WALLET = words("wallet address btc bitcoin eth ethereum ltc litecoin crypto donate pay deposit")
CRYPTO = Patterns(
    "crypto",
    (
        Pattern(
            "CRYPTO",
            re.compile(rf"(?<![^\W_])[13LMDA9][{_BASE58}]{{25,34}}+(?![^\W_])"),
            0.5,
            valid=base58check,
        ),
        Pattern(
            "CRYPTO",
            re.compile(rf"(?<![^\W_])(?i:(?:bc|tb|ltc)1[{_BECH32}]{{11,71}}+)(?![^\W_])"),
            0.5,
            valid=bech32,
            digits=True,
        ),
        # The check of EIP-55 is Keccak-256 over mixed case, which the standard library lacks.
        Pattern(
            "CRYPTO",
            re.compile(r"(?<![^\W_])0x[0-9a-fA-F]{40}+(?![^\W_])"),
            0.5,
            context=_WALLET,
            holds=("0x",),
        ),
    ),
)
