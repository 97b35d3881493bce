"""A refiner's answer as a rewrite, or what kind of no answer it is.

What a check can see by the text (a lecture, an echo of the prompt, another language) is left to the
checks; here is what only the server's reply says, and the wrapping that models put around a text.
"""

import re

from cairn.lm.completion import CUT, STOPPED, Completion
from cairn.refine.checks.base import Failure
from cairn.refine.outcomes import EMPTY, FILTERED, TRUNCATED

FILTERS = frozenset({"content_filter", "safety", "recitation"})
"""Finish reasons of an answer that a filter stopped for what it says."""
_FENCED = re.compile(r"```[\w+-]*[ \t]*\n(.*?)\n?```", re.S)
_TAGGED = re.compile(r"<text(-[0-9a-f]{8})?>(.*)</text\1>", re.S)
_SPACE = re.compile(r"\s*")


def unusable(answer: Completion) -> Failure | None:
    """What keeps an answer from being a rewrite at all; None if nothing does."""
    finish = answer.finish_reason.lower()
    if finish in FILTERS:
        return Failure(FILTERED, "It was stopped by a filter before its end.")
    if finish in CUT | STOPPED:
        return Failure(TRUNCATED, "It was cut off before its end. Write it whole and no longer.")
    if not answer.text.strip():
        return Failure(EMPTY, "It was empty. Answer with the rewritten text.")
    return None


def rewrite(answer: str, original: str) -> str:
    """The rewrite in an answer: without a fence or tags around all of it that the original has not,
    and with the original's blank ends, which models drop."""
    body = answer.strip()
    for wrapping, group in ((_TAGGED, 2), (_FENCED, 1)):
        found = wrapping.fullmatch(body)
        if found and not wrapping.fullmatch(original.strip()):
            body = found[group].strip("\n")
    head = _SPACE.match(original)
    start = head[0] if head else ""
    tail = original[len(original.rstrip()) :] if original.strip() else ""
    return f"{start}{body.strip()}{tail}"
