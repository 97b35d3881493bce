"""Chain-of-Verification: a draft is checked by questions that are answered without it.

    questions <- plan(request, draft)
    joint           plan and answers in one prompt, beside the draft             2 calls
    two-step        all answers in one prompt, without the draft                 3
    factored        each answer in a prompt of its own, without the draft        n + 2
    factor+revise   and each answer compared with the draft in another           2 n + 2
    final <- rewrite(request, draft, questions and answers)

Counted with n questions and a draft that is there; one more where it is not. Without a question
nothing is rewritten, and the plan is the only call. What cannot be read is asked for again, at
most `readings` times. Dhuliawala et al. 2023, arXiv:2309.11495, section 3. Ours: a text may be
given from which the questions are answered, in the place of what the model remembers.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.lm.answers import whole_text
from cairn.lm.client import Client
from cairn.lm.completion import Completion
from cairn.lm.errors import CutAnswerError, UnreadableAnswerError
from cairn.lm.fences import judged
from cairn.lm.readings import verdict
from cairn.refine import cove_prompts as prompts

R = TypeVar("R")
Variant = Literal["joint", "two-step", "factored", "factor+revise"]
VARIANTS: tuple[Variant, ...] = ("joint", "two-step", "factored", "factor+revise")
WORDS = {"CONSISTENT": 0, "INCONSISTENT": 1, "PARTIAL": 2}
UNKNOWN = "UNKNOWN"
_LINE = r"^[\s*_>#\d.)-]*{label}[\s*_\d]*:[\s*_]*(\S.*?)\s*$"


class Checked(NamedTuple):
    """A question, and what was found."""

    question: str
    answer: str
    verdict: str = ""
    """CONSISTENT, INCONSISTENT or PARTIAL, where it was compared with the draft."""


class Verified(NamedTuple):
    """What came of a draft."""

    text: str
    draft: str
    checked: tuple[Checked, ...]
    calls: int
    """Whose answers were read, the draft's included if it was asked for."""


@dataclass(frozen=True)
class Verification:
    """Verifies drafts, inside any work on journaled clients: `await verification(clients, ...)`."""

    variant: Variant = "factored"
    most: int = 8
    """Questions to a draft."""
    role: str = "writer"
    """Who drafts, plans and rewrites."""
    checker: str = ""
    """Who answers the questions and compares; the same if empty."""
    readings: int = 3
    """Samples of each answer until it can be read."""

    def __post_init__(self):
        if self.variant not in VARIANTS:
            raise ConfigError(
                f"verification.variant must be one of {', '.join(VARIANTS)}, got {self.variant!r}."
            )
        for name in ("most", "readings"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"verification.{name} must be at least 1, got {getattr(self, name)}."
                )

    async def __call__(
        self,
        clients: Mapping[str, Client],
        request: str,
        draft: str | None = None,
        *,
        key: DrawKey,
        text: str | None = None,
        purpose: str = "cove",
    ) -> Verified:
        """The draft, rewritten to what its checks bear out.

        Args:
            clients: by role, those of the map's work.
            request: what the draft answers.
            draft: what is to be verified; None: asked of the role first.
            key: for the marks of tags.
            text: what the questions are answered from; None: what the checker remembers.
            purpose: tells the calls of two verifications in one work apart.

        Raises UnreadableAnswerError, and what calls raise.
        """
        run = Asking(self, clients, key, purpose)
        if draft is None:
            draft = await run.ask(self.role, request, "draft", whole)
        checked = await self._checked(run, request, draft, text)
        final = draft
        if checked:
            told = judged(
                prompts.FINAL, key.child("final"),
                request=request, response=draft, checks="\n".join(map(_shown, checked)),
            )  # fmt: skip
            final = await run.ask(self.role, told, "final", _final)
        return Verified(final, draft, checked, run.calls)

    async def questions(
        self, clients: Mapping[str, Client], request: str, draft: str, *, key: DrawKey
    ) -> list[str]:
        """The plan alone."""
        return await self._plan(Asking(self, clients, key, "cove"), request, draft)

    async def _checked(
        self, run: "Asking", request: str, draft: str, text: str | None
    ) -> tuple[Checked, ...]:
        if self.variant == "joint":
            told = judged(
                prompts.JOINT, run.key.child("joint"),
                request=request, response=draft, most=str(self.most),
            )  # fmt: skip
            return await run.ask(self.role, told, "joint", self._pairs)
        questions = await self._plan(run, request, draft)
        if not questions:
            return ()
        if self.variant == "two-step":
            answers = await self._together(run, questions, text)
        else:
            alone = (
                run.ask(self.answerer, self.told(run, q, text), f"answer/{n}", read_answer)
                for n, q in enumerate(questions)
            )
            answers = list(await asyncio.gather(*alone))
        verdicts = [""] * len(questions)
        if self.variant == "factor+revise":
            compared = (
                self._compared(run, n, draft, q, a)
                for n, (q, a) in enumerate(zip(questions, answers, strict=True))
            )
            verdicts = list(await asyncio.gather(*compared))
        return tuple(map(Checked, questions, answers, verdicts))

    @property
    def answerer(self) -> str:
        """The role that answers questions."""
        return self.checker or self.role

    async def _plan(self, run: "Asking", request: str, draft: str) -> list[str]:
        told = judged(
            prompts.PLAN, run.key.child("plan"),
            request=request, response=draft, most=str(self.most),
        )  # fmt: skip
        return await run.ask(self.role, told, "plan", self._planned)

    def told(self, run: "Asking", question: str, text: str | None) -> str:
        """The prompt of one question alone."""
        key = run.key.child("answer", question)
        if text is None:
            return judged(prompts.ANSWER, key, question=question)
        return judged(prompts.FROM_TEXT, key, question=question, text=text)

    async def _together(self, run: "Asking", questions: list[str], text: str | None) -> list[str]:
        listed = "\n".join(f"{n}. {question}" for n, question in enumerate(questions, 1))
        key = run.key.child("answers")
        if text is None:
            told = judged(prompts.ALL, key, questions=listed)
        else:
            told = judged(prompts.ALL_FROM_TEXT, key, questions=listed, text=text)

        def read(answer: Completion) -> list[str]:
            found = _lines(answer, "ANSWER")
            if len(found) != len(questions):
                raise UnreadableAnswerError(
                    f"{self.answerer}: expected {len(questions)} lines ANSWER:, got {len(found)}"
                )
            return found

        return await run.ask(self.answerer, told, "answers", read)

    async def _compared(
        self, run: "Asking", number: int, draft: str, question: str, answer: str
    ) -> str:
        key = run.key.child("compare", number)
        told = judged(prompts.COMPARE, key, response=draft, question=question, answer=answer)

        def read(said: Completion) -> str:
            try:
                place = verdict(whole(said), WORDS, by=self.answerer)
            except CutAnswerError:
                raise
            except UnreadableAnswerError:  # whose message quotes the answer
                words = ", ".join(WORDS)
                raise UnreadableAnswerError(f"expected one of {words} on the last line") from None
            return next(word for word, at in WORDS.items() if at == place)

        return await run.ask(self.answerer, told, f"compare/{number}", read)

    def _planned(self, answer: Completion) -> list[str]:
        found = _lines(answer, "QUESTION")
        if not found and not _says_none(answer):
            raise UnreadableAnswerError("the plan: expected lines QUESTION:, or NONE")
        return list(dict.fromkeys(found))[: self.most]

    def _pairs(self, answer: Completion) -> tuple[Checked, ...]:
        questions, answers = _lines(answer, "QUESTION"), _lines(answer, "ANSWER")
        if len(questions) != len(answers) or not (questions or _says_none(answer)):
            raise UnreadableAnswerError(
                "the plan: expected a line ANSWER: for each line QUESTION:, or NONE"
            )
        return tuple(map(Checked, questions, answers))[: self.most]


class Asking:
    """One verification under way: its calls, counted."""

    def __init__(
        self, how: Verification, clients: Mapping[str, Client], key: DrawKey, purpose: str
    ):
        self.how, self.clients, self.key, self.purpose = how, clients, key, purpose
        self.calls = 0

    async def ask(self, role: str, told: str, what: str, reader: Callable[[Completion], R]) -> R:
        """What `reader` reads in the role's answer."""
        client = self.clients[role]

        def counted(answer: Completion) -> R:
            self.calls += 1
            return reader(answer)

        return await client.read(
            client.request(told), counted, purpose=f"{self.purpose}/{what}",
            readings=self.how.readings,
        )  # fmt: skip


def whole(answer: Completion) -> str:
    """The text of a whole answer. Raises CutAnswerError."""
    return whole_text(answer, by="the model")


def _lines(answer: Completion, label: str) -> list[str]:
    found = re.findall(_LINE.format(label=label), whole(answer), re.M | re.I)
    return [line.strip("*_ ") for line in found]


def _says_none(answer: Completion) -> bool:
    return bool(re.search(r"^\W*NONE\W*$", whole(answer), re.M))


def read_answer(answer: Completion) -> str:
    """The line ANSWER: of an answer. Raises UnreadableAnswerError."""
    found = _lines(answer, "ANSWER")
    if not found:
        raise UnreadableAnswerError("expected a line ANSWER:")
    return found[-1]


def _final(answer: Completion) -> str:
    _, said, text = whole(answer).rpartition("FINAL:")
    if not said or not text.strip():
        raise UnreadableAnswerError("expected the line FINAL: and a response behind it")
    return text.strip()


def _shown(check: Checked) -> str:
    found = f"Question: {check.question}\nAnswer: {check.answer}"
    return found + (f"\nThe response is {check.verdict} with it." if check.verdict else "")
