"""E-mail addresses, phone numbers, and addresses of machines."""

import ipaddress
import re

from cairn.refine.detectors.patterns import Pattern, Patterns, plain, words
from cairn.refine.detectors.reserved import example_host, fictional_phone, nobodys_address

_EMAIL = re.compile(
    r"(?<![\w.%+-])(?P<value>\w[\w.%+'-]{0,63}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}"
    r"(?:[^\W\d_]{2,24}|xn--[a-z0-9-]{2,40}))(?![\w])"
)


def _somebodys(text: str, start: int, end: int) -> int | None:
    """Its end, unless the domain is an example's or it is part of a URL (git@host:path)."""
    local, _, host = text[start:end].rpartition("@")
    address = local in ("git", "hg") and text[end : end + 1] in (":", "/")
    password = _USERINFO.search(text[max(0, start - 90) : start])  # user:password@host
    return None if example_host(host) or address or password else end


_USERINFO = re.compile(r"://[^\s/@]{0,64}:\Z")


EMAILS = Patterns(
    "emails",
    (Pattern("EMAIL_ADDRESS", _EMAIL, 1.0, holds=("@",), digits=False, fit=_somebodys),),
)

CALL = words(
    "phone telephone tel call called mobile cell cellphone fax dial sms whatsapp telefon handy "
    "mobil rufnummer anrufen fon téléphone portable appelez teléfono móvil llamar celular telefono "
    "cellulare chiama chiamare telefone telemóvel ligue telefoon bel mobiel hotline voicemail"
)
_DATE = re.compile(
    r"(?:\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ](?:19|20)\d\d)(?!\d)"
)
_GROUPS = re.compile(r"(?<![^\W_])(?=[A-Z]*\d)[A-Z0-9]{4} \Z")
"""A group of four before it, as in account numbers: then it is no number by itself."""
_SEPARATOR = r"[ \xa0.\u2010-\u2013/-]"
_BEGUN = re.compile(r"\+?\d[\d() \xa0.\u2010-\u2013/-]{0,23}+\Z")
"""Digits of the same number before a place."""


def _phone_end(text: str, start: int, end: int) -> int | None:
    """Its end, if it has as many digits as phone numbers have and is neither date nor fiction."""
    if _GROUPS.search(text, max(0, start - 10), start):
        return None
    digits = re.sub(r"\D", "", text[start:end])
    if not 7 <= len(digits) <= 15 or len(set(digits)) < 3 or _DATE.match(text, start):
        return None
    short = digits.startswith("00") and len(digits) < 11  # 00 and a country's code
    before = _BEGUN.search(text, max(0, start - 24), start)  # it may be the end of a longer one
    whole = digits if before is None else re.sub(r"\D", "", before[0]) + digits
    if before is not None and whole.startswith("999") and before[0][0] != "+":
        whole = digits  # the number of a house or a room, and not a country's code
    return None if short or fictional_phone(digits) or fictional_phone(whole) else end


def _phone(form: str, score: float, alone: bool = True) -> Pattern:
    return Pattern(
        "PHONE_NUMBER",
        re.compile(
            rf"(?<![\w+=#$€£.,/-])(?P<value>{form}"
            r"(?: ?(?:ext\.?|x|extension|Durchwahl) ?\d{1,5}+)?)(?![\w]|[.,/-]\d|%)",
            re.I,
        ),
        score,
        context=CALL,
        alone=alone,
        parts=True,
        fit=_phone_end,
    )


PHONES = Patterns(
    "phones",
    (
        # With a country's code: +49 (0)30 901820, 0033 1 70 18 99 00
        _phone(
            rf"(?:\+|00)[1-9]\d{{0,2}}+(?:{_SEPARATOR}?\(\d{{1,5}}\))?"
            rf"(?:{_SEPARATOR}?\d{{1,12}}){{1,6}}",
            0.75,
        ),
        # North America: (212) 736-5000, 212.736.5000, 1-212-736-5000
        _phone(
            rf"(?:1{_SEPARATOR})?(?:\([2-9]\d\d\) ?|[2-9]\d\d{_SEPARATOR})[2-9]\d\d"
            rf"{_SEPARATOR}\d{{4}}",
            0.6,
        ),
        # National numbers begin with 0 elsewhere: 030 901820, 01 70 18 99 00, (020) 7219 3000
        _phone(rf"(?:\(0\d{{1,5}}\)|0\d{{1,5}}+)(?:{_SEPARATOR}{{1,3}}\d{{2,9}}){{1,5}}", 0.45),
        # Without any mark: only where a word says so
        _phone(r"\d{7,12}", 0.2, alone=False),
        _phone(
            rf"\(?\d{{2,5}}\)?(?P<s>{_SEPARATOR})\d{{2,5}}(?:(?P=s)\d{{2,5}}){{0,4}}",
            0.2,
            alone=False,
        ),
    ),
    re.compile(r"(?<![\w+=#$€£.,/-])(?=[+(]?\d[\d()]?(?:[^\w,:;]{0,3}\d){5})"),
)

_V4 = re.compile(
    r"(?<![\w.-])(?P<value>(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d))"
    r"(?![\w]|\.\d|-\d)"
)
_V6 = re.compile(
    r"(?<![\w:.])(?P<value>(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{3,39}+)(?![\w:])"
)
_VERSION = re.compile(
    r"(?i)(?:version|ver|v|release|build|firmware|driver|update|upgrade|section|§|==|>=|<=|~=|"
    r"[\w]-|chapter)[ :=#]{0,3}\Z"
)


def _v4_end(text: str, start: int, end: int) -> int | None:
    """Not a version, and not an address of nobody's."""
    if _VERSION.search(text[max(0, start - 16) : start]):
        return None
    # 10.01.2.3 is an address to who writes it, and none to a parser.
    plain_form = ".".join(str(int(part)) for part in text[start:end].split("."))
    return None if nobodys_address(plain_form) else end


def _v6_end(text: str, start: int, end: int) -> int | None:
    value = text[start:end]
    if value.count(":") < 2 or not re.search(r"[0-9A-Fa-f]", value):
        return None
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return None
    # 12::30 is an address and a slip of the pen: real ones are longer.
    return None if nobodys_address(str(address)) or len(plain(value)) < 5 else end


def _mac_end(text: str, start: int, end: int) -> int | None:
    """Not that of nobody, of everybody, or of documentation (RFC 7042, section 2.1.2)."""
    value = plain(text[start:end])
    return None if value in ("0" * 12, "F" * 12) or value.startswith(("00005E0053",)) else end


NETWORK = Patterns(
    "network",
    (
        Pattern("IP_ADDRESS", _V4, 0.7, fit=_v4_end, holds=(".",)),
        Pattern("IP_ADDRESS", _V6, 0.8, fit=_v6_end, holds=(":",)),
        Pattern(
            "MAC_ADDRESS",
            re.compile(
                r"(?<![\w:-])(?:[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|"
                r"(?=[0-9.]{0,13}[A-Fa-f])[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w:-]|\.\w)"
            ),
            0.9,
            fit=_mac_end,
        ),
    ),
)
