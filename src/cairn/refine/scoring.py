"""How well a detector finds labelled spans: recall, precision and F2 of each kind, with intervals.

A labelled span is found if what was predicted of its kind and overlaps it, taken together, covers
it with an intersection over union of characters of at least IOU = 0.5. A prediction belongs to the
labelled span of its kind that it overlaps most; those of one labelled span count as one prediction,
right if the span is found; one that overlaps none is wrong. So a name predicted in two parts is one
hit, and neither labels nor predictions can count twice.

    recall = found / labelled    precision = right / predicted    F2 = 5 P R / (4 P + R)

Source of the form: presidio-research's evaluator (its docstring says 0.5, its default is 0.9); the
weight of recall after the method sheet: a missed span is a leak, a needless one is a lost word.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cairn.core.stats import Rate, rate
from cairn.refine.intervals import Resampled
from cairn.refine.labels import Record
from cairn.refine.spans import Span

IOU = 0.5
ANY = "any kind"
"""The row in which kinds do not count, only that something was found there."""
SAME = {"LOCATION": "STREET_ADDRESS", "DATE_TIME": "DATE_OF_BIRTH"}
"""Names of others for what the labels call otherwise: taken for ours, in their finder's favour."""


class KindScore(NamedTuple):
    """How well one kind is found."""

    kind: str
    labelled: int
    predicted: int
    recall: Rate
    precision: Rate
    f2: Rate


class DetectorScore(NamedTuple):
    """How well a detector does on labelled records."""

    documents: int
    kinds: tuple[KindScore, ...]
    """`ANY` first, then kinds by name; those only that are labelled."""
    whole: Rate
    """Documents with private spans of which every one was found, whatever kind it was taken for."""


def score_spans(records: Sequence[Record], found: Sequence[Sequence[Span]]) -> DetectorScore:
    """Scores what a detector found in each record. Raises ValueError for other lengths."""
    kinds = sorted({span.kind for record in records for span in record.spans})
    columns = {kind: at for at, kind in enumerate((ANY, *kinds))}
    counts = np.zeros((len(records), 3 * len(columns)))  # labelled, predicted, right
    wholly = []
    for row, (record, spans) in enumerate(zip(records, found, strict=True)):
        spans = [span._replace(kind=SAME.get(span.kind, span.kind)) for span in spans]
        for kind, at in columns.items():
            gold = [s for s in record.spans if kind in (ANY, s.kind)]
            said = [s for s in spans if kind in (ANY, s.kind)]
            right, groups = matched(gold, said)
            counts[row, 3 * at : 3 * at + 3] = len(gold), groups, right
        if record.spans:
            wholly.append(bool(counts[row, 0] == counts[row, 2]))
    drawn = Resampled(counts)
    rows = tuple(_kind(drawn, kind, 3 * at) for kind, at in columns.items())
    return DetectorScore(len(records), rows, rate(sum(wholly), len(wholly)))


def matched(gold: Sequence[Span], said: Sequence[Span]) -> tuple[int, int]:
    """(labelled spans found, predictions) of one kind in one text."""
    of: dict[int, list[Span]] = defaultdict(list)
    alone = 0
    for span in set(said):
        overlaps = [min(span.end, g.end) - max(span.start, g.start) for g in gold]
        best = max(range(len(gold)), key=overlaps.__getitem__, default=-1)
        if best < 0 or overlaps[best] <= 0:
            alone += 1
        else:
            of[best].append(span)
    right = sum(_iou(gold[at], spans) >= IOU for at, spans in of.items())
    return right, alone + len(of)


def _iou(gold: Span, spans: Sequence[Span]) -> float:
    said = {at for span in spans for at in range(span.start, span.end)}
    label = set(range(gold.start, gold.end))
    return len(said & label) / len(said | label)


def _kind(drawn: Resampled, kind: str, at: int) -> KindScore:
    labelled, predicted, _ = (int(drawn.sums[at + k]) for k in range(3))

    def f2(sums: np.ndarray) -> np.ndarray:
        # 5 P R / (4 P + R) with P = right / predicted and R = right / labelled.
        gold, said, right = (sums[..., at + k] for k in range(3))
        below = 4 * gold + said
        return np.divide(5 * right, below, out=np.full_like(below, np.nan), where=below > 0)

    return KindScore(
        kind,
        labelled,
        predicted,
        drawn.share(at + 2, at),
        drawn.share(at + 2, at + 1),
        drawn.of(f2, labelled),
    )
