"""Nothing private may be left: neither what was in the original nor what detectors see now."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cairn.refine.checks.base import Failure, Pair
from cairn.refine.checks.haystack import haystack
from cairn.refine.detectors.base import Detector
from cairn.refine.detectors.catalogue import STANDARD, detectors
from cairn.refine.detectors.combined import hidden
from cairn.refine.kinds import OTHER
from cairn.refine.pseudonym_marks import marked
from cairn.refine.pseudonyms import normal
from cairn.refine.spans import Span, certain, settled


@dataclass(frozen=True)
class Leak:
    """No private value of the original is in the rewrite, in any spelling that `haystack` reads."""

    name: str = "leak"

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """Says the kinds of what is left, and lines where it stands as it was."""
        sure: dict[tuple[str, str], bool] = {}
        for span in pair.private:
            if not _given(span, pair):
                value = span.kind, pair.original[span.start : span.end]
                sure[value] = sure.get(value, False) or certain(span, pair.sure)
        hay = haystack(pair.rewrite)
        left = sorted((k, v) for k, v in sure if hay.holds(v, k))
        if not left:
            return None
        lines = {pair.rewrite.count("\n", 0, pair.rewrite.find(v)) + 1
                 for _, v in left if v in pair.rewrite}  # fmt: skip
        where = f" (in line {', '.join(map(str, sorted(lines)[:8]))})" if lines else ""
        kinds = _counted(kind for kind, _ in left)
        if not any(sure[value] for value in left):
            return _doubt(self.name, f"{kinds} of the original{where}", [v for _, v in left])
        return Failure(
            self.name,
            f"{kinds} of the original can still be read in the "
            f"rewrite{where}, as they were or in another spelling. Replace each of them.",
        )


def _doubt(check: str, what: str, values: Iterable[str]) -> Failure:
    """Says what may be private, once: whether it is can only be judged from what is said of it."""
    return Failure(
        check,
        f"{what} may be private and still stand in the rewrite. Replace what belongs to a private "
        "person; keep what is public (a person of history or of public life, the founder of a "
        "firm) or not private at all.",
        frozenset(hash(value.casefold()) for value in values),
    )


def _given(span: Span, pair: Pair) -> bool:
    """A value that is a reserved one, or a pseudonym itself: not private."""
    value = pair.original[span.start : span.end]
    return _nobodys(span, value) or value in pair.pseudonyms.values()


def _nobodys(span: Span, value: str) -> bool:
    """A reserved value in plain form. Of one in disguise the form says nothing: its check digits
    are not those that stand there."""
    return not hidden(span) and marked(span.kind, value) is True


def _is_of(pseudonym: str, span: Span, text: str) -> bool:
    """Whether a span is a pseudonym, or lies in one that stands there as whole words: `Alex` in
    `Alex Stone`, but not `alex.x@corp.io` for its `alex`."""
    value = text[span.start : span.end].casefold()
    if value.strip() not in pseudonym.casefold():
        return False
    if value == pseudonym.casefold():
        return True
    whole = re.compile(rf"(?<!\w){re.escape(pseudonym)}(?!\w)", re.I)
    longest = len(pseudonym)
    near = whole.finditer(text, max(0, span.start - longest), span.end + longest + 1)
    return any(at.start() <= span.start and span.end <= at.end() for at in near)


UNTOLD = frozenset({"PERSON", "STREET_ADDRESS", "DATE_OF_BIRTH", "ID_NUMBER"})
"""Kinds whose pseudonyms look like real values."""


@dataclass(frozen=True)
class Residual:
    """Detectors find nothing private in the rewrite.

    Pseudonyms are left out: those of the table, and those that can be nobody's. Of the kinds in
    `UNTOLD` only what stands in the original as well counts, since an invented name looks like any
    other.
    """

    name: str = "residual"
    detectors: tuple[str, ...] = STANDARD
    threshold: float = 0.5
    """Least score of a span that counts."""
    finder: Detector | None = field(default=None, compare=False)
    """Looks in place of those named."""

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """Says the kinds of what was found."""
        finder = self.finder or detectors(self.detectors, threshold=self.threshold)
        fresh = {name for name in pair.pseudonyms.values() if name.strip()}
        before = None
        left: list[Span] = []
        for span in settled(finder.find(pair.rewrite)):
            value = pair.rewrite[span.start : span.end]
            ours = any(_is_of(name, span, pair.rewrite) for name in fresh)
            if span.score < self.threshold or ours or _nobodys(span, value):
                continue
            if span.kind in UNTOLD:
                before = before or haystack(pair.original)
                if not before.holds(value):
                    continue
            left.append(span)
        if not left:
            return None
        kinds = _counted(span.kind for span in left)
        if not any(certain(span, pair.sure) for span in left):
            return _doubt(self.name, kinds, (pair.rewrite[s.start : s.end] for s in left))
        return Failure(
            self.name,
            f"The rewrite holds {kinds}. Use made-up values that cannot be anybody's: "
            "example.com, 192.0.2.x, numbers like 555-0100, and EXAMPLE in keys and passwords.",
        )


@dataclass(frozen=True)
class Consistent:
    """The table is kept to: one to one, no pseudonym is a real value, each is used.

    What is in doubt may stay as it is: that is a matter of the checks before this one. Where it
    stands once it may also be called otherwise: it may be a part of what had to go.
    """

    name: str = "pseudonyms"
    least: float = 1.0
    """Share of the table's pseudonyms that must stand in the rewrite."""

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """Looks at the table, then at its use."""
        wrong = _table_fault(pair)
        if wrong:
            return Failure(self.name, wrong)
        hay = haystack(pair.rewrite)
        due = {
            (span.kind, value)
            for span in pair.private
            if (value := pair.original[span.start : span.end]) in pair.pseudonyms
            and (
                certain(span, pair.sure)
                or not (pair.original.count(value) == 1 or hay.holds(value, span.kind))
            )
        }
        missing = [kind for kind, value in due if not hay.holds(pair.pseudonyms[value])]
        if len(due) - len(missing) >= self.least * len(due):
            return None
        return Failure(
            self.name,
            f"The pseudonym you were given is not used for {_counted(missing)}. Use the table's "
            "value wherever the original's is meant, in each of its spellings.",
        )


def _table_fault(pair: Pair) -> str | None:
    kinds = {pair.original[s.start : s.end]: s.kind for s in pair.private}
    by_pseudonym: dict[str, str] = {}
    reals = {normal(kind, value) for value, kind in kinds.items()}
    for value, pseudonym in pair.pseudonyms.items():
        # Not found in this piece: a name of another one, or what a refiner finds.
        unknown = OTHER if re.search(r"[\d@]", value) else "PERSON"
        kind = kinds.get(value, unknown)
        told, same = normal(kind, pseudonym), normal(kind, value)
        if by_pseudonym.setdefault(told, same) != same:
            return f"Two different values of kind {kind} have the same pseudonym."
        if told in reals:
            return f"A pseudonym of kind {kind} is itself a private value of the original."
        if value in kinds and marked(kind, pseudonym) is False:
            return f"A pseudonym of kind {kind} could be somebody's: use a reserved value."
    return None


def _counted(kinds: Iterable[str]) -> str:
    """ "2 PERSON and 1 SECRET" """
    parts = [f"{count} {kind}" for kind, count in sorted(Counter(kinds).items())]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
