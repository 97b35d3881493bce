"""Values of people from `faker`, and of it nothing else: the only file that imports it.

Faker's e-mail addresses lie in example.com, which is no private address here, and its people's
names come with titles in some languages. So addresses are made of a person's name and an invented
domain, and names of first and last name.
"""

import random
import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

from cairn.core.errors import MissingExtraError

LOCALES = {"en": "en_US", "de": "de_DE", "fr": "fr_FR", "es": "es_ES"}
"""Languages, and faker's name for where its values are from."""
DATES = {"en": "%m/%d/%Y", "de": "%d.%m.%Y", "fr": "%d/%m/%Y", "es": "%d/%m/%Y"}


class Person(NamedTuple):
    """Who is meant by a letter of a form."""

    first: str
    last: str

    @property
    def whole(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"


class Values:
    """Draws values of one language, by `faker`, from a generator of the caller's.

    Raises MissingExtraError without faker.
    """

    def __init__(self, language: str, draw: random.Random) -> None:
        self.language, self.draw = language, draw
        self._faker = _faker(LOCALES[language])
        self._faker.seed_instance(draw.getrandbits(64))

    def person(self) -> Person:
        """A person."""
        return Person(self._faker.first_name(), self._faker.last_name())

    def company(self) -> str:
        """The name of a firm."""
        return self._faker.company()

    def city(self) -> str:
        """A town."""
        return self._faker.city()

    def of(self, kind: str, person: Person) -> str:
        """A value of a kind that a person has. Raises KeyError for a kind it knows not."""
        make = {
            "EMAIL_ADDRESS": self._email,
            "USERNAME": self._login,
            "PHONE_NUMBER": lambda person: self._faker.phone_number(),
            "STREET_ADDRESS": self._address,
            "DATE_OF_BIRTH": self._born,
            "CREDIT_CARD": lambda person: self._faker.credit_card_number(),
            "IBAN_CODE": self._iban,
            "US_SSN": lambda person: self._faker.ssn(),
            "ES_NIF": lambda person: self._nif(),
            "FR_NIR": lambda person: self._faker.ssn(),
            "IP_ADDRESS": self._ip,
            "MAC_ADDRESS": lambda person: self._faker.mac_address(),
        }[kind]
        return make(person)

    def _ip(self, person: Person) -> str:
        return self._faker.ipv6() if self.draw.random() < 0.15 else self._faker.ipv4_public()

    def _nif(self) -> str:
        """Faker's own is drawn from a generator that nobody seeds."""
        number = self.draw.randrange(10**8)
        return f"{number:08d}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"

    def _iban(self, person: Person) -> str:
        if self.language == "en":  # faker's British ones have letters where digits must be
            digits = "".join(self.draw.choices("0123456789", k=14))
            letters = "".join(self.draw.choices("ABCDEFGHJKLMNPRSTUWXYZ", k=4))
            return iban("GB", letters + digits)
        return self._faker.iban()

    def _address(self, person: Person) -> str:
        street = self._faker.street_address().replace("\n", ", ").replace(" ,", ",").strip()
        return f"{street}, {self._faker.postcode()} {self._faker.city()}"

    def _born(self, person: Person) -> str:
        # Not by age, which depends on the day it is run.
        born = self._faker.date_between_dates(date(1936, 1, 1), date(2006, 12, 31))
        return born.strftime(self.draw.choice((DATES[self.language], "%Y-%m-%d")))

    def _login(self, person: Person) -> str:
        first, last = ascii_of(person.first), ascii_of(person.last)
        number = self.draw.randrange(10, 99)
        return self.draw.choice((f"{first[0]}{last}{number}", f"{first}_{last[0]}{number}"))

    def _email(self, person: Person) -> str:
        first, last = ascii_of(person.first), ascii_of(person.last)
        name = self.draw.choice((f"{first}.{last}", f"{first[0]}{last}", f"{last}_{first[:3]}"))
        maker = ascii_of(self._faker.last_name())
        tail = {"en": "com", "de": "de", "fr": "fr", "es": "es"}[self.language]
        return f"{name}@{maker}-{self.draw.choice(('post', 'mail', 'net', 'works'))}.{tail}"


def words(languages: Sequence[str]) -> tuple[str, ...]:
    """Common words of languages, those of `LOCALES`. Raises MissingExtraError without faker."""
    found: dict[str, None] = {}
    for language in languages:
        found |= dict.fromkeys(_faker(LOCALES[language]).get_words_list())
    return tuple(found)


def iban(country: str, account: str) -> str:
    """An IBAN with its check digits: 98 minus the rest of division by 97. ISO 13616."""
    digits = "".join(str(int(sign, 36)) for sign in f"{account}{country}00")
    return f"{country}{98 - int(digits) % 97:02d}{account}"


def ascii_of(name: str) -> str:
    """A name as it stands in an address: lower case, without accents and spaces."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore")
    return re.sub(r"[^a-z]", "", plain.decode().lower()) or "x"


@cache
def _faker(locale: str):
    try:
        from faker import Faker
    except ImportError as error:
        raise MissingExtraError(
            'Made documents need faker, which is missing: pip install "cairn[refine]"'
        ) from error
    return Faker(locale)
