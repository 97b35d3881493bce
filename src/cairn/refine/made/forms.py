"""Forms: documents with slots, as text files beside this one, apart for training and held out.

    @@ name | format | about
    Dear <<PERSON a>>, <<=FIGURE f>> is dead; part <<-PRODUCT p>> is not. <<PHONE_NUMBER a|words>>
    ?? Who is dead? | FIGURE f

A slot names a kind and a letter: the same letter is the same person, the same kind and letter the
same value. `=` marks a public fact and `-` a look-alike of something private: both are to survive;
every other slot is private. `.first`, `.last` are parts of a person, `:KIND` makes the value of
another kind, `|name` disguises it. Lines with `??` are questions with the slot that answers them.
In forms about toxic talk, what comes after `--` is the clean dialogue.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from cairn.core.errors import ConfigError, suggest

SPLITS = ("train", "held")
LANGUAGES = ("en", "de", "fr", "es")
ABOUT = ("plain", "negatives", "adversarial", "profile", "toxic")
SLOT = re.compile(
    r"<<(?P<mark>[=-]?)(?P<kind>[A-Z_]+) (?P<letter>[a-z])(?:\.(?P<part>first|last))?"
    r"(?::(?P<made>[A-Z_]+))?(?:\|(?P<disguise>[a-z0-9]+))?>>"
)
_HEAD = re.compile(r"^@@ ([\w-]+) \| (\w+) \| (\w+)\n", re.M)

Split = Literal["train", "held"]


class Slot(NamedTuple):
    """A place to fill."""

    kind: str
    letter: str
    mark: str = ""
    """`=` public fact, `-` look-alike, nothing for private."""
    part: str = ""
    made: str = ""
    """Kind of the value, where it is not that of the slot."""
    disguise: str = ""


class Question(NamedTuple):
    """A question about a form; its own text may hold slots."""

    body: tuple[str | Slot, ...]
    answer: Slot


@dataclass(frozen=True)
class Form:
    """One form."""

    name: str
    """`about/split/language/name`."""
    split: Split
    language: str
    format: str
    about: str
    body: tuple[str | Slot, ...]
    clean: tuple[str | Slot, ...] | None
    questions: tuple[Question, ...]


def forms(
    split: Split | None = None,
    *,
    languages: Sequence[str] = (),
    formats: Sequence[str] = (),
    about: Sequence[str] = (),
) -> list[Form]:
    """The forms of a split (None: of both) in these languages, formats and subjects; empty: all.

    Raises ConfigError for a name that no form has, and if nothing is left.
    """
    every = whole = [form for form in _all() if split in (None, form.split)]
    wanted = {"language": languages, "format": formats, "about": about}
    for field, names in wanted.items():
        there = sorted({getattr(form, field) for form in whole})
        for name in names:
            if name not in there:
                raise ConfigError(
                    f"No form has the {field} {name!r}; there are {', '.join(there)}."
                    f"{suggest(name, there)}"
                )
        every = [form for form in every if not names or getattr(form, field) in names]
    if not every:
        asked = ", ".join(f"{field} {'/'.join(names)}" for field, names in wanted.items() if names)
        raise ConfigError(f"No form has all of these: {asked}. Ask for less.")
    return every


@cache
def _all() -> tuple[Form, ...]:
    folder = Path(__file__).parent / "forms"
    return tuple(
        form
        for split in SPLITS
        for language in LANGUAGES
        for form in _read((folder / f"{split}.{language}.txt").read_text("utf-8"), split, language)
    )


def _read(text: str, split: Split, language: str) -> list[Form]:
    before, *parts = _HEAD.split(text)
    assert not before.strip(), f"{split}.{language}: text before the first form"
    found = []
    for name, kind, about, rest in zip(*(parts[at::4] for at in range(4)), strict=True):
        lines = rest.rstrip("\n").split("\n")
        asked = [line[3:] for line in lines if line.startswith("?? ")]
        said = "\n".join(line for line in lines if not line.startswith("?? "))
        body, _, clean = said.partition("\n--\n")
        found.append(
            Form(
                f"{about}/{split}/{language}/{name}", split, language, kind, about, pieces(body),
                pieces(clean) if clean else None, tuple(map(_question, asked)),
            )
        )  # fmt: skip
    return found


def _question(line: str) -> Question:
    body, _, answer = line.rpartition(" | ")
    kind, letter = answer.split()
    return Question(pieces(body), Slot(kind, letter))


def pieces(text: str) -> tuple[str | Slot, ...]:
    """A text as stretches and slots, in order."""
    found, at = [], 0
    for match in SLOT.finditer(text):
        found.append(text[at : match.start()])
        parts = {name: value or "" for name, value in match.groupdict().items()}
        found.append(Slot(**parts))
        at = match.end()
    found.append(text[at:])
    return tuple(piece for piece in found if piece)
