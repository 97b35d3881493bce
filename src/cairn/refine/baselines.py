"""What people do without a rewriter: find spans, and remove something. One harness with rewriters.

Generative Data Refinement (arXiv:2509.08653) compares itself with the first; the method sheet,
section 6, lists the others. None needs a model, except where a model says where the spans are.
"""

import random
from collections.abc import Callable, Sequence

from cairn.core.draws import DrawKey
from cairn.refine.labels import Record
from cairn.refine.pseudonyms import completed, pseudonymized
from cairn.refine.rewriting_score import Rewrite
from cairn.refine.spans import Span, replaced, settled

Removal = Callable[[str, Sequence[Span], random.Random], str | None]
"""From a text, spans in order without overlaps and a generator to what is left; None: nothing."""


def drop_document(text: str, spans: Sequence[Span], draw: random.Random) -> str | None:
    """No document in which anything was found."""
    return None if spans else text


def drop_line(text: str, spans: Sequence[Span], draw: random.Random) -> str | None:
    """No line in which anything was found; no document of which no line is left."""
    lines, at = [], 0
    for line in text.splitlines(keepends=True):
        end = at + len(line)
        if not any(span.start < end and span.end > at for span in spans):
            lines.append(line)
        at = end
    rest = "".join(lines)
    return rest if rest.strip() else None


def delete(text: str, spans: Sequence[Span], draw: random.Random) -> str | None:
    """The text without the spans."""
    return replaced(text, spans, lambda span: "")


def mask(text: str, spans: Sequence[Span], draw: random.Random) -> str | None:
    """A tag with the kind in the place of each span."""
    return replaced(text, spans, lambda span: f"[{span.kind}]")


def pseudonymize(text: str, spans: Sequence[Span], draw: random.Random) -> str | None:
    """A value of the same kind that is nobody's, the same one for the same value."""
    return pseudonymized(text, spans, completed({}, text, spans, draw.randbytes(32)))


REMOVALS: dict[str, Removal] = {
    "drop-document": drop_document,
    "drop-line": drop_line,
    "delete": delete,
    "mask": mask,
    "pseudonymize": pseudonymize,
}


def removed(
    records: Sequence[Record], found: Sequence[Sequence[Span]], removal: str, *, seed: int = 0
) -> list[Rewrite]:
    """What one way of removal makes of records, with what was found in each."""
    make, root = REMOVALS[removal], DrawKey.root(seed).child(removal)
    rewrites = []
    for record, spans in zip(records, found, strict=True):
        text = make(record.text, settled(spans), root.child(record.id).random())
        rewrites.append(Rewrite(None, "dropped") if text is None else Rewrite(text))
    return rewrites
