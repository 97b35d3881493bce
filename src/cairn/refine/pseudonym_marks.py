"""Whether a value can be told to be nobody's, by itself: reserved ranges, sums that are wrong."""

import ipaddress
import re

from cairn.refine.detectors import checksums as sums
from cairn.refine.detectors.identities import IDENTITIES
from cairn.refine.detectors.money import CRYPTO, base58check, bech32
from cairn.refine.detectors.patterns import plain
from cairn.refine.detectors.reserved import DOCUMENTATION, example_host, fictional_phone
from cairn.refine.detectors.secret_values import NUMBERED, placeholder
from cairn.refine.kinds import IDENTITIES as NUMBERS


def ip_version(value: str) -> int | None:
    """4 or 6; None for what is no address."""
    try:
        return ipaddress.ip_address(value).version
    except ValueError:
        return None


def _unadded(kind: str, value: str) -> bool:
    """Whether no check of the kind's forms holds."""
    forms = [p for p in IDENTITIES.patterns if p.kind == kind]
    return not any(p.valid and p.regex.fullmatch(value) and p.valid(value) for p in forms)


_WRITTEN = {kind: re.compile(form, re.ASCII) for kind, form in {
    "EMAIL_ADDRESS": r"[^\s@]+@[^\s@]+",
    "PHONE_NUMBER": r"[+(]{0,2}\d[\d() \xa0./\u2010-\u2013-]*",
    "MAC_ADDRESS": r"[\da-fA-F](?:[:.-]?[\da-fA-F]){11}",
    "CREDIT_CARD": r"\d(?:[ \xa0-]?\d){11,18}",
    "IBAN_CODE": r"[A-Za-z]{2}\d\d(?:[ \xa0-]?[A-Za-z0-9]){11,30}",
}.items()}  # fmt: skip


def _in_notation(kind: str, value: str) -> bool:
    """Whether a value is written as its kind is. Of one in words or in base64 no check digit is
    right, and yet it is somebody's."""
    if kind in _WRITTEN:
        return _WRITTEN[kind].fullmatch(value) is not None
    if kind == "CRYPTO" or (kind in NUMBERS and kind != "ID_NUMBER"):
        forms = (*IDENTITIES.patterns, *CRYPTO.patterns)
        return any(p.kind == kind and p.regex.fullmatch(value) for p in forms)
    return True


def marked(kind: str, value: str) -> bool | None:
    """Whether a value can be nobody's, by itself; None for kinds of which that cannot be told, and
    for what is not in the kind's own notation."""
    told = _marked(kind, value)
    return None if told and not _in_notation(kind, value) else told


def _marked(kind: str, value: str) -> bool | None:
    if kind == "EMAIL_ADDRESS":
        return example_host(value.rpartition("@")[2])
    digits = re.sub(r"\D", "", value)
    if kind == "URL":
        host = re.match(r"(?:\w+://)?([^/\s:?#]+)", value)
        return host is not None and example_host(host[1])
    if kind == "PHONE_NUMBER":
        return fictional_phone(digits)
    if kind == "IP_ADDRESS":
        version = ip_version(value)
        known = [n for n in DOCUMENTATION if n.version == version]
        return any(ipaddress.ip_address(value) in network for network in known)
    if kind == "MAC_ADDRESS":
        return plain(value).startswith("00005E0053")
    if kind == "CREDIT_CARD":
        return not sums.luhn(digits)
    if kind == "IBAN_CODE":
        return not sums.mod97(plain(value))
    if kind in ("SECRET", "PASSWORD"):
        return placeholder(value)
    if kind == "USERNAME":
        return NUMBERED.fullmatch(value) is not None
    if kind == "CRYPTO":
        return value.lower().startswith("0x000000") or not _adds_up(value)
    if kind in NUMBERS and kind != "ID_NUMBER":
        return _unadded(kind, value)
    return None


def _adds_up(value: str) -> bool:
    try:
        return (bech32 if value[:3].lower() in ("bc1", "tb1", "ltc") else base58check)(value)
    except ValueError:
        return value[:2].lower() == "0x"
