"""One desk for all that is paid for: found in the journal, or done once and written down.

    look up -> merge with equal work in flight -> reserve -> intend -> do -> settle -> store

A call to a model is one kind of work, a program that takes processor seconds and memory another.
The desk keeps the books; whether and how work is tried again is its own business.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from cairn.core.budget import Amount, Budget, BudgetExceededError, Limits
from cairn.core.errors import CairnError, ConfigError
from cairn.core.faults import point
from cairn.core.journal import Journal
from cairn.core.journal_rows import Outcome


class DeskClosedError(CairnError):
    """The run is stopping: nothing more is begun."""


class NotDoneError(CairnError):
    """Work that came to nothing, though what it used is known."""

    def __init__(self, message: str, used: Amount | None = None):
        """`used` None: nothing."""
        super().__init__(message)
        self.used = used or Amount()


class Books:
    """The books of one piece of work, attempt by attempt: reserve, intend, then settle."""

    __slots__ = ("_desk", "_key", "_reserved", "_send", "_stage", "budget")

    def __init__(self, desk: "Desk", stage: str, budget: Budget, key: bytes):
        self.budget = budget
        self._desk, self._stage, self._key = desk, stage, key
        self._reserved: Amount | None = None
        self._send: int | None = None

    async def reserve(self, amount: Amount) -> None:
        """Hold the most that one attempt can use. Raises BudgetExceededError."""
        self._desk.check_open()
        await self.budget.reserve(amount)
        self._reserved = amount

    async def intend(self) -> None:
        """Write down that the attempt begins now; returns once that is saved."""
        assert self._reserved is not None, "reserve comes before intend"
        # The turn may have been long in coming: the run may be stopping by now.
        self._desk.check_open()
        journal = self._desk.journal
        self._send = journal.intend(self._key, self._stage, self.budget.name, self._reserved)
        self._desk.sent += 1
        await journal.saved()
        point("call:intended")

    def settle(self, outcome: Outcome, actual: Amount | None) -> None:
        """Charge what the attempt used; None (nobody knows) keeps what was reserved."""
        assert self._send is not None and self._reserved is not None
        point("call:settle")
        self._desk.journal.settle(self._send, outcome, actual)
        self.budget.settle(self._reserved, actual)
        self._desk.maybe_twice += actual is None
        self._desk.sent -= 1
        self._send = self._reserved = None

    def abandon(self) -> None:
        """Nobody waits any more: what has begun is unknown, what has not cost nothing."""
        if self._send is not None:
            self.settle("lost", None)
        elif self._reserved is not None:
            self.budget.settle(self._reserved, Amount())
            self._reserved = None


Work = Callable[[Books], Awaitable[tuple[str, Amount | None]]]
"""Does something and gives its result as text, with what it used (None if it kept the books)."""


class Desk:
    """What all work of a run shares: the journal, the tree of budgets, and counts."""

    def __init__(self, journal: Journal, limits: Limits | None = None):
        """`limits` are those of the whole run; roles have theirs inside (`role`)."""
        self.journal = journal
        self.budget = Budget("run", limits)
        self.budgets: dict[str, Budget] = {}
        self.counts: Counter[str] = Counter()
        """Works `answered` (done) and `cached` (found) in this session."""
        self.maybe_twice = 0
        """Attempts that may have been paid although nobody saw the result."""
        self.sent = 0
        """Attempts that have begun and not ended: what is being paid for now."""
        self._in_flight: dict[bytes, asyncio.Future[None] | None] = {}
        self._closing = False
        self._earlier = {line.role: [] for line in journal.spending()}
        for line in journal.spending():
            self._earlier[line.role].append(line)
            self.budget.restore(line.spent, line.kept)
            self.maybe_twice += line.maybe_twice
        self.budget.restore_clock(journal.earlier_s)

    def role(self, name: str, limits: Limits | None = None) -> Budget:
        """The budget of a role inside the run's, made at the first call."""
        if name not in self.budgets:
            budget = self.budgets[name] = self.budget.child(name, limits)
            for line in self._earlier.pop(name, ()):
                budget.restore_here(line.spent, line.kept)
            budget.restore_clock(self.journal.earlier_s)
        return self.budgets[name]

    def close(self) -> None:
        """Begin nothing from now on; what is in flight may still arrive."""
        self._closing = True

    def check_open(self) -> None:
        """Raises DeskClosedError once the desk is closed."""
        if self._closing:
            raise DeskClosedError("the run is stopping: nothing more is begun")

    @property
    def in_flight(self) -> int:
        """Works that have no result yet."""
        return len(self._in_flight)

    async def once(
        self,
        scope: str,
        key: bytes,
        role: str,
        reserve: Amount | None,
        work: Work,
        label: str = "",
    ) -> str:
        """The result of `work`: from the journal, or done and written down.

        Args:
            scope: "stage" or "stage/name": what can later be forgotten together.
            key: names the work and all that shapes its result; equal keys are done once.
            role: whose budget it draws on (see `role`).
            reserve: the most it can use; it is held, and the intent saved, before `work` begins.
                None: the work reserves, intends and settles its attempts itself, by the books
                that it is given.
            label: a few words for people who read the journal.

        Returns the text as written: without secrets.
        Raises BudgetExceededError, and what `work` raises. Then the reservation stays, since
        nobody knows what was used; NotDoneError says it.
        """
        while (found := self.journal.answer(key, scope)) is None and key in self._in_flight:
            # The same work is being done: its result is ours, but after its failure we try too.
            other = self._in_flight[key]
            if other is None:
                other = self._in_flight[key] = asyncio.get_running_loop().create_future()
            await asyncio.wait([other])
        if found is not None:
            self.counts["cached"] += 1
            return found
        self._in_flight[key] = None
        try:
            budget = self.budgets[role]
            books = Books(self, scope.partition("/")[0], budget, key)
            left_s = budget.remaining_s()
            if left_s is not None:
                body, used = await self._in_time(books, reserve, work, left_s)
            elif reserve is not None:
                body, used = await self._work(books, reserve, work)
            else:
                try:  # as in `_work`; calls to models pass here, and each layer has its price
                    body, used = await work(books)
                except BaseException:
                    books.abandon()
                    raise
            # No await between the books and the result: one commit has both.
            if reserve is not None:
                books.settle("answered", reserve if used is None else used)
            body = self.journal.store_answer(key, label, body, scope)
            self.counts["answered"] += 1
            point("call:stored")
            # Not awaited: whatever follows from the result is saved with it or after it, and
            # nothing is begun on the strength of it before its own intent is saved.
            self.journal.save_soon()
            return body
        finally:
            waiting = self._in_flight.pop(key)
            if waiting is not None:
                waiting.set_result(None)

    async def _work(
        self, books: Books, reserve: Amount | None, work: Work
    ) -> tuple[str, Amount | None]:
        try:
            if reserve is not None:
                await books.reserve(reserve)
                await books.intend()
            return await work(books)
        except NotDoneError as error:
            if reserve is not None:
                books.settle("refused", error.used)
            raise
        except BaseException:
            books.abandon()
            raise

    async def _in_time(
        self, books: Books, reserve: Amount | None, work: Work, left_s: float
    ) -> tuple[str, Amount | None]:
        limit = asyncio.timeout(max(left_s, 0.0))
        try:
            async with limit:
                return await self._work(books, reserve, work)
        except TimeoutError:
            if not limit.expired():
                raise
            await self.journal.saved()
            raise BudgetExceededError(
                f"budget {books.budget.timed().path!r}: the running time is over. "
                f"Raise wall_s and resume to go on."
            ) from None


def check_roles(role: str, known: Mapping[str, object]) -> None:
    """Raises ConfigError, naming the roles that there are, if `role` is none of them."""
    if role not in known:
        names = ", ".join(sorted(known)) or "none"
        raise ConfigError(f"there is no role {role!r}; the run's roles are: {names}.")
