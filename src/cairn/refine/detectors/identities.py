"""Numbers that states and firms give to people, with check digits where there are any.

How sure a valid number is depends on how many others are valid too: a form of its own and two
check digits leave one in thousands, nine bare digits one in eleven. The latter need a word near by.
"""

import re
from collections.abc import Callable

from cairn.refine.detectors import checksums as sums
from cairn.refine.detectors.patterns import Pattern, Patterns, of, words

_START, _END = r"(?<![\w.,/-])(?:", r")(?![\w]|[.,/-]\d)"


def _id(
    kind: str,
    form: str,
    check: Callable[[str], bool],
    sure: float,
    context: str = "",
    alone: bool = True,
) -> Pattern:
    return Pattern(
        kind,
        re.compile(_START + form + _END, re.I),
        sure,
        valid=of(check),
        sure=sure,
        context=words(context),
        alone=alone,
        parts=True,
    )


_SSN = "ssn ssns social security soc sec ss"
_TAX = "tin nif tax fiscal contribuinte contribuyente steuer steuernummer finanzamt"
IDENTITIES = Patterns(
    "identities",
    (
        _id("US_SSN", r"\d{3}([ -])\d{2}\1\d{4}", sums.us_ssn, 0.6, _SSN),
        _id("US_SSN", r"\d{9}", sums.us_ssn, 0.3, _SSN, alone=False),
        _id("US_ITIN", r"9\d\d([ -])\d\d\1\d{4}", sums.us_itin, 0.6, "itin tax taxpayer"),
        _id("CA_SIN", r"\d{3}([ -])\d{3}\1\d{3}", sums.ca_sin, 0.5, "sin social insurance nas"),
        _id("CA_SIN", r"\d{9}", sums.ca_sin, 0.3, "sin insurance nas", alone=False),
        _id("BR_CPF", r"\d{3}\.\d{3}\.\d{3}-\d\d", sums.br_cpf, 1.0),
        _id("BR_CPF", r"\d{11}", sums.br_cpf, 0.4, "cpf cadastro contribuinte"),
        _id("UK_NHS", r"\d{3}([ -])\d{3}\1\d{4}", sums.uk_nhs, 0.5, "nhs patient health"),
        _id("UK_NHS", r"\d{10}", sums.uk_nhs, 0.3, "nhs", alone=False),
        _id("UK_NINO", r"[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]", sums.uk_nino, 0.7,
            "nino ni insurance national"),
        _id("DE_TAX_ID", r"\d\d ?\d{3} ?\d{3} ?\d{3}", sums.de_tax_id, 0.4,
            "steuer id idnr identifikationsnummer steueridentifikationsnummer steuernummer "
            "finanzamt tin tax"),
        _id("FR_NIR", r"[12] ?\d\d ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d",
            sums.fr_nir, 0.95, "nir insee sécurité sociale sécu"),
        _id("NL_BSN", r"\d{9}|\d{4}\.\d\d\.\d{3}", sums.nl_bsn, 0.3,
            "bsn burgerservicenummer sofinummer", alone=False),
        _id("ES_NIF", r"\d{8}-?[A-Z]|\d{1,2}\.\d{3}\.\d{3}-?[A-Z]", sums.es_nif, 0.8,
            "dni nif documento identidad"),
        _id("ES_NIE", r"[XYZ]-?\d{7}-?[A-Z]", sums.es_nif, 0.9, "nie extranjero"),
        _id("IT_FISCAL_CODE",
            r"[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
            sums.it_fiscal_code, 1.0),
        _id("PT_NIF", r"\d{3} ?\d{3} ?\d{3}", sums.pt_nif, 0.3, _TAX, alone=False),
        _id("PL_PESEL", r"\d{11}", sums.pl_pesel, 0.5, "pesel"),
        _id("SE_PERSONNUMMER", r"(?:19|20)?\d{6}[-+]\d{4}", sums.se_personnummer, 0.8,
            "personnummer samordningsnummer"),
        _id("SE_PERSONNUMMER", r"(?:19|20)\d{10}", sums.se_personnummer, 0.3, "personnummer"),
        _id("FI_PERSONAL_IDENTITY_CODE", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]",
            sums.fi_hetu, 1.0),
        _id("CH_AHV", r"756\.?\d{4}\.?\d{4}\.?\d\d", sums.ean13, 0.9, "ahv avs"),
        _id("TR_NATIONAL_ID", r"\d{11}", sums.tr_id, 0.6, "tc kimlik t.c"),
        _id("IN_AADHAAR", r"[2-9]\d{3}([ -]?)\d{4}\1\d{4}", sums.verhoeff, 0.3,
            "aadhaar aadhar uidai आधार"),
        _id("IN_PAN", r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", sums.in_pan, 0.5,
            "pan permanent income tax"),
        _id("CN_RESIDENT_ID", r"[1-8]\d{16}[\dX]", sums.cn_id, 1.0),
        _id("KR_RRN", r"\d{6}-[1-8]\d{6}", sums.kr_rrn, 0.9, "rrn 주민등록번호"),
        _id("SG_NRIC_FIN", r"[STFGM]\d{7}[A-Z]", sums.sg_nric, 0.85, "nric fin"),
        _id("AU_TFN", r"\d{3}([ -]?)\d{3}\1\d{3}", sums.au_tfn, 0.3, "tfn tax file", alone=False),
        _id("AU_MEDICARE", r"\d{4}([ -]?)\d{5}\1\d", sums.au_medicare, 0.3, "medicare",
            alone=False),
        _id("ZA_ID_NUMBER", r"\d{13}", sums.za_id, 0.6, "id identity rsa"),
    ),
    re.compile(r"(?<![\w.,/-])(?=[A-Za-z]{0,6}\d(?:[ .+-]?[\dA-Za-z]){6})"),
)  # fmt: skip

_HOLDER = (
    r"passport|pasaporte|passeport|reisepass|passaporto|passaporte|paspoort|personalausweis|ausweis|"
    r"driv(?:er|ing)(?:'?s)? licen[cs]e|driver'?s id|führerschein|permis de conduire|"
    r"licencia de conducir|patente di guida|identity card|id card|national id|"
    r"(?:bank )?account|acct|konto|compte|cuenta|conto|rekening|routing|sort code|"
    r"member(?:ship)?|patient|medical record|mrn|insurance|policy|versicherten|krankenversicherung|"
    r"customer|client|kunden|employee|personnel|personal|staff|student|matrikel|"
    r"medicare|medicaid"
)
_LABELLED = re.compile(
    rf"(?<![^\W_])(?:{_HOLDER})[ -]?(?:number|num|no|nr|id|n[°º]|nummer|numéro|número|numero|#)?\.?"
    r"(?: (?:is|was|lautet|est|es|è)| ?[:#=])? ?#? ?"
    r"(?P<value>(?=[A-Z0-9-]{0,9}\d{3})[A-Z0-9](?:[A-Z0-9]|[ -](?=\d)){4,18}+)(?![^\W_])",
    re.I,
)
_HOLDERS = (
    "passp", "pasap", "passe", "passap", "reisep", "paspo", "ausweis", "driv", "führer", "permis",
    "licencia", "patente", "card", "national", "account", "acct", "konto", "compte", "cuenta",
    "conto", "rekening", "routing", "sort code", "member", "patient", "medic", "mrn", "insurance",
    "policy", "versicher", "customer", "client", "kunden", "employee", "person", "staff", "student",
    "matrikel",
)  # fmt: skip
"""In lower case: one of them is in every `_HOLDER`."""
LABELLED = Patterns("labelled numbers", (Pattern("ID_NUMBER", _LABELLED, 0.6, holds=_HOLDERS),))
"""Any number that its label calls somebody's: passport, account, membership, patient …"""
