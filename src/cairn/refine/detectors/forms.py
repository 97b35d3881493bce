"""Other ways to write a value: spelt out, spaced out, with look-alikes, escaped, encoded.

Each form is a function from a text to edits that undo it. A detector reads what comes of them
(`cairn.refine.detectors.combined`), and its spans go back to the characters as they stand.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import unquote

from cairn.refine.detectors.patterns import holds, words
from cairn.refine.detectors.views import Edit

_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b"
)
_UNSEEN += "\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\ufeff"
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-")
_ALIKE = str.maketrans(
    "АВЕКМНОРСТУХІЈЅЗаеорсухіјѕһԁԛԝӏɡΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρυιαɑ",
    "ABEKMHOPCTYXIJS3aeopcyxijshdqwlgABEZHIKMNOPTYXovpuiaa",
)
"""Cyrillic, Greek and phonetic letters that look like Latin ones (Unicode TR 39, plain cases)."""
_MIXED = re.compile(r"[\w.@+-]*[^\x00-\x7f][\w.@+-]*")
_LATIN = re.compile(r"[A-Za-z0-9@]")


def folded(text: str) -> Iterator[Edit]:
    """What cannot be seen is gone; compatibility forms, dashes and look-alikes are plain."""
    if text.isascii():
        return
    odd = {c for c in set(text) if not c.isascii()}
    plain = {c: _plain(c) for c in odd}
    changed = "".join(c for c in odd if plain[c] != c)
    edits = []
    if changed:
        regex = re.compile("[" + re.escape(changed) + "]+")
        edits = [
            Edit(m.start(), m.end(), "".join(plain[c] for c in m[0])) for m in regex.finditer(text)
        ]
    if any(ord(c) in _ALIKE for c in odd):
        for match in _MIXED.finditer(text):
            if _LATIN.search(match[0]):
                for at, sign in enumerate(match[0], match.start()):
                    if ord(sign) in _ALIKE:
                        edits.append(Edit(at, at + 1, sign.translate(_ALIKE)))
    yield from sorted(edits)


def _plain(sign: str) -> str:
    if sign in _UNSEEN:
        return ""
    if sign in _DASHES:
        return "-"
    digit = unicodedata.digit(sign, None)
    return str(digit) if digit is not None else unicodedata.normalize("NFKC", sign)


_DIGITS = (
    "zero oh nil naught null nul zéro cero nula,one ein eins une uno um uma een jeden,"
    "two zwei zwo deux dos due dois duas twee dwa,three drei trois tres tre três drie trzy,"
    "four vier quatre cuatro quattro quatro cztery,five fünf cinq cinco cinque vijf pięć,"
    "six sechs seis sei zes sześć,seven sieben sept siete sette sete zeven siedem,"
    "eight acht huit ocho otto oito osiem,nine neun neuf nueve nove negen dziewięć"
)
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SPELT = {w: str(n) for n, group in enumerate(_DIGITS.split(",")) for w in group.split()}
_SPELT |= {word: str(n) for n, word in enumerate(_TEENS.split(), 10)}
_SPELT |= {word: f"{n}0" for n, word in enumerate(_TENS.split(), 2)}
_MARKS = {
    "dash": "-", "hyphen": "-", "minus": "-", "strich": "-", "dot": ".", "point": ".",
    "punkt": ".", "punto": ".", "ponto": ".", "slash": "/", "plus": "+", "space": " ",
}  # fmt: skip
_TIMES = {"double": 2, "doppel": 2, "doble": 2, "triple": 3}
_SAID = _SPELT.keys() | _MARKS.keys() | _TIMES.keys()
_PIECE = re.compile(r"[^\W_]+")
_BETWEEN = re.compile(r"[ ,;:\n-]{1,3}")


def spelt(text: str) -> Iterator[Edit]:
    """Four or more numbers in a row, three of them in words, as digits: `double five oh` is 550."""
    if sum(word in _SPELT for word in _PIECE.findall(text.lower())) < 3:
        return
    run: list[re.Match[str]] = []
    for piece in _PIECE.finditer(text):
        word = piece[0].lower()
        if not (word in _SAID or (len(word) <= 4 and word.isdigit())):
            yield from _spelt(run)
            run = []
        elif run and not _BETWEEN.fullmatch(text, run[-1].end(), piece.start()):
            yield from _spelt(run)
            run = [piece]
        else:
            run.append(piece)
    yield from _spelt(run)


def _spelt(run: list[re.Match[str]]) -> Iterator[Edit]:
    if len(run) >= 4:
        said = [piece[0].lower() for piece in run]
        if sum(word in _SPELT for word in said) >= 3:
            yield Edit(run[0].start(), run[-1].end(), _as_digits(said))


def _as_digits(pieces: list[str]) -> str:
    digits, times, tens = "", 1, False
    for piece in pieces:
        if piece in _TIMES:
            times = _TIMES[piece]
            continue
        new = _MARKS.get(piece) or _SPELT.get(piece, piece)
        if tens and len(new) == 1 and new in "123456789":
            digits = digits[:-1] + new  # twenty one
        else:
            digits += new * times
        tens = piece in _TENS.split()
        times = 1
    return digits


_SPACED = re.compile(
    r"(?<![^\W_])[+\w](?P<s>[ .\-_*|·])\S(?:(?P=s)\S(?=(?P=s)|[\s,;:)]|\Z)){4,200}"
)


def spaced(text: str) -> Iterator[Edit]:
    """Six or more single characters, each apart from the next by the same sign."""
    for match in _SPACED.finditer(text):
        yield Edit(match.start(), match.end(), match[0][::2])


_AT_WORDS, _DOT_WORDS = "at|ät|arroba|arobase|chiocciola", "dot|punkt|point|punto|ponto"
_AT = (
    rf"(?:\s?[\[({{<]\s?(?:{_AT_WORDS}|@)\s?[\])}}>]\s?|\s(?:{_AT_WORDS})\s|[ \t]{{0,2}}@\s{{0,2}})"
)
_SAID_DOT = rf"\s?[\[({{<]\s?(?:{_DOT_WORDS}|\.)\s?[\])}}>]\s?|\s(?:{_DOT_WORDS})\s"
_DOT = rf"(?:{_SAID_DOT}|\s{{0,2}}\.\s{{0,2}})"
_INNER = rf"(?:{_SAID_DOT}|\.|\s(?:underscore|dash|hyphen|minus)\s)"
_OBFUSCATED = re.compile(
    rf"(?<![\w.+-])(?P<local>[\w+-]{{1,40}}(?:{_INNER}[\w+-]{{1,40}}){{0,3}})(?P<at>{_AT})"
    rf"(?P<host>[\w-]{{1,63}}(?:{_DOT}[a-z][\w-]{{1,40}}){{1,4}}?)"
    rf"(?![\w-]|\s(?:{_DOT_WORDS})\s)",
    re.I,
)
_ANY_DOT = re.compile(_DOT, re.I)
_MAIL = re.compile(r"(?i)\b(?:e-?mail|mail|contact|reach|write|correo|courriel|address)\b")
_VERBS = words(
    "look meet see visit available found hosted more live is located working works here join "
    "stay me us him her them it out up online directly support page site docs"
)
_TOPS = words(
    "com org net edu gov mil info biz io ai co dev app me tv cc xyz online site tech cloud store "
    "shop eu us uk ca au nz ie in jp cn kr tw hk sg th vn id ph my za ng ke eg ma il tr ae sa ru "
    "ua by kz de fr es it nl pt pl se fi no dk is ch at be lu cz sk hu ro bg gr hr si rs ee lv lt "
    "mx ar br cl pe"
)
_SIGNS_SAID = ("ät", "arroba", "arobase", "chiocciola", *_DOT_WORDS.split("|"))
_ODD_SIGN = re.compile(r"\s@\s?\w|\w@\s|@[\w-]{1,63}(?:\s\.|\.\s|\s?[\[({<])")
_ODD_WORD = re.compile(rf"\s(?:{'|'.join(_SIGNS_SAID)})\s")
_ODD_BRACKET = re.compile(rf"[\[({{<]\s?(?:{_AT_WORDS}|@)\s?[\])}}>]")
_BARE_AT = re.compile(r"(?i)\w\sat\s[\w-]{1,63}\.[a-z]")


def mailed(text: str) -> Iterator[Edit]:
    """`name at domain dot com`, `name [at] domain [dot] com`, `name @ domain . com`."""
    if not (_odd(text.lower()) or (_BARE_AT.search(text) and _MAIL.search(text))):
        return
    for match in _OBFUSCATED.finditer(text):
        if not _meant(text, match):
            continue
        local = re.sub(r"(?i)\s(?:dash|hyphen|minus)\s", "-", match["local"])
        local = _ANY_DOT.sub(".", re.sub(r"(?i)\sunderscore\s", "_", local))
        new = f"{local}@{_ANY_DOT.sub('.', match['host'])}"
        if new != match[0]:
            yield Edit(match.start(), match.end(), new)


def _odd(lower: str) -> bool:
    """Whether an address may be written oddly. What each form holds is looked for first."""
    return bool(
        ("@" in lower and _ODD_SIGN.search(lower))
        or (holds(lower, _SIGNS_SAID) and _ODD_WORD.search(lower))
        or (holds(lower, "[({<") and _ODD_BRACKET.search(lower))
    )


def _meant(text: str, match: re.Match[str]) -> bool:
    """`at` is a plain word: then a dot in words, or talk of mail, must go with it."""
    if re.search(r"[\[({<]", match["at"]):
        return True
    if "@" in match["at"]:  # in code it is an operator
        return _ANY_DOT.split(match["host"])[-1].lower() in _TOPS
    worded = re.search(_SAID_DOT, match["host"], re.I)
    talk = text[max(0, match.start() - 40) : match.start()]
    spoken = _MAIL.search(re.split(r"[.;!?]\s", talk)[-1])
    return bool(worded or (spoken and match["local"].lower() not in _VERBS))


_ESCAPED = re.compile(
    r"(?:%[0-9A-Fa-f]{2}){1,400}+|&#(?:x[0-9A-Fa-f]{1,6}|\d{1,7});|&(?:commat|period|amp|nbsp);|"
    r"\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}"
)
_NAMED = {"&commat;": "@", "&period;": ".", "&amp;": "&", "&nbsp;": " "}


def unescaped(text: str) -> Iterator[Edit]:
    """Percent signs of URLs, entities of HTML, escapes of strings."""
    if not any(sign in text for sign in ("%", "&", "\\u", "\\x")):
        return
    for match in _ESCAPED.finditer(text):
        said = match[0]
        if said[0] == "%":
            new = unquote(said, errors="replace")
        elif said[0] == "&":
            number = said[2:-1]
            new = _NAMED.get(said) or _sign(
                int(number[1:], 16) if number[0] == "x" else int(number)
            )
        else:
            new = _sign(int(said[2:], 16))
        yield Edit(match.start(), match.end(), new)


def _sign(code: int) -> str:
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


_JOINED = re.compile(
    r"(?<=\w)(?P<q>[\"'])[ \t]{0,8}\+?[ \t]{0,8}(?:\\?\r?\n[ \t]{0,40})?(?P=q)(?=\w)"
)


def concatenated(text: str) -> Iterator[Edit]:
    """String literals side by side, or with a plus between, as one."""
    if '"' in text or "'" in text:
        for match in _JOINED.finditer(text):
            yield Edit(match.start(), match.end(), "")


_GROUPED = re.compile(r"(?<![\w.,+])\d(?:[ \xa0.\-_/]{0,3}\d){6,18}(?![\w]|[.,]\d)")
_WRAPPED = re.compile(r"(?<![\w.,+])\d(?:[ \xa0.\-_/\n]{0,3}\d){6,18}(?![\w]|[.,]\d)")
_LINE_END = re.compile(r"\d[ \xa0.\-_/]{0,2}\n[ \xa0.\-_/]{0,2}\d")
_USUAL = re.compile(
    r"\d{4}(?P<s>[ \xa0-])\d{4}(?P=s)\d{4}(?P=s)\d{4}|3\d{3}[ -]\d{6}[ -]\d{4,5}|"
    r"(?=(?:\D?\d){1,12}\Z)\d{2,}(?:[ -]\d{2,})*"
)
"""Groupings that detectors know by themselves."""
_DECIMALS = re.compile(r"\.\d+\s+\d")
"""A row of numbers with a point in them."""


def grouped(text: str) -> Iterator[Edit]:
    """Digits of one number, however they are set apart in a line, without what is between them."""
    return _together(_GROUPED.finditer(text))


def wrapped(text: str) -> Iterator[Edit]:
    """The same of a number that goes on in the next line. Of a column of numbers too: what has
    neither check digits nor a fixed length, such as a telephone number, cannot be told from it."""
    if _LINE_END.search(text):
        yield from _together(match for match in _WRAPPED.finditer(text) if "\n" in match[0])


def _together(matches: Iterable[re.Match[str]]) -> Iterator[Edit]:
    for match in matches:
        digits = re.sub(r"\D", "", match[0])
        if len(digits) == len(match[0]) or _DECIMALS.search(match[0]):
            continue
        if not _USUAL.fullmatch(match[0]):
            yield Edit(match.start(), match.end(), digits)


_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{16,65536}+={0,2}(?![A-Za-z0-9+/=_-])")
_HEX = re.compile(r"(?<![^\W_])(?:0x)?(?P<value>(?:[0-9a-fA-F]{2}){8,32768}+)(?![^\W_])")
_LONG = re.compile(r"[A-Za-z0-9+/_-]{16}")
"""What is in both of these, and in few texts."""
_HEX_SPACED = re.compile(r"(?<![^\W_])[0-9a-fA-F]{2}(?:[ :][0-9a-fA-F]{2}){7,32768}+(?![^\W_])")


def encoded(text: str) -> Iterator[Edit]:
    """Base64 and hexadecimal digits, as the text that they encode, if it is one."""
    found = []
    long = _LONG.search(text) is not None
    for match in _HEX.finditer(text) if long else ():
        found.append((match, _printable(bytes.fromhex(match["value"]))))
    for match in _HEX_SPACED.finditer(text):
        found.append((match, _printable(bytes.fromhex(re.sub(r"[ :]", "", match[0])))))
    for match in _BASE64.finditer(text) if long else ():
        said = match[0].rstrip("=").translate(str.maketrans("-_", "+/"))
        if len(said) % 4 != 1:
            try:
                found.append((match, _printable(base64.b64decode(said + "=" * (-len(said) % 4)))))
            except (binascii.Error, ValueError):
                continue
    for match, new in sorted(found, key=lambda pair: pair[0].start()):
        if new:
            yield Edit(match.start(), match.end(), new)


def _printable(raw: bytes) -> str:
    """The bytes as text; nothing if they are no text that anybody wrote."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    good = sum(c.isprintable() or c in "\r\n\t" for c in text)
    return text if text.strip() and good == len(text) else ""


_UNDONE = {
    "spelt": spelt,
    "spaced": spaced,
    "mailed": mailed,
    "unescaped": unescaped,
    "concatenated": concatenated,
    "grouped": grouped,
    "wrapped": wrapped,
}


@lru_cache(8)
def edits(text: str) -> Mapping[str, list[Edit]]:
    """What undoes each form, by its name. Detectors and checks read a text one after the other."""
    return {name: list(form(text)) for name, form in _UNDONE.items()}


@lru_cache(8)
def decoded(text: str) -> list[Edit]:
    """What is encoded in a text, see `encoded`."""
    return list(encoded(text))
