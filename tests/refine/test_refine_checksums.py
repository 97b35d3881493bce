"""Check digits against numbers from the issuers' own documentation, and their neighbours."""

import pytest

from cairn.refine.detectors import checksums as sums
from cairn.refine.detectors.money import base58check, bech32

# Published examples (the issuers' manuals, ISO 13616, BIP 173, BIP 350), and one by hand where
# none is published.
RIGHT = [
    (sums.luhn, "79927398713"),  # Luhn's usual example
    (sums.card, "4111111111111111"),
    (sums.card, "378282246310005"),
    (sums.mod97, "GB82WEST12345698765432"),
    (sums.mod97, "DE89370400440532013000"),
    (sums.verhoeff, "2363"),
    (sums.mod11_10, "86095742719"),
    (sums.de_tax_id, "86095742719"),
    (sums.ca_sin, "130692544"),
    (sums.br_cpf, "52998224725"),
    (sums.uk_nhs, "9434765919"),
    (sums.fr_nir, "255081416802538"),
    (sums.nl_bsn, "111222333"),
    (sums.es_nif, "12345678Z"),
    (sums.es_nif, "X1234567L"),
    (sums.it_fiscal_code, "RSSMRA85T10A562S"),
    (sums.pt_nif, "123456789"),
    (sums.pl_pesel, "44051401359"),
    (sums.se_personnummer, "8112189876"),
    (sums.fi_hetu, "131052-308T"),
    (sums.ean13, "7569217076985"),
    (sums.tr_id, "10000000146"),
    (sums.cn_id, "11010519491231002X"),
    # weights give 0+0+0+0+5+0+1*8... by hand: 9001011234560 below
    (sums.sg_nric, "S0000001I"),
    (sums.sg_nric, "S1234567D"),
    (sums.au_tfn, "123456782"),
    (sums.au_medicare, "2123456701"),
    (sums.za_id, "8001015009087"),
    (base58check, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    (bech32, "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
    (bech32, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"),
]
NAMES = [f"{check.__name__} {value}" for check, value in RIGHT]


@pytest.mark.parametrize(("check", "value"), RIGHT, ids=NAMES)
def test_a_published_number_adds_up_and_no_neighbour_in_its_last_place_does(check, value):
    assert check(value)
    other = value[:-1] + ("2" if value[-1] == "3" else "3")
    if check is not sums.au_medicare:  # whose last place is an issue number
        assert not check(other)


def test_the_checks_of_form_alone():
    assert sums.us_ssn("536221234")
    assert not any(map(sums.us_ssn, ("000123456", "666123456", "900123456", "536001234")))
    assert not any(map(sums.us_ssn, ("536220000", "078051120")))
    assert sums.us_itin("912701234") and not sums.us_itin("912661234")
    assert sums.uk_nino("AB123456C") and not sums.uk_nino("GB123456C")
    assert not sums.mod97("GB82WEST1234569876543") and not sums.mod97("DE00370400440532013000")


def test_a_korean_number_by_hand():
    # 900101-1234568: 9*2+0+0+1*5+0+1*7+1*8+2*9+3*2+4*3+5*4+6*5 = 124; 11 - 124 % 11 = 8
    assert sums.kr_rrn("9001011234568") and not sums.kr_rrn("9001011234567")
    assert not sums.kr_rrn("9013011234568")  # a month 13


def test_a_day_that_is_none_is_no_id():
    assert sums.some_day("00", "02", "29") and not sums.some_day("01", "02", "29")
    assert not sums.pl_pesel("44053201350")
