"""Leaks after the fact: private values and canaries that stand in accepted rows all the same.

Apart from the checks of the run: by `presence`, as the benchmark looks for them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cairn.core.stats import Rate, rate
from cairn.refine.detectors.base import Detector
from cairn.refine.pairs import Both
from cairn.refine.presence import Presence
from cairn.refine.refining import How
from cairn.refine.spans import MAY_BE_PUBLIC, settled

SHOWN = 50


@dataclass
class Leaks:
    """What was found."""

    records: int = 0
    """Accepted records that were looked at."""
    values: Counter[str] = field(default_factory=Counter)
    """Private values in sources, by kind."""
    leaked: Counter[str] = field(default_factory=Counter)
    """Those of them that stand in a refined field of the row, by kind."""
    beside: Counter[str] = field(default_factory=Counter)
    """Those that stand in a field that was not refined, by kind."""
    leaking: int = 0
    """Records of which at least one value stands in the row, in whatever field."""
    new: Counter[str] = field(default_factory=Counter)
    """What detectors find in refined fields that no source of the row holds: pseudonyms, or
    inventions."""
    canaries: int = 0
    """Canaries that were looked for."""
    planted: int = 0
    """Times that a canary stands in a source."""
    surviving: int = 0
    """Times that it stands in the row all the same."""
    kept: Counter[str] = field(default_factory=Counter)
    """Values found with too low a score to be private for certain that stand in a refined field,
    by kind: kept on purpose, or overlooked twice. They do not count as leaks."""
    ids: list[str] = field(default_factory=list)
    """Of records that leak, the first of them."""

    @property
    def share(self) -> Rate:
        """Records that leak."""
        return rate(self.leaking, self.records)

    @property
    def of_values(self) -> Rate:
        """Private values that are left in refined fields."""
        return rate(self.leaked.total(), self.values.total())

    @property
    def of_canaries(self) -> Rate:
        """Canaries that survive."""
        return rate(self.surviving, self.planted)


def look(
    pairs: Iterable[Both],
    how: How,
    detectors: Sequence[Detector],
    canaries: Sequence[str] = (),
    *,
    sure: float = 0.0,
) -> Leaks:
    """Look for what detectors find in the sources, and for canaries, in the rows. What is found
    with a lower score than `sure` is counted apart where it was refined."""
    found = Leaks(canaries=len(canaries))
    for both in pairs:
        found.records += 1
        if _look(both, how, detectors, canaries, found, sure):
            found.leaking += 1
            if len(found.ids) < SHOWN:
                found.ids.append(both.id)
    return found


def _look(
    both: Both, how: How, detectors: Sequence[Detector], canaries: Sequence[str], found: Leaks,
    sure: float,
) -> bool:  # fmt: skip
    original = "\n".join(str(both.source.get(name, "")) for name in how.text)
    refined = Presence("\n".join(str(both.row.get(name, "")) for name in how.text))
    kept = [v for name, v in both.row.items() if name not in (*how.text, how.provenance)]
    beside = Presence("\n".join(_texts(kept)))
    leaks = False
    scores: dict[tuple[str, str], float] = {}
    for span in _spans(original, detectors):
        at = span.kind, original[span.start : span.end]
        scores[at] = max(span.score, scores.get(at, 0.0))
    for (kind, value), score in scores.items():
        found.values[kind] += 1
        there, by_side = value in refined, value in beside
        if there and score < sure and kind in MAY_BE_PUBLIC:
            found.kept[kind] += 1
            there = False
        found.leaked[kind] += there
        found.beside[kind] += by_side
        leaks |= there or by_side
    before = Presence(original)
    for span in _spans(refined.text, detectors):
        found.new[span.kind] += refined.text[span.start : span.end] not in before
    for canary in canaries:
        if canary in before:
            found.planted += 1
            survives = canary in refined or canary in beside
            found.surviving += survives
            leaks |= survives
    return leaks


def _spans(text: str, detectors: Sequence[Detector]):
    return settled(span for detector in detectors for span in detector.find(text))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
    elif value is not None:
        yield str(value)
