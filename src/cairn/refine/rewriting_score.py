"""How well a rewriter does: what leaks, what is changed needlessly, what becomes of documents.

A rewriter returns no spans, so its work is measured on its texts (method sheet, section 6):

- a private value (a kind and a string, once a document) leaks if it stands in the rewrite more
  often than in the original outside its private spans (`presence.py` says when it stands there);
- a token of the original is edited if it is not in the longest common subsequence with the
  rewrite. Precision of edits: edited tokens inside private spans over all edited ones.
  Over-editing: edited tokens outside over all tokens outside;
- a document has additions if words were put where none is edited that is private, or more than a
  pseudonym needs (twice the private words that are edited there, and SLACK): ADDITION or more;
- tokens are words and signs; signs inside private spans do not count: a pseudonym has them
  too (the @ of an address) or has the neighbour's.

Rates about texts are over documents that came out; `protected` and `public_kept` are over all, so
that a document which is dropped protects everything and keeps nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from cairn.core.stats import Rate, rate
from cairn.refine.aligned import kept, tokens
from cairn.refine.intervals import Resampled
from cairn.refine.labels import Record
from cairn.refine.presence import Presence

Outcome = Literal["out", "dropped", "refused", "cut", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("out", "dropped", "refused", "cut", "failed")


ADDITION = 6
"""Words that replace nothing private from which a document counts as added to."""
SLACK = 4
"""Words that a pseudonym may have more than twice those it replaces."""


class Rewrite(NamedTuple):
    """What a rewriter made of a record."""

    text: str | None
    """None unless the outcome is `out`."""
    outcome: Outcome = "out"
    """`dropped`: nothing is to come out. `refused`, `cut`, `failed`: a model gave no rewrite."""
    tries: int = 1
    reason: str = ""
    """The check that turned the last try down."""


class Edits(NamedTuple):
    """Tokens of an original, and what became of them."""

    inside: int
    inside_edited: int
    outside: int
    outside_edited: int
    added: int
    """Words of the rewrite that replace nothing private."""
    lines_private: int
    """Lines of the original with a private token."""
    lines_edited: int
    lines_both: int


class RewriteScore(NamedTuple):
    """How well a rewriter does on labelled records."""

    documents: int
    outcomes: Mapping[str, Rate]
    leaks: Mapping[str, Rate]
    """By kind, and of any kind: values that leaked, of the values of documents that came out."""
    leaking: Rate
    """Documents with a leak, of those that came out and had something to leak."""
    protected: Rate
    """Values that do not stand in what came out, of all."""
    precision: Rate
    """Edited tokens that were private, of all edited ones."""
    over_edited: Rate
    added: Rate
    """Documents with additions, of those that came out."""
    public_kept: Rate
    """Strings that must survive and do, of all."""
    line_recall: Rate
    """Lines with something private of which a token was edited, of all such lines. With
    `line_precision` it is agreement line by line, as code is judged."""
    line_precision: Rate
    """Lines with something private, of all in which a token was edited."""
    canaries: Mapping[int, Rate]
    """By level of obfuscation: those that did not survive, of documents that came out."""
    tries: float
    """Mean number of tries."""


ANY = "any kind"


def score_rewrites(records: Sequence[Record], rewrites: Sequence[Rewrite]) -> RewriteScore:
    """Scores one rewrite a record. Raises ValueError for other lengths."""
    kinds = (ANY, *sorted({span.kind for record in records for span in record.spans}))
    columns = {kind: 2 * at for at, kind in enumerate(kinds)}
    # Values, not leaked; edited, private; outside, edited; public, kept; lines: private, edited,
    # both.
    rest = 2 * len(kinds)
    counts = np.zeros((len(records), rest + 11))
    leaking, adding, caught = [], [], Counter()
    for row, (record, rewrite) in enumerate(zip(records, rewrites, strict=True)):
        _account(record, rewrite.text, counts[row], columns, rest)
        if rewrite.text is None:
            continue
        if record.spans:
            leaking.append(bool(counts[row, 1] > 0))
        edits = edited(record, rewrite.text)
        counts[row, rest + 2 : rest + 6] = (
            edits.inside_edited + edits.outside_edited, edits.inside_edited,
            edits.outside, edits.outside_edited,
        )  # fmt: skip
        counts[row, rest + 8 :] = edits[-3:]
        adding.append(edits.added >= ADDITION)
        there = Presence(rewrite.text)
        for canary in record.canaries:
            gone = not there.count(canary.shown) and not there.count(canary.value)
            caught[canary.level, gone] += 1
    drawn = Resampled(counts)
    came = Counter(rewrite.outcome for rewrite in rewrites)
    levels = sorted({level for level, _ in caught})
    return RewriteScore(
        documents=len(records),
        outcomes={name: rate(came[name], len(records)) for name in OUTCOMES},
        leaks={kind: drawn.share(at + 1, at) for kind, at in columns.items()},
        leaking=rate(sum(leaking), len(leaking)),
        protected=drawn.share(rest + 1, rest),
        precision=drawn.share(rest + 3, rest + 2),
        over_edited=drawn.share(rest + 5, rest + 4),
        added=rate(sum(adding), len(adding)),
        public_kept=drawn.share(rest + 7, rest + 6),
        line_recall=drawn.share(rest + 10, rest + 8),
        line_precision=drawn.share(rest + 10, rest + 9),
        canaries={n: rate(caught[n, True], caught[n, True] + caught[n, False]) for n in levels},
        tries=float(np.mean([rewrite.tries for rewrite in rewrites])) if rewrites else 0.0,
    )


def _account(
    record: Record, text: str | None, row: np.ndarray, columns: Mapping[str, int], rest: int
) -> None:
    """Counts values and public strings of one record into its row."""
    values = {(span.kind, record.value(span)) for span in record.spans}
    leaked = set() if text is None else leaks(record, text)
    row[rest : rest + 2] = len(values), len(values) - len(leaked)
    row[rest + 6] = len(record.public)
    if text is None:
        return
    for kind, value in values:
        for column in (columns[ANY], columns[kind]):
            row[column : column + 2] += 1, (kind, value) in leaked
    there = Presence(text)
    row[rest + 7] = sum(there.count(value) > 0 for value in record.public)


def leaks(record: Record, rewrite: str) -> set[tuple[str, str]]:
    """The private values, as (kind, string in the text), that stand in a rewrite."""
    if not record.spans:
        return set()
    there, elsewhere = Presence(rewrite), Presence(without(record))
    found = set()
    for span in record.spans:
        value = record.value(span)
        said = {value, record.plain.get(value, value)}
        if any(there.count(one) > elsewhere.count(one) for one in said):
            found.add((span.kind, value))
    return found


def without(record: Record) -> str:
    """The text of a record with a line's end in the place of each private span."""
    parts, at = [], 0
    for span in record.spans:
        parts.append(record.text[at : span.start])
        at = max(at, span.end)
    return "\n".join((*parts, record.text[at:]))


def edited(record: Record, rewrite: str) -> Edits:
    """What became of the tokens of a record."""
    cuts = [edge for span in record.spans for edge in (span.start, span.end)]
    before, private, line = [], [], []
    for token in tokens(record.text, cuts):
        inside = any(span.start <= token.start < span.end for span in record.spans)
        if not inside or token.is_word:
            before.append(token.text)
            private.append(inside)
            line.append(record.text.count("\n", 0, token.start))
    written = tokens(rewrite)
    after = [token.text for token in written]
    pairs = kept(before, after)
    survived = {at for at, _ in pairs}
    inside = sum(private)
    inside_edited = sum(p and at not in survived for at, p in enumerate(private))
    outside_edited = len(before) - len(survived) - inside_edited
    taken = {other for _, other in pairs}
    # A pseudonym may share a word with its value, or many, digit by digit: so what is between two
    # words of the original that are not private is counted together.
    public = [pair for pair in pairs if not private[pair[0]]]
    added, edges = 0, [(-1, -1), *public, (len(before), len(after))]
    for (at, other), (next_at, next_other) in pairwise(edges):
        gone = sum(private[n] and n not in survived for n in range(at + 1, next_at))
        new = sum(written[n].is_word and n not in taken for n in range(other + 1, next_other))
        added += max(0, new - (2 * gone + SLACK if gone else 0))
    hidden = {number for number, p in zip(line, private, strict=True) if p}
    touched = {number for at, number in enumerate(line) if at not in survived}
    lines = len(hidden), len(touched), len(hidden & touched)
    return Edits(inside, inside_edited, len(before) - inside, outside_edited, added, *lines)
