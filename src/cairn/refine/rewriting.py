"""The rewrite of one text: piece by piece, each tried until it passes; joined, and looked at again.

for each model, for each try:
    answer = model(task.prompt(piece, feedback, pseudonyms))
    feedback = no answer at all, or the first check that fails; none: the piece is done
joined: the first check that fails, of those that ask no model; none: the text is done
    otherwise the pieces concerned go on with their tries, with that check for feedback
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cairn.lm.client import Client, Clients
from cairn.lm.errors import (
    CallFailedError,
    ModeratedError,
    RejectedError,
    TrialFailedError,
    UnreadableAnswerError,
)
from cairn.lm.request import Completion, Message, Request
from cairn.refine import outcomes
from cairn.refine.answers import rewrite, unusable
from cairn.refine.checks.base import Check, Failure, Pair
from cairn.refine.checks.private import Leak
from cairn.refine.chunks import split
from cairn.refine.pieces import (
    Piece,
    doubtful_in,
    failed_of,
    half_named,
    joined,
    pair_of,
)
from cairn.refine.spans import Span
from cairn.refine.tasks.base import Task

UNCHANGED = Leak("unchanged")
"""Of every task: a text is not let through as it was while something private for certain stands in
it, whatever the task's own checks look at."""


class TurnedDownError(Exception):
    """No try brought a text through."""

    def __init__(self, check: str, failed: Sequence[str] = ()):
        self.check = check
        """Turned down the last try."""
        self.failed = tuple(failed)
        """The check that turned down each try, piece by piece."""


class Rewritten(NamedTuple):
    """A text that passed."""

    text: str
    tries: int
    """Of the piece that took the most."""
    failed: tuple[str, ...]
    """The check that turned down each failed try."""
    models: tuple[str, ...]
    """Roles that wrote it."""
    doubtful: int
    """Values that may be private and were kept on purpose."""


class Concern(NamedTuple):
    """What is wrong with a joined text."""

    failure: Failure
    pieces: tuple[tuple[Piece, Failure], ...]
    """Those that are to be written again, each with what it is told."""


class Verdict(NamedTuple):
    """What the checks say."""

    check: Check | None
    """The first that fails; None where none does."""
    failure: Failure | None
    doubtful: frozenset[int]
    """Of `Failure.doubtful`: what was let pass."""


@dataclass(frozen=True)
class Rewriting:
    """Has texts of one record rewritten."""

    task: Task
    roles: tuple[str, ...]
    """Who rewrites, the first one first."""
    clients: Clients

    async def __call__(
        self, text: str, found: Sequence[Span], name: str, table: Mapping[str, str], chunk: int
    ) -> Rewritten:
        """The rewrite of `text`, in pieces of at most `chunk` characters.

        `name` tells its calls from those of the record's other texts. Raises TurnedDownError.
        """
        pieces = self._pieces(text, found, name, table, chunk)
        try:
            for piece in pieces:
                await self._tried(piece, None)
            kept: frozenset[int] = frozenset()
            while len(pieces) > 1:
                pair = Pair(text, joined(pieces), tuple(found), table, self.task.sure)
                concern, kept = await self._of_whole(pieces, pair)
                if concern is None:
                    break
                for piece, told in concern.pieces:
                    piece.failed.append(concern.failure.check)
                    piece.asked |= told.doubtful
                    known = {**piece.pair.pseudonyms, **half_named(piece.pair.original, table)}
                    piece.pair = piece.pair._replace(pseudonyms=known)
                    await self._tried(piece, told)
        except TurnedDownError as error:
            raise TurnedDownError(error.check, failed_of(pieces)) from None
        return Rewritten(
            joined(pieces),
            max(len(piece.failed) + 1 if piece.role else 0 for piece in pieces),
            failed_of(pieces),
            tuple(dict.fromkeys(piece.role for piece in pieces if piece.role)),
            len(kept.union(*(piece.kept for piece in pieces))),
        )

    def _pieces(
        self, text: str, found: Sequence[Span], name: str, table: Mapping[str, str], chunk: int
    ) -> list[Piece]:
        pieces, start = [], 0
        doubtful = doubtful_in(Pair(text, "", tuple(found), sure=self.task.sure))
        for number, piece in enumerate(split(text, chunk, found)):
            pair = pair_of(piece, start, found, table)._replace(sure=self.task.sure)
            start += len(piece)
            # What is blank is as it should be.
            left = [(role, n) for role in self.roles for n in range(self.task.tries)]
            pair = pair if piece.strip() else pair._replace(rewrite=piece)
            left = left if piece.strip() else []
            pieces.append(Piece(pair, f"{name}/{number}", left, [], doubtful))
        return pieces

    async def _tried(self, piece: Piece, feedback: Failure | None) -> None:
        """Gives a piece its next rewrite that passes. Raises TurnedDownError after the last try."""
        if not piece.pair.original.strip():
            return
        while piece.left:
            role, attempt = piece.left.pop(0)
            messages = self.task.prompt(
                piece.pair.original, feedback, piece.pair.pseudonyms, piece.doubtful
            )
            said = await _answer(self.clients[role], messages, f"{piece.purpose}/{role}", attempt)
            feedback = said if isinstance(said, Failure) else unusable(said)
            if feedback is None:
                assert isinstance(said, Completion)
                pair = piece.pair._replace(rewrite=rewrite(said.text, piece.pair.original))
                verdict = await self.verdict(pair, piece.asked)
                feedback = verdict.failure
                if feedback is None:
                    piece.pair, piece.role, piece.kept = pair, role, verdict.doubtful
                    return
            piece.failed.append(feedback.check)
            piece.asked |= feedback.doubtful
            if feedback.check in outcomes.TERMINAL:
                piece.left = [turn for turn in piece.left if turn[0] != role]
        raise TurnedDownError(piece.failed[-1])

    async def verdict(
        self, pair: Pair, asked: frozenset[int] = frozenset(), *, whole: bool = False
    ) -> Verdict:
        """What the checks say of a rewrite; of a `whole` only those that ask no model: of what is
        joined a model has seen each piece, and what is clean is to cost nothing.

        A failure about doubtful values alone, all of them `asked` about before, is none.
        """
        kept: frozenset[int] = frozenset()
        for check in self.task.checks:
            if whole and getattr(check, "roles", ()):
                continue
            failure = await self._failure(check, pair)
            if failure is not None:
                if not _settled(failure, asked):
                    return Verdict(check, failure, kept)
                kept |= failure.doubtful
        if pair.private and pair.rewrite == pair.original:
            failure = await UNCHANGED(pair, self.clients)
            if failure is not None and not failure.doubtful:
                return Verdict(UNCHANGED, failure, kept)
        return Verdict(None, None, kept)

    async def _failure(self, check: Check, pair: Pair) -> Failure | None:
        try:
            return await check(pair, self.clients)
        except TrialFailedError as error:
            kind = type(error).__name__
            raise UnreadableAnswerError(f"no verdict of {check.name} ({kind})") from None

    async def _of_whole(
        self, pieces: Sequence[Piece], pair: Pair
    ) -> tuple[Concern | None, frozenset[int]]:
        """What is wrong with the joined text, and which doubtful values it keeps on purpose: those
        of which each piece that holds them was asked about them."""
        kept: frozenset[int] = frozenset()
        for check in self.task.checks:
            failure = None
            if not getattr(check, "roles", ()):
                failure = await self._failure(check, pair)
            if failure is None:
                continue
            concerned = await self._concerned(pieces, pair, check, failure)
            if concerned:
                return Concern(failure, concerned), kept
            kept |= failure.doubtful
        return None, kept

    async def _concerned(
        self, pieces: Sequence[Piece], pair: Pair, check: Check, failure: Failure
    ) -> tuple[tuple[Piece, Failure], ...]:
        """The pieces in which the check finds what is wrong with the whole: it looks at each beside
        the whole original, of which other pieces hold what must not be here. Where it finds it in
        none of them, or needs the whole to judge by and finds it in all: all of them."""
        written = [piece for piece in pieces if piece.role]
        failing = []
        for piece in written:
            its = await self._failure(check, pair._replace(rewrite=piece.pair.rewrite))
            if its is not None and not _settled(its, piece.asked):
                # What it may keep it is asked by its own lines; else of a piece beside the whole
                # original a check may say what is not meant, that it is too short.
                failing.append((piece, its if its.doubtful else failure))
        asked = frozenset[int]().union(*(piece.asked for piece in written))
        if failing or _settled(failure, asked):
            return tuple(failing)
        return tuple((piece, failure) for piece in written)


def _settled(failure: Failure, asked: frozenset[int]) -> bool:
    """Whether it is about doubtful values alone that were asked about before."""
    return bool(failure.doubtful) and failure.doubtful <= asked


async def _answer(
    client: Client, messages: list[Message], purpose: str, attempt: int
) -> Completion | Failure:
    """What a model says, or why it will never say anything."""
    role = client.desk.roles[client.role]
    if role.system is not None:
        messages = [Message("system", role.system), *messages[1:]]
    request = Request(tuple(messages), role.sampling)
    try:
        return await client.complete(request, purpose=purpose, sample_index=attempt)
    except ModeratedError:
        return Failure(outcomes.FILTERED, "A filter stopped it.")
    except RejectedError:
        return Failure(outcomes.TURNED_AWAY, "The server does not take this request.")
    except TrialFailedError as error:
        # Its own words may repeat the record's.
        raise CallFailedError(f"no answer of the {client.role}: {type(error).__name__}") from None
