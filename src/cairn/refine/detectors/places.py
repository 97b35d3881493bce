"""Street addresses and dates of birth."""

import re

from cairn.refine.detectors.patterns import Pattern, Patterns

_U = "A-ZÀ-ÖØ-ÞŁŚŻČŠŽ"
_W = rf"[{_U}][\w'’-]{{0,30}}+"
_WD = rf"{_W}\.?"
_SP, _MAYBE = r"[ \xa0]{1,2}", r"[ \xa0]{0,2}"
_ON = (
    r"(?:,?[ \xa0]{0,2}\r?\n[ \t]{0,8}|,?[ \xa0]{1,2})"  # to the next part, or line, of an address
)
_NO = r"\d{1,5}(?:[ -]?[a-zA-Z](?![\w])|[/-]\d{1,4})?"

_STREETS = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Square|Sq|"
    r"Terrace|Ter|Way|Circle|Cir|Trail|Trl|Parkway|Pkwy|Highway|Hwy|Close|Crescent|Cres|Garden|"
    r"Grove|Mews|Row|Alley|Loop|Plaza|Walk|Height|Hill|Green|Path|Pike|Turnpike|Run|Ridge|View|"
    r"Station|Spring|Point|Crossing|Bypass|Expressway|Freeway|Camp|Cove|Creek|Estate|Extension|"
    r"Fall|Field|Forge|Fort|Glen|Harbor|Haven|Island|Junction|Key|Knoll|Lake|Landing|Manor|"
    r"Meadow|Mill|Mission|Motorway|Neck|Orchard|Oval|Overpass|Park|Pass|Passage|Pine|Plain|Port|"
    r"Prairie|Ramp|Ranch|Rapid|Rest|River|Shoal|Shore|Spur|Stream|Summit|Throughway|Trace|Track|"
    r"Tunnel|Union|Valley|Viaduct|Village|Vista|Wall|Well)s?"
)
_UNIT = (
    rf"(?:{_ON}(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Fl|Room|Rm|#|Box)\.?[ #]{{0,2}}"
    r"[\w-]{1,6})?"
)
_US = rf"{_ON}{_WD}(?:{_SP}{_W}){{0,3}},?{_SP}[A-Z]{{2}}{_SP}\d{{5}}(?:-\d{{4}})?"
_UK = rf"{_ON}{_WD}(?:{_SP}{_W}){{0,2}}?{_ON}[A-Z]{{1,2}}\d[A-Z\d]? ?\d[A-Z]{{2}}"
_CITY = rf"(?:{_ON}(?:[A-Z]{{1,2}}-)?\d{{4,5}}(?: ?[A-Z]{{2}})?{_SP}{_W}(?:[ -]{_W}){{0,2}})?"
_ROMANCE = (
    r"(?:(?:de|la|le|les|du|des|del|della|dei|delle|da|do|dos|das|di|d['’]|l['’]|las|los|el|y|e)"
    r"[ ]?){0,3}"
)
_ENDINGS = (
    "straße strasse str\\. weg platz allee gasse ring damm ufer Straße Str\\. Platz Weg Allee "
    "straat laan gracht plein kade dijk singel gatan vägen gade vej katu"
)
_GERMANIC = "|".join(f"(?<={end})" for end in _ENDINGS.split())
_BEFORE = r"(?:Am|An der|Im|In der|Zum|Zur|Auf dem|Unter den|Alte|Neue|Große|Kleine)"
_ROADS = (
    r"(?:Calle|C/|Avenida|Avda\.?|Av\.|Plaza|Pza\.?|Paseo|Pº|Camino|Carrer|Ronda|Cuesta|Glorieta|"
    r"Via|Viale|Piazza|Corso|Largo|Vicolo|Strada|Borgo|Contrada|Rua|Travessa|Praça|Alameda|Estrada|"
    r"Rodovia|ul\.|al\.|pl\.|Rue|Avenue|Boulevard)"
)

_START = r"(?<![\w.,/$€£-])"


def _address(form: str, score: float, holds: tuple[str, ...] = ()) -> Pattern:
    return Pattern("STREET_ADDRESS", re.compile(form), score, holds=holds)


ADDRESSES = Patterns(
    "addresses",
    (
        # 221B Baker Street, Flat 3, London NW1 6XE; 12 N. Main St., Springfield, IL 62704
        _address(
            rf"{_START}{_NO},?{_SP}(?:[NSEW]\.?{_SP})?(?:\d{{1,3}}(?:st|nd|rd|th)|{_WD})"
            rf"(?:{_SP}{_WD}){{0,3}}?{_SP}{_STREETS}(?!\w)(?:\.(?=,| (?:Apt|Suite|Unit|#)))?"
            rf"{_UNIT}(?:{_US}|{_UK})?",
            0.65,
        ),
        _address(rf"(?<!\w)P\.?{_MAYBE}O\.?{_SP}Box{_SP}\d{{1,6}}(?:{_US})?", 0.8, ("box",)),
        # Musterstraße 12a, 10115 Berlin; Am Alten Markt 3; Keizersgracht 4
        _address(
            rf"(?<!\w)(?:{_BEFORE}{_SP})?{_WD}(?:[ -]{_WD}){{0,2}}?(?:{_GERMANIC}){_SP}{_NO}"
            rf"(?![\w:]|\.\d){_CITY}",
            0.65,
        ),
        # 12 bis, rue de la Paix, 75002 Paris
        _address(
            rf"{_START}\d{{1,4}}(?:{_SP}(?:bis|ter|quater))?,?{_SP}(?i:rue|avenue|av\.|boulevard|bd|"
            rf"place|chemin|allée|impasse|quai|route|cours|square|passage){_SP}{_ROMANCE}{_W}"
            rf"(?:[ -]{_ROMANCE}{_W}){{0,3}}{_CITY}",
            0.7,
        ),
        # Calle Mayor 5, 28013 Madrid; Via Roma, 10; Rua das Flores, nº 12; ul. Długa 7
        _address(
            rf"(?<!\w){_ROADS}{_MAYBE}{_ROMANCE}{_W}(?:{_SP}{_ROMANCE}{_W}){{0,4}}"
            rf",?{_SP}(?:n\.?[º°]?{_MAYBE}|nº{_MAYBE}|no\.?{_SP})?{_NO}(?![\w:]|\.\d)"
            rf"(?:,?{_SP}(?:\d{{1,2}}[ºª°]|piso|appartamento|int\.)[ \w]{{0,8}}(?=[,\n]))?{_CITY}",
            0.65,
        ),
    ),
)

_MONTHS = (
    r"(?:jan(?:uary|uar|vier|\.)?|ja[nň]u?a?r[yi]?|enero|gennaio|janeiro|januari|"
    r"feb(?:ruary|ruar|rero|braio|ruari|\.)?|février|fevereiro|"
    r"mar(?:ch|s|zo|ço|\.)?|märz|maart|apr(?:il|ile|\.)?|avril|abril|may|mai|mayo|maggio|maio|mei|"
    r"june?|juni|juin|junio|giugno|junho|july?|juli|juillet|julio|luglio|julho|"
    r"aug(?:ust|ustus|\.)?|août|agosto|sep(?:t(?:ember|embre|iembre)?|\.)?|settembre|setembro|"
    r"oct(?:ober|obre|ubre|\.)?|oktober|ottobre|outubro|nov(?:ember|embre|iembre|embro|\.)?|"
    r"dec(?:ember|\.)?|dezember|décembre|diciembre|dicembre|dezembro)"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:(?:18|19|20)\d\d)"
_DATE = (
    rf"(?:{_YEAR}[-/.]{_DAY}[-/.]{_DAY}|{_DAY}[-/. ]{_DAY}[-/. ](?:{_YEAR}|\d\d)|"
    rf"{_DAY}(?:st|nd|rd|th|er|\.|º)?(?: of| de)? {_MONTHS},?(?: de| del)? {_YEAR}|"
    rf"{_MONTHS} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}|{_DAY}-{_MONTHS}-{_YEAR}|"
    rf"{_YEAR}年\d{{1,2}}月\d{{1,2}}日)"
)
_BIRTH = re.compile(
    r"(?i)(?<![^\W_])(?:(?:re)?born|birth|birth[ _-]?(?:day|date)|date[ _-]?of[ _-]?birth|dob|"
    r"d\.o\.b|bday|geboren|geb|geburts(?:datum|tag)|née?|naissance|nacid[oa]|nacimiento|nat[oa]|"
    r"nascita|nascid[oa]|nascimento|geboortedatum|urodz(?:ony|ona|enia)|född|født|syntynyt)"
    r"(?![^\W_])|生年月日|出生日期"
)
_BIRTHS = (
    "born", "birth", "dob", "d.o.b", "bday", "geb", "né", "naissance", "nacid", "nacim", "nat",
    "nasc", "urodz", "född", "født", "syntynyt", "生年月日", "出生日期",
)  # fmt: skip
"""In lower case: one of them is in whatever `_BIRTH` finds."""
_ELSEWHERE = re.compile(r"\d{4}|[.;!?]\s")
"""Behind another year or the end of a sentence a word of birth speaks of something else."""


def _of_birth(text: str, start: int, end: int) -> int | None:
    before = _ELSEWHERE.split(text[max(0, start - 60) : start].replace("geb. ", "geb "))[-1]
    return end if _BIRTH.search(before) else None


BIRTHS = Patterns(
    "births",
    (
        Pattern(
            "DATE_OF_BIRTH",
            re.compile(rf"(?<![\w.,/-]){_DATE}(?![\w]|[-/.]\d)", re.I),
            0.85,
            holds=_BIRTHS,
            fit=_of_birth,
        ),
    ),
)
"""A date counts where a word of birth stands before it."""
