"""A refiner and a verifier with known errors, that work from labels: no language model.

What measures a refiner must find these errors again. Whatever is written, drawn or reported of
them is to be labelled LABEL.
"""

import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.lm.errors import RejectedError
from cairn.lm.request import Completion, Request
from cairn.lm.scripted import ScriptedModel
from cairn.lm.simulated import REFUSAL, Classifier
from cairn.refine.aligned import tokens
from cairn.refine.checks.base import Failure, Pair
from cairn.refine.detectors.combined import DISGUISED
from cairn.refine.labels import Record
from cairn.refine.presence import Presence
from cairn.refine.pseudonyms import completed
from cairn.refine.rewriting_score import leaks
from cairn.refine.spans import Span, replaced, settled
from cairn.refine.tasks.base import pseudonyms_in, text_in

LABEL = "simulated"
INVENTED = (
    "It should be added that the committee, which had met in the old granary beyond the western "
    "harbour, later praised everyone involved for their remarkable patience."
)
"""What it adds where it invents."""
_FENCED = re.compile(r"<text-([0-9a-f]{8})>(.*)</text-\1>", re.S)


@dataclass(frozen=True)
class Errors:
    """How a simulated refiner errs; every rate is a chance in [0, 1]."""

    leak: float = 0.0
    """That a private value stays. Values of which one holds the other stay together."""
    over: float = 0.0
    """That a token outside private spans is left out."""
    refuse: float = 0.0
    """That a text is refused."""
    invent: float = 0.0
    """That a sentence is added at the end."""
    cut: float = 0.0
    """That the answer ends too early, as at a limit of tokens."""
    heed: float = 0.0
    """By which part all errors shrink once a failed check is named: 0 is deaf."""

    def __post_init__(self):
        for at in fields(self):
            value = getattr(self, at.name)
            if not 0 <= value <= 1:
                raise ConfigError(f"Errors.{at.name} must lie in [0, 1], got {value}.")


@dataclass(frozen=True)
class SimulatedRefiner:
    """Rewrites the texts that it has labels of."""

    records: Iterable[Record]
    errors: Errors = Errors()
    _by_text: dict[str, Record] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self):
        self._by_text.update((record.text.strip(), record) for record in self.records)

    def model(self, seed: int = 0) -> ScriptedModel:
        """It as a model that plays a role. Another seed errs elsewhere."""
        settings = "-".join(f"{value:g}" for value in vars(self.errors).values())
        return ScriptedModel(self.answer, f"{LABEL}-refiner-{settings}", seed)

    def answer(self, request: Request, key: DrawKey) -> str | Completion:
        """The rewrite of the text in a request of `Task.prompt`.

        Raises RejectedError for a text without labels.
        """
        asked = text_in(request.messages[-1].content)
        record = self._by_text.get(asked.text.strip()) if asked else None
        if asked is None or record is None:
            raise RejectedError("the simulated refiner has no labels of this text")
        heeding = "was turned down by the check" in asked.before
        scale = 1 - self.errors.heed if heeding else 1.0
        draw = key.child("whether").random()
        if draw.random() < scale * self.errors.refuse:
            return REFUSAL
        ends_early = draw.random() < scale * self.errors.cut
        text = self._rewritten(record, pseudonyms_in(asked.before), scale, key)
        if draw.random() < scale * self.errors.invent:
            text = f"{text}\n{INVENTED}"
        if ends_early:
            return Completion(text[: len(text) // 2], "length")
        return text

    def _rewritten(self, record: Record, table: dict[str, str], scale: float, key: DrawKey) -> str:
        staying = _staying(record, scale * self.errors.leak, key.child("leaks"))
        # What is disguised has no form that a pseudonym could be given.
        spans = [s._replace(by=DISGUISED) if record.value(s) in record.plain else s
                 for s in settled(record.spans)]  # fmt: skip
        fresh = key.child("pseudonyms").random().randbytes(32)
        table = completed(table, record.text, spans, fresh)
        gone = [span for span in spans if record.value(span) not in staying]
        draw = key.child("over").random()
        left_out = _left_out(record.text, spans, scale * self.errors.over, draw)
        return replaced(
            record.text,
            [*gone, *left_out],
            lambda span: table.get(record.value(span), f"[{span.kind}]") if span.kind else " ",
        )


def _staying(record: Record, chance: float, key: DrawKey) -> set[str]:
    """The values that are left where they are: one draw for all that hold each other."""
    group = _grouped(record)
    draws = {name: key.child(name).random().random() for name in set(group.values())}
    return {value for value, its in group.items() if draws[its] < chance}


def groups(record: Record) -> int:
    """How many draws decide what of a record leaks: values of which one holds the other share one,
    because the longer cannot stay without the shorter."""
    return len(set(_grouped(record).values()))


def _grouped(record: Record) -> dict[str, str]:
    values = list(dict.fromkeys(record.value(span) for span in record.spans))
    hay = {value: Presence(value) for value in values}
    group = {value: value for value in values}
    for value in values:
        for other in values:
            if value != other and hay[other].count(value):
                old, new = group[value], group[other]
                group = {name: new if its == old else its for name, its in group.items()}
    return group


def _left_out(text: str, spans: Sequence[Span], chance: float, draw: random.Random) -> list[Span]:
    """Tokens outside private spans that go, as spans without a kind; a blank stands in the place of
    each, so that what stood apart is not joined."""
    if chance == 0:
        return []
    gone, at = [], 0
    for start, end in (*((span.start, span.end) for span in spans), (len(text), len(text))):
        for token in tokens(text[at:start]):
            if draw.random() < chance:
                gone.append(Span(at + token.start, at + token.end, ""))
        at = end
    return gone


@dataclass(frozen=True)
class SimulatedVerifier:
    """A check that knows the labels, misses some leaks and raises some false alarms."""

    records: Iterable[Record]
    miss: float = 0.0
    """Chance that a rewrite that leaks passes."""
    alarm: float = 0.0
    """Chance that one that does not is turned down."""
    seed: int = 0
    name: str = f"{LABEL}-verifier"
    _by_text: dict[str, Record] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self):
        Classifier(self.miss, self.alarm)  # both in [0, 1], or a ConfigError
        self._by_text.update((record.text, record) for record in self.records)

    async def __call__(self, pair: Pair, clients: object) -> Failure | None:
        """A verdict on one rewrite; the same rewrite gets the same verdict."""
        record = self._by_text[pair.original]
        key = DrawKey.root(self.seed).child(pair.original, pair.rewrite)
        judge = Classifier(self.miss, self.alarm)
        if judge.answer(bool(leaks(record, pair.rewrite)), key.random()):
            return Failure(self.name, "Something private is still in it.")
        return None


@dataclass(frozen=True)
class SimulatedFinder:
    """Plays a detector model: names the labelled values, with errors of both kinds."""

    records: Iterable[Record]
    miss: float = 0.0
    """Chance that a value is not named."""
    alarm: float = 0.0
    """Chance that a string which must survive is named as a secret."""
    _by_text: dict[str, Record] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self):
        Classifier(self.miss, self.alarm)
        self._by_text.update((record.text, record) for record in self.records)

    def model(self, seed: int = 0) -> ScriptedModel:
        """It as a model that plays a role."""
        return ScriptedModel(self.answer, f"{LABEL}-finder-{self.miss:g}-{self.alarm:g}", seed)

    def answer(self, request: Request, key: DrawKey) -> str:
        """JSON, as `finder` asks for it."""
        match = _FENCED.search(request.messages[-1].content)
        record = self._by_text.get(match[2]) if match else None
        if record is None:
            raise RejectedError("the simulated finder has no labels of this text")
        judge, draw = Classifier(self.miss, self.alarm), key.random()
        values = dict.fromkeys((record.value(span), span.kind) for span in record.spans)
        named = [{"text": v, "kind": k} for v, k in values if judge.answer(True, draw)]
        named += [{"text": v, "kind": "SECRET"} for v in record.public if judge.answer(False, draw)]
        return json.dumps(named, ensure_ascii=False)
