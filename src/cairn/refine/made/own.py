"""Values that no library is asked for: secrets, look-alikes that are harmless, public facts.

All are drawn; none is anybody's. What looks private and is not (hard negatives): versions, product
numbers, hashes, UUIDs, addresses that are reserved for documentation (RFC 5737, RFC 2606), people
of history.
"""

import base64
import json
import random
import string
import uuid

FIGURES = (
    "Ada Lovelace", "Alexander von Humboldt", "Charles Darwin", "Emmy Noether", "Galileo Galilei",
    "Isaac Newton", "Johann Sebastian Bach", "Johannes Kepler", "Louis Pasteur", "Marie Curie",
    "Mary Shelley", "Miguel de Cervantes", "Simone de Beauvoir", "Sophie Germain",
    "Victor Hugo", "Wolfgang Amadeus Mozart",
)  # fmt: skip
"""Public figures, long dead."""
WORD_NAMES = (
    "Mark", "Will", "Grace", "Hope", "Rose", "May", "Bill", "Frank", "Dawn", "Art", "Faith", "Jack",
    "Summer", "Rich", "Joy", "Pat",
)  # fmt: skip
"""First names that are words."""
INSULTS = (
    "grumblewort", "mossbrain", "snorfhead", "puddlewit", "gnarlsock",
    "dribblethwack", "flumpnoodle", "turnipwump",
)  # fmt: skip
"""The planted lexicon: mild, and made up."""
WARES = {
    "en": ("oak ladders", "quiet kettles", "brass hinges", "felt slippers", "rope bridges"),
    "de": ("Eichenleitern", "leise Kessel", "Messingscharniere", "Filzschuhe", "Seilbrücken"),
    "fr": (
        "échelles de chêne",
        "bouilloires muettes",
        "charnières",
        "pantoufles",
        "ponts de corde",
    ),
    "es": ("escaleras de roble", "teteras mudas", "bisagras", "zapatillas de fieltro", "cuerdas"),
}
MONEY = {"en": "{} million dollars", "de": "{} Millionen Euro", "fr": "{} millions d'euros",
         "es": "{} millones de euros"}  # fmt: skip
_ALNUM = string.ascii_letters + string.digits


def own(kind: str, language: str, draw: random.Random) -> str:
    """A value of a kind. Raises KeyError for a kind it knows not."""
    return _MAKE[kind](language, draw)


def _letters(draw: random.Random, alphabet: str, count: int) -> str:
    return "".join(draw.choices(alphabet, k=count))


def _hex(draw: random.Random, count: int) -> str:
    return _letters(draw, "0123456789abcdef", count)


def _secret(language: str, draw: random.Random) -> str:
    """A key or token, in the shapes that their issuers have, or in none."""
    jot = (json.dumps(part).encode() for part in ({"alg": "HS256"}, {"sub": _hex(draw, 8)}))
    jwt = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in jot)
    return draw.choice(
        (
            "AKIA" + _letters(draw, string.ascii_uppercase + "234567", 16),
            "ghp_" + _letters(draw, _ALNUM, 36),
            "xoxb-" + _letters(draw, string.digits, 12) + "-" + _letters(draw, _ALNUM, 24),
            "sk_live_" + _letters(draw, _ALNUM, 24),
            f"{jwt}.{_letters(draw, _ALNUM + '-_', 43)}",
            _letters(draw, _ALNUM, 40),
        )
    )


def _pem(language: str, draw: random.Random) -> str:
    lines = [_letters(draw, _ALNUM + "+/", 64) for _ in range(3)]
    lines.append(_letters(draw, _ALNUM + "+/", 46) + "==")
    name = "EC PRIVATE KEY"
    return "\n".join((f"-----BEGIN {name}-----", *lines, f"-----END {name}-----"))


def _password(language: str, draw: random.Random) -> str:
    word = draw.choice(("otter", "Lantern", "maple", "Harbor", "copper", "Walnut"))
    mark = draw.choice("!#%+_")
    strong = _letters(draw, _ALNUM + "!#%+_", 12)
    return draw.choice((f"{word}{draw.randrange(100, 9999)}{mark}", f"{strong}{mark}7"))


def _version(language: str, draw: random.Random) -> str:
    numbers = [draw.randrange(10), draw.randrange(30), draw.randrange(200)]
    if draw.random() < 0.4:
        numbers.append(draw.randrange(30))  # four, as an IPv4 address has
        return "v" + ".".join(map(str, numbers))
    return ".".join(map(str, numbers)) + draw.choice(("", "-rc1", "+build7"))


def _product(language: str, draw: random.Random) -> str:
    return draw.choice(
        (
            f"{_letters(draw, string.ascii_uppercase, 2)}-{draw.randrange(1000, 99999)}",
            f"{draw.randrange(100, 999)}-{draw.randrange(100, 999)}-{draw.randrange(1000, 9999)}-"
            f"{draw.choice('ABCDX')}",
            _letters(draw, string.ascii_uppercase, 3)
            + f"{draw.randrange(10, 99)}/{draw.randrange(9)}",
        )
    )


def _doc_ip(language: str, draw: random.Random) -> str:
    return draw.choice(("192.0.2.", "198.51.100.", "203.0.113.")) + str(draw.randrange(1, 255))


def _doc_email(language: str, draw: random.Random) -> str:
    name = draw.choice(("info", "user", "jane.doe", "admin"))
    return f"{name}@example.{draw.choice(('com', 'org'))}"


def _url(language: str, draw: random.Random) -> str:
    place = draw.choice(("intranet", "wiki", "vault", "git"))
    house = draw.choice(("harrowby", "lindqvist", "ostrava", "tarnwell"))
    return f"https://{place}.{house}.internal/{_letters(draw, string.ascii_lowercase, 6)}"


def _money(language: str, draw: random.Random) -> str:
    number = f"{draw.randrange(2, 90)}.{draw.randrange(1, 10)}"
    return MONEY[language].format(number if language == "en" else number.replace(".", ","))


_MAKE = {
    "SECRET": _secret,
    "PEM": _pem,
    "PASSWORD": _password,
    "URL": _url,
    "MONEY": _money,
    "VERSION": _version,
    "PRODUCT": _product,
    "DOC_IP": _doc_ip,
    "DOC_EMAIL": _doc_email,
    "HASH": lambda language, draw: _hex(draw, draw.choice((40, 64))),
    "UUID": lambda language, draw: str(uuid.UUID(int=draw.getrandbits(128), version=4)),
    "FIGURE": lambda language, draw: draw.choice(FIGURES),
    "WORD_NAME": lambda language, draw: draw.choice(WORD_NAMES),
    "INSULT": lambda language, draw: draw.choice(INSULTS),
    "WARE": lambda language, draw: draw.choice(WARES[language]),
    "TIME": lambda language, draw: f"{draw.randrange(5, 23)}:{draw.randrange(10, 60)}",
    "NUMBER": lambda language, draw: str(draw.randrange(2, 60)),
}
