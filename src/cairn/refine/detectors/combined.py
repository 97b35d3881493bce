"""Several detectors as one, which also reads a text's other forms."""

import re
from dataclasses import dataclass

from cairn.refine.detectors import forms
from cairn.refine.detectors.base import Detector
from cairn.refine.detectors.contact import CALL
from cairn.refine.detectors.patterns import near
from cairn.refine.detectors.views import View, windows
from cairn.refine.spans import Span, settled

THRESHOLD = 0.4
"""Least score of what is reported: weaker signs need a context word, which lifts them to it."""
_SURE_ENOUGH = 0.5
DISGUISED, ENCODED = "in another form", "in an encoding"
"""What `by` of a span ends in that was not found in the text as it stands."""


def hidden(span: Span) -> bool:
    """Whether a span's value had to be read in another form: what stands there is a disguise."""
    return span.by.endswith((DISGUISED, ENCODED))


@dataclass(frozen=True)
class Combined:
    """Runs detectors on a text and on its other forms; overlaps settled."""

    name: str
    detectors: tuple[Detector, ...]
    threshold: float = THRESHOLD
    other_forms: bool = True
    """Whether spelt-out, spaced, escaped and encoded values are looked for too."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those of all."""
        return tuple(dict.fromkeys(k for detector in self.detectors for k in detector.kinds))

    def find(self, text: str) -> list[Span]:
        """Everything at or above the threshold, in characters of `text`."""
        return settled(self._found(text, depth=2 if self.other_forms else 0))

    def _found(self, text: str, depth: int) -> list[Span]:
        found = self._plainly(text)
        if depth == 0:
            return found
        folds = list(forms.folded(text))
        whole = View(text, folds) if folds else None
        if folds:
            for view in windows(text, folds):
                found += self._through(view, self._plainly(view.text))
        flat = whole.text if whole else text
        for form, edits in forms.edits(flat).items():
            for view in windows(flat, edits):
                spans = self._through(view, self._plainly(view.text))
                if form == "wrapped":
                    spans = [span for span in spans if _goes_on(flat, span)]
                if form == "spelt":
                    spans += self._spelt(flat, view, spans)
                found += [_back(whole, span) for span in spans]
        for edit in forms.decoded(flat):
            inside = settled(self._found(edit.new, depth - 1))
            if inside:
                best = max(inside, key=lambda span: span.score)
                start, end = whole.back(edit.start, edit.end) if whole else (edit.start, edit.end)
                found.append(best._replace(start=start, end=end, by=f"{best.by} {ENCODED}"))
        return found

    def _plainly(self, text: str) -> list[Span]:
        return [
            span
            for detector in self.detectors
            for span in detector.find(text)
            if span.score >= self.threshold
        ]

    def _through(self, view: View, spans: list[Span]) -> list[Span]:
        """Those that only the view shows, at their place in the text."""
        shown = []
        for span in spans:
            if view.touched(span.start, span.end):
                start, end = view.back(span.start, span.end)
                by = f"{span.by} {DISGUISED}"
                shown.append(span._replace(start=start, end=end, by=by))
        return shown

    def _spelt(self, text: str, view: View, known: list[Span]) -> list[Span]:
        """A long number in words that no detector knows: few write a count so, many a phone."""
        if "PHONE_NUMBER" not in self.kinds:
            return []
        more = []
        for edit in forms.spelt(text):
            digits = sum(c.isdigit() for c in edit.new)
            if 7 <= digits <= 15 and not any(
                s.start < edit.end and edit.start < s.end for s in known
            ):
                by = f"{self.name} {DISGUISED}"
                more.append(Span(edit.start, edit.end, "PHONE_NUMBER", _SURE_ENOUGH, by))
        return more


_CUT = re.compile(r"\d[/\u2010-\u2013-]\Z")
_WHOLE = 10
"""Digits of a telephone number that may be all of it."""


def _goes_on(text: str, span: Span) -> bool:
    """Whether a value over a line's end is one value; a telephone number may be two of a column."""
    if span.kind != "PHONE_NUMBER":
        return True
    first, _, rest = text[span.start : span.end].partition("\n")
    if _CUT.search(first):
        return True
    if sum(c.isdigit() for c in first) >= _WHOLE or sum(c.isdigit() for c in rest) < 2:
        return False
    line = text[max(0, span.start - 40) : span.start].rpartition("\n")[2]
    return first.startswith("+") or near(line, len(line), len(line), CALL)


def _back(whole: View | None, span: Span) -> Span:
    if whole is None:
        return span
    start, end = whole.back(span.start, span.end)
    return span._replace(start=start, end=end)
