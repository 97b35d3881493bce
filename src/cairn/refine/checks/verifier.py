"""A model as verifier: another prompt, and if the caller wants another model, under `verifier`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cairn.core.draws import DrawKey
from cairn.lm.answers import whole_text
from cairn.lm.completion import Completion
from cairn.lm.errors import UnreadableAnswerError
from cairn.lm.fences import judged
from cairn.lm.request import Request
from cairn.refine.checks.base import Failure, Pair
from cairn.refine.kinds import KINDS
from cairn.refine.pseudonyms import pseudonymized

ROLE = "verifier"

_VERIFY = """You check whether a text was anonymised. You did not write it.

Below are an original and its rewrite. Look for anything in the rewrite by which a private person
could still be told or reached, or an account opened: a name, address, date of birth, telephone
number, e-mail address, number of an account or document, key or password that the original holds,
in whatever spelling, encoding or language, or split over several places. Made-up values that the
original does not hold are meant to be there. So are companies, places, public events, and people
who are public: of history, of public life, founders of firms.

<original>{original}</original>

<rewrite>{rewrite}</rewrite>

Think it over briefly without quoting any such value. Then write one last line: CLEAN, or LEAK: and
the kinds of what is left, of these: {kinds}."""

_QUESTIONS = """You write questions about a text, to see later whether a rewrite says the same.

Write {count} short questions about facts that the text states: what happened, why, how much, in
what order, what is claimed of what. Do not ask for, and do not use, names of people, addresses,
contact data, dates of birth, numbers of accounts or documents, keys or passwords: those will be
changed. Each question must be answered by the text in at most five words. If the text states fewer
such facts, write fewer.

<text>{text}</text>

Answer with the questions alone, one a line."""

_ANSWERS = """You answer questions by a text and by nothing else you know.

<text>{text}</text>

<questions>{questions}</questions>

Answer each question in at most five words, in its own line and in their order, each line beginning
with the question's number and a full stop. Write NONE where the text does not say."""


def _request(client: Any, template: str, **parts: str) -> Request:
    """The template with its parts between tags that they cannot close."""
    key = DrawKey.root(0).child("verifier", *parts.values())
    return client.request(judged(template, key, **parts))


@dataclass(frozen=True)
class Verified:
    """A model that sees original and rewrite finds nothing private left."""

    name: str = "verifier"
    roles: tuple[str, ...] = (ROLE,)

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """Raises UnreadableAnswerError after three answers without a verdict."""
        client = clients[ROLE]
        request = _request(client, _VERIFY, original=pair.original, rewrite=pair.rewrite,
                           kinds=", ".join(KINDS))  # fmt: skip
        kinds = await client.read(request, _verdict, purpose="check/verifier")
        if kinds is None:
            return None
        what = ", ".join(kinds) or "something private"
        return Failure(self.name, f"A reader still finds of the original: {what}. Replace it.")


def _verdict(answer: Completion) -> list[str] | None:
    """None for CLEAN, else the kinds that are named; nothing of the model's own words."""
    lines = [line.strip(" *_`.\"'#>") for line in whole_text(answer, by=ROLE).splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    if re.fullmatch(r"(?i)clean", last):
        return None
    if re.match(r"(?i)leak\b", last):
        said = set(re.findall(r"[A-Z][A-Z_]+", last.upper()))
        return [kind for kind in KINDS if kind in said]
    raise UnreadableAnswerError(f"{ROLE}: expected CLEAN or LEAK: kinds on the last line")


@dataclass(frozen=True)
class Facts:
    """Questions about the original have the same answers from the rewrite."""

    name: str = "facts"
    questions: int = 5
    """How many are asked for."""
    least: float = 0.8
    """Share of them, of those that the original answers, that must have the same answer."""
    roles: tuple[str, ...] = (ROLE,)

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """Three calls: questions by the original, answers by it, answers by the rewrite.

        A model that finds no question to ask passes. Raises UnreadableAnswerError.
        """
        client = clients[ROLE]
        asked = _request(client, _QUESTIONS, text=pair.original, count=str(self.questions))
        found = await client.read(asked, _questions, purpose="check/facts/questions")
        found = found[: self.questions]
        if not found:
            return None
        lines = "\n".join(f"{n}. {question}" for n, question in enumerate(found, 1))

        async def answers(text: str, which: str) -> list[str]:
            request = _request(client, _ANSWERS, text=text, questions=lines)

            def read(answer: Completion) -> list[str]:
                return _answers(answer, len(found))

            return await client.read(request, read, purpose=f"check/facts/{which}")

        # Pseudonyms in the original too: an answer that names one is the same answer.
        spans = [s for s in pair.private if pair.original[s.start : s.end] in pair.pseudonyms]
        before = await answers(pseudonymized(pair.original, spans, pair.pseudonyms), "original")
        now = await answers(pair.rewrite, "rewrite")
        due = [(old, new) for old, new in zip(before, now, strict=True) if not _none(old)]
        kept = sum(same_answer(old, new) for old, new in due)
        if kept >= self.least * len(due):
            return None
        return Failure(
            self.name,
            f"Of {len(due)} facts of the original, {len(due) - kept} are lost or changed. Keep "
            "what it states: events, amounts, order, causes, claims.",
        )


def _questions(answer: Completion) -> list[str]:
    text = whole_text(answer, by=ROLE)
    lines = [re.sub(r"^\s*(?:\d+[.)]|[-*])\s*", "", line).strip() for line in text.splitlines()]
    return [line for line in lines if line.endswith(("?", "？", "؟"))]


def _answers(answer: Completion, count: int) -> list[str]:
    found: dict[int, str] = {}
    for line in whole_text(answer, by=ROLE).splitlines():
        match = re.match(r"\s*(\d+)[.):]\s*(.*)", line)
        if match and 1 <= int(match[1]) <= count:
            found.setdefault(int(match[1]), match[2].strip())
    if len(found) < count:
        raise UnreadableAnswerError(f"{ROLE}: expected {count} numbered answers, got {len(found)}")
    return [found[number] for number in range(1, count + 1)]


def _none(answer: str) -> bool:
    return re.fullmatch(r"(?i)\W*none\W*", answer) is not None


def same_answer(one: str, other: str) -> bool:
    """Whether two short answers say the same: F1 of their words at least a half, same numbers.

    Words as in SQuAD's evaluation (Rajpurkar et al. 2016): lower case, without articles and
    punctuation.
    """
    first, second = _said(one), _said(other)
    if not first or not second or _none(one) != _none(other):
        return first == second
    if [w for w in first if w.isdigit()] != [w for w in second if w.isdigit()]:
        return False
    rest = list(second)
    common = sum(word in rest and (rest.remove(word) or True) for word in first)
    return 2 * common >= 0.5 * (len(first) + len(second))


def _said(answer: str) -> list[str]:
    words = re.findall(r"[^\W_]+", re.sub(r"(?<=\d),(?=\d{3})", "", answer.lower()))
    return [word for word in words if word not in ("a", "an", "the")]
