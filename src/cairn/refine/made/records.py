"""Records from forms: text, and where in it the private values stand, exact by construction."""

import random
from collections.abc import Iterator, Sequence

from cairn.core.draws import DrawKey
from cairn.refine.labels import Canary, Fact, Record
from cairn.refine.made.disguise import DISGUISES
from cairn.refine.made.forms import Form, Slot, Split, forms
from cairn.refine.made.own import own
from cairn.refine.made.values import Person, Values
from cairn.refine.spans import Span

CANARIES = ("plain", "upper", "leet", "spaced", "zero", "base64")
"""Levels of obfuscation, from what anybody finds."""
OPEN = ("prose", "email", "chat", "markdown")
"""Formats that stay well-formed when lines are added."""


def make(
    count: int,
    *,
    seed: int = 0,
    split: Split = "held",
    languages: Sequence[str] = (),
    formats: Sequence[str] = (),
    about: Sequence[str] = (),
    canaries: bool = False,
) -> Iterator[Record]:
    """`count` records; every form comes up equally often, give or take one.

    A record depends on seed, number and the forms that are asked for, and on faker's version.
    `canaries` adds lines with one random string per level of obfuscation, in formats that allow it.

    Raises ConfigError for names that no form has, MissingExtraError without faker.
    """
    chosen = forms(split, languages=languages, formats=formats, about=about)
    root = DrawKey.root(seed).child("made", split)
    root.child("order").random().shuffle(chosen)
    for number in range(count):
        form = chosen[number % len(chosen)]
        yield fill(form, f"{split}-{seed}-{number}", root.child(number), canaries=canaries)


def fill(form: Form, id: str, key: DrawKey, *, canaries: bool = False) -> Record:
    """One record of a form."""
    filled = _Filled(form.language, key.random())
    text, spans, public, plain = filled.written(form.body)
    clean = None if form.clean is None else filled.written(form.clean)[0]
    facts = tuple(
        Fact(
            filled.written(question.body)[0],
            filled.value(question.answer),
            _is_public(form, question.answer),
        )
        for question in form.questions
    )
    planted: tuple[Canary, ...] = ()
    if canaries and form.format in OPEN:
        text, more, planted = _with_canaries(text, form.language, key.child("canaries").random())
        spans += more
    return Record(
        id, text, form.format, form.language, form.name, tuple(spans), tuple(public), facts, clean,
        planted, plain,
    )  # fmt: skip


class _Filled:
    """The values of one record by slot, drawn when they are first asked for."""

    def __init__(self, language: str, draw: random.Random) -> None:
        self.language, self.draw = language, draw
        self.values = Values(language, draw)
        self.people: dict[str, Person] = {}
        self.drawn: dict[tuple[str, str], str] = {}
        self.written_as: dict[tuple[Slot, str], str] = {}

    def person(self, letter: str) -> Person:
        if letter not in self.people:
            self.people[letter] = self.values.person()
        return self.people[letter]

    def value(self, slot: Slot) -> str:
        """The value of a slot before any disguise."""
        kind = slot.made or slot.kind
        if kind == "PERSON":
            person = self.person(slot.letter)
            return getattr(person, slot.part or "whole")
        at = (kind, slot.letter)
        if at not in self.drawn:
            self.drawn[at] = self._draw(kind, slot.letter)
        return self.drawn[at]

    def _draw(self, kind: str, letter: str) -> str:
        taken = {value for (other, _), value in self.drawn.items() if other == kind}
        for _ in range(50):  # two letters are two values
            value = self._once(kind, letter)
            if value not in taken:
                return value
        raise AssertionError(f"no two different values of {kind}")

    def _once(self, kind: str, letter: str) -> str:
        match kind:
            case "FOUNDER":
                return self.values.person().whole
            case "COMPANY":
                return self.values.company()
            case "CITY":
                return self.values.city()
        try:
            return own(kind, self.language, self.draw)
        except KeyError:
            return self.values.of(kind, self.person(letter))

    def written(
        self, body: Sequence[str | Slot]
    ) -> tuple[str, list[Span], list[str], dict[str, str]]:
        """Text, private spans, what is to survive, and what disguised values mean."""
        text, spans, public, plain = "", [], [], {}
        for piece in body:
            if isinstance(piece, str):
                text += piece
                continue
            value = self.value(piece)
            shown = self._shown(piece, value)
            if piece.mark:
                if shown not in public:
                    public.append(shown)
            else:
                spans.append(Span(len(text), len(text) + len(shown), piece.kind, by="made"))
                if shown != value:
                    plain[shown] = value
            text += shown
        return text, spans, public, plain

    def _shown(self, slot: Slot, value: str) -> str:
        if not slot.disguise:
            return value
        at = (slot, value)
        if at not in self.written_as:
            shown = DISGUISES[slot.disguise](value, self.language, self.draw)
            self.written_as[at] = shown
        return self.written_as[at]


def _is_public(form: Form, answer: Slot) -> bool:
    slots = (piece for piece in form.body if isinstance(piece, Slot))
    return all(
        slot.mark != ""
        for slot in slots
        if (slot.kind, slot.letter) == (answer.kind, answer.letter)
    )


def _with_canaries(
    text: str, language: str, draw: random.Random
) -> tuple[str, list[Span], tuple[Canary, ...]]:
    spans, planted = [], []
    for level, name in enumerate(CANARIES):
        value = "".join(draw.choices("bcdfghjklmnpqrstvwxz", k=6)) + f"{draw.randrange(1000):03d}"
        shown = value if name == "plain" else DISGUISES[name](value, language, draw)
        text += f"\nref {level}: "
        spans.append(Span(len(text), len(text) + len(shown), "CANARY", by="made"))
        planted.append(Canary(level, value, shown))
        text += shown
    return text, spans, tuple(planted)
