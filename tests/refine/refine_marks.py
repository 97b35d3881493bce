"""Texts whose spans are known by construction: `[[KIND|value]]` is one."""

import re

from cairn.refine.detectors.catalogue import detectors

ALL = detectors()
MARK = re.compile(r"\[\[([A-Z_]+)\|((?:.|\n)*?)\]\]")


def marked(text):
    """The text without marks, and its spans."""
    plain, spans, at = "", [], 0
    for match in MARK.finditer(text):
        plain += text[at : match.start()]
        spans.append((len(plain), len(plain) + len(match[2]), match[1]))
        plain += match[2]
        at = match.end()
    return plain + text[at:], spans


def check(text, finder=ALL):
    plain, expected = marked(text)
    found = [(s.start, s.end, s.kind) for s in finder.find(plain)]
    assert [(k, plain[a:b]) for a, b, k in found] == [(k, plain[a:b]) for a, b, k in expected]
    assert found == expected
