"""Whether a string can be a secret: how random it looks, and what only stands for one."""

import math
import re
from collections import Counter

from cairn.refine.detectors.patterns import words

_PLACEHOLDER = re.compile(
    r"(?i)example|change.?me|placeholder|dummy|redacted|your[_-]|[_-]here\b|insert|todo|getenv|"
    r"\A(?:(?:os|process|self|config|settings|env|request|app|ctx|args|this)\.)|"
    r"\A[<\[({$%&].*|.*[>\])}]\Z"
)
_WORDS = words(
    "null none nil true false undefined optional required string str password passwd pass "
    "passwort secret token key value auth empty test hidden masked forgotten incorrect wrong "
    "invalid expired reset not is was must should will the a an and or for to of in on field "
    "fields policy protected manager hash hashed input prompt bytes int self request config "
    "settings get new old user username admin root name with from has been this that your"
)
_CODE = re.compile(r"[A-Za-z_][\w.]{0,80}[(\[]|(?:[a-z_]+\.){1,5}[a-z_]+\Z")


def entropy(text: str) -> float:
    """Shannon's entropy of its characters, in bits per character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values()) if text else 0.0


def placeholder(value: str) -> bool:
    """Whether a value stands for a secret and is none: `<token>`, `${KEY}`, changeme, EXAMPLE."""
    if len(set(value)) < min(3, len(value) - 1) or value.lower() in _WORDS:
        return True
    return _PLACEHOLDER.search(value) is not None


def random_looking(value: str) -> bool:
    """Whether letters and digits are mixed as in words and identifiers they seldom are.

    At least 16 characters, a digit, a letter, and 3 bits per character: sixteen random
    hexadecimal digits have about 3.3, random base64 about 3.8.
    """
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    word = not any(c.isspace() for c in value)
    return len(value) >= 16 and word and mixed and entropy(value) >= 3.0


def genuine(text: str, start: int, end: int) -> int | None:
    """Its end, unless it is a placeholder."""
    return None if placeholder(text[start:end]) else end


def random(text: str, start: int, end: int) -> int | None:
    """Its end, if it looks random."""
    value = text[start:end].rstrip(".,")
    return start + len(value) if random_looking(value) and not placeholder(value) else None


def password(text: str, start: int, end: int) -> int | None:
    """Its end, unless it is a placeholder, a call or a lookup."""
    value = text[start:end].rstrip(".,;:")
    call = text[end : end + 1] in "([" and end < len(text)
    if len(value) < 4 or call or placeholder(value) or _CODE.match(value):
        return None
    return start + len(value)


def spoken_password(text: str, start: int, end: int) -> int | None:
    """The same in prose, where it must be no plain word."""
    stop = password(text, start, end)
    marked = re.search(r"\d|\w[\W_]+\w|[a-z][A-Z]", text[start : stop or start])
    return stop if marked else None


_NOBODY = words(
    "root admin administrator user users username ubuntu debian ec2-user runner vagrant docker "
    "jenkins postgres mysql redis mongo guest anonymous www-data nobody public shared default all "
    "app node git test tester testuser service system me you name none null str string int self "
    "request current build builder ci work workspace project projects linuxbrew pi true false id "
    "sa elastic rabbitmq airflow spark hadoop jovyan oracle local localhost agent bot client "
    "server the is was not"
)


NUMBERED = re.compile(r"(?i)(?:test_?)?user[_-]?\d{1,8}")
"""A user without a name: what pseudonyms are made of."""


def somebody(text: str, start: int, end: int) -> int | None:
    """Its end, unless the user's name is one that machines and manuals have."""
    value = text[start:end]
    common = value.lower() in _NOBODY or value.split(".")[0] in ("self", "request", "config", "os")
    return None if common or NUMBERED.fullmatch(value) or placeholder(value) else end
