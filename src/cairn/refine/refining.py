"""One record: rewrite, check, accept; try again with the failed check named; or reject.

    found = detectors(text)      nothing found, checks pass, and clean ones may stay: as it is
    rewriting(text, found)       tried until it passes; a long text in pieces, see `rewriting`
    otherwise: private spans replaced by tags, if asked for, if detectors find nothing left and
    if the checks pass, or else rejected

All texts of a record, and all pieces of a text, share one table of pseudonyms.
Generative Data Refinement, arXiv:2509.08653, section 3; the order of checks, the typed answers and
the fallback are ours.

A reject or a failure carries names of checks and of errors, and never a word of the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, NoReturn

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.engine.map_items import Item, Reject
from cairn.lm.client import Clients
from cairn.refine import outcomes
from cairn.refine.checks.base import Pair
from cairn.refine.pseudonyms import Pseudonyms, TooManyValuesError
from cairn.refine.rewriting import Rewriting, TurnedDownError
from cairn.refine.sealing import sealed
from cairn.refine.spans import Span, around, replaced, settled
from cairn.refine.tasks.base import Task

Fallback = Literal["drop", "mask"]
ROLES = ("refiner", "second")
"""Who rewrites: the second where the first was stopped by a filter, or has used up its tries."""


@dataclass(frozen=True)
class How:
    """How records are refined; all of it shapes the results."""

    text: tuple[str, ...] = ("text",)
    """The fields that are refined; all others stay as they are."""
    fallback: Fallback = "drop"
    """What becomes of a text that no try brought through: rejected, or masked."""
    skip_clean: bool = False
    """Keep a text as it is in which the detectors find nothing, and to which those of the task's
    checks that ask no model have no objection."""
    chunk: int = 6000
    """Characters of the longest piece that is rewritten in one answer."""
    longest: int = 2_000_000
    """Characters of the longest text; a longer one is rejected."""
    provenance: str = outcomes.PROVENANCE
    """The field of an output row that says where it comes from."""


def check_skipping(how: How, task: Task) -> None:
    """Raises ConfigError where every text would be clean, since nobody looks."""
    if how.skip_clean and not task.detectors:
        raise ConfigError(
            f"skip_clean keeps texts in which detectors find nothing, and the task {task.name!r} "
            f"has no detectors: every text would pass unrefined. Leave it out."
        )


class Refined(NamedTuple):
    """An accepted text."""

    text: str
    outcome: str
    tries: int = 0
    """Of the chunk that took the most."""
    failed: tuple[str, ...] = ()
    """The check that turned down each failed try."""
    models: tuple[str, ...] = ()
    """Roles that wrote it."""
    found: int = 0
    """Private spans in the original."""
    doubtful: int = 0
    """Values among them that may be private and were kept on purpose."""


@dataclass(frozen=True)
class Refining:
    """The work on one record, for `cairn.map`. Importable, so that processes can have it."""

    task: Task
    models: Mapping[str, str]
    """What rows call the model of each role of `ROLES` that plays."""
    how: How = field(default_factory=How)
    pseudonyms: Pseudonyms | None = None
    """Makes the table of each record; None: the model invents pseudonyms."""
    seal: bool = False
    """Whether a row carries its table, which only the key file opens."""

    def __post_init__(self):
        check_skipping(self.how, self.task)

    async def __call__(self, item: Item, clients: Clients, key: DrawKey) -> dict[str, Any]:
        """The row of output. Raises `Reject`, and TrialFailedError for a model that was silent."""
        record = self._record(item)
        found = {name: self._found(record[name]) for name in self.how.text}
        named = {name: self._named(record[name], each) for name, each in found.items()}
        table = self._table(record, named, item.id)
        refined = {
            name: await self._text(record[name], found[name], name, table, clients)
            for name in self.how.text
        }
        parts = refined.values()
        row = {**record, **{name: part.text for name, part in refined.items()}}
        kinds = {part.outcome for part in parts}
        order = (outcomes.MASKED, outcomes.REFINED, outcomes.CLEAN)
        models = dict.fromkeys(role for part in parts for role in part.models)
        written = outcomes.REFINED in kinds
        row[self.how.provenance] = {
            "source_id": item.id,
            "model": " and ".join(self.models[role] for role in models),
            "task": self.task.name,
            "checks": [check.name for check in self.task.checks] if written else [],
            "tries": max(part.tries for part in parts),
            "outcome": next(kind for kind in order if kind in kinds),
            "failed": [check for part in parts for check in part.failed],
            "found": sum(part.found for part in parts),
            "doubtful": sum(part.doubtful for part in parts),
        }
        if self.seal and self.pseudonyms is not None:
            sealing = sealed(self.pseudonyms.key, table, about=item.id)
            row[self.how.provenance]["sealed"] = sealing
        return row

    def _record(self, item: Item) -> dict[str, Any]:
        """The record, if it is one that can be refined."""
        record = {"text": item.value} if isinstance(item.value, str) else item.value
        if not isinstance(record, dict):
            _reject("not-an-object")
        for name in self.how.text:
            text = record.get(name)
            if not isinstance(text, str):
                _reject("no-text")
            # A file of a folder is its text alone; an empty one (`__init__.py`) belongs there.
            if not text.strip() and record.keys() != {"text"}:
                _reject("empty-text")
            if "\0" in text:
                _reject("null-byte")
            if len(text) > self.how.longest:
                _reject("too-long")
            try:
                text.encode()
            except UnicodeEncodeError:  # half of a character, which JSON can hold
                _reject("not-unicode")
        if self.how.provenance in record:
            _reject("field-taken")
        return record

    def _found(self, text: str) -> list[Span]:
        return settled(span for detector in self.task.detectors for span in detector.find(text))

    def _named(self, text: str, found: list[Span]) -> list[Span]:
        """What gets a pseudonym: what was found, and around it what the task's others find."""
        more = settled(span for detector in self.task.also for span in detector.find(text))
        return [*found, *(part for span in more for part in around(text, span, found))]

    def _table(
        self, record: Mapping[str, Any], found: Mapping[str, list[Span]], document: str
    ) -> dict[str, str]:
        """One table for all texts of a record, as if they were one."""
        if self.pseudonyms is None or not any(found.values()):
            return {}
        whole, spans = "", []
        for name, each in found.items():
            at = len(whole)
            spans += [s._replace(start=s.start + at, end=s.end + at) for s in each]
            whole += f"{record[name]}\n"
        try:
            return self.pseudonyms.table(whole, spans, document=document)
        except TooManyValuesError:
            _reject("too-many-values")

    async def _text(
        self, text: str, found: list[Span], name: str, table: Mapping[str, str], clients: Clients
    ) -> Refined:
        if not text.strip():
            return Refined(text, outcomes.CLEAN)
        rewriting = Rewriting(self.task, tuple(self.models), clients)
        if self.how.skip_clean and not found:
            said = await rewriting.verdict(Pair(text, text, sure=self.task.sure), whole=True)
            if said.check is None:
                return Refined(text, outcomes.CLEAN)
        try:
            made = await rewriting(text, found, name, table, self.how.chunk)
        except TurnedDownError as error:
            masked = self._masked(text, found) if self.how.fallback == "mask" else None
            if masked is None:
                _reject(error.check, error.failed)
            # Tags stand in the place of the table, so without it: nothing of it has to be used.
            said = await rewriting.verdict(Pair(text, masked, tuple(found), sure=self.task.sure))
            if said.check is not None:
                _reject(said.check.name, error.failed)
            return Refined(masked, outcomes.MASKED, 0, error.failed, (), len(found))
        return Refined(
            made.text, outcomes.REFINED, made.tries, made.failed, made.models, len(found),
            made.doubtful,
        )  # fmt: skip

    def _masked(self, text: str, found: list[Span]) -> str | None:
        """The text with a tag for each span; None where there is nothing to mask, or where the
        detectors find something in what is left."""
        whole = replaced(text, found, lambda span: f"[{span.kind}]")
        left = any(detector.find(whole) for detector in self.task.detectors)
        return whole if found and not left else None


def _reject(check: str, failed: tuple[str, ...] = ()) -> NoReturn:
    raise Reject(check, check=check, failed=list(failed)) from None
