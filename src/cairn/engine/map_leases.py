"""What workers in other processes may spend: leases of the roles' budgets, shard by shard."""

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from cairn.core import shards
from cairn.core.budget import Amount, BudgetExceededError, Lease, Limits, total
from cairn.core.errors import RunError
from cairn.core.journal import Journal, Spending, Stage
from cairn.lm.client import Desk

RUN = ""
"""Among the limits of a shard: those of the whole run, which roles without a lease come under."""
ALONE = "/"
"""The same: what is left of the run's limits, for a shard that has them to itself."""
MODELS = ("calls", "tokens", "micros")
"""What roles of models use; of programs' time and memory they hold nothing."""
ORPHAN_S = 10.0
"""How long the workers of a killed driver may take to notice that it is gone."""


class Leases:
    """The leases of a crew, and the books of shards that are not finished."""

    def __init__(self, stage: Stage, desk: Desk):
        self.stage, self.desk = stage, desk
        self.books: dict[int, list[Spending]] = {}
        """By number of the shard's journal: what the driver's budgets know of it."""
        self._turn = asyncio.Lock()
        self._out = 0
        self._none_out = asyncio.Event()
        self._none_out.set()

    async def open(self) -> None:
        """Charge the budgets with what an earlier session spent on shards that it left."""
        left = shards.left(self.stage.journal.path, self.stage.name)
        for number, path in left.items():
            await _until_free(path)
            try:
                with Journal.read(path) as journal:
                    lines = journal.spending()
            except RunError:
                # Killed as it was made, or damaged: who opens it next mends it and tells its books.
                continue
            self.books[number] = lines
            charge(self.desk, lines)

    @asynccontextmanager
    async def lease(self, number: int, share: float) -> AsyncIterator["ShardLease"]:
        """Leases for a shard: of this share of what is left of every role's budget.

        With a share of 1 it waits until no other shard has a lease, and none gets one meanwhile.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._turn)
            if share >= 1:
                await self._none_out.wait()
            lease = ShardLease(self.books.get(number, []), self.desk.budget.limits)
            for name, budget in self.desk.budgets.items():
                left = budget.left()
                if share >= 1:
                    # Nobody else spends meanwhile: nothing is held, and the shard's own desk keeps
                    # the roles within what is left of the run, whoever of them needs it.
                    lease.alone = self.desk.budget.left()
                    lease.rooms[name] = left
                    lease.roles[name] = await budget.lease(Amount())
                    continue
                fields = MODELS if name in self.desk.roles else Amount._fields
                parts = {part: getattr(left, part) for part in fields}
                amount = {part: int(n * share) for part, n in parts.items() if n is not None}
                lease.roles[name] = await budget.lease(Amount(**amount))
            if share < 1:
                await stack.aclose()
            self._out += 1
            self._none_out.clear()
            try:
                yield lease
            finally:
                self._give_back(number, lease)

    def _give_back(self, number: int, lease: "ShardLease") -> None:
        growth = shards.grown(lease.before, lease.after)
        for name, part in lease.roles.items():
            part.give_back(*growth.pop(name, (Amount(), Amount())))
        for name, used in growth.items():  # of roles that the work itself made, for programs
            self.desk.role(name).restore(*used)
        self.desk.maybe_twice += _maybe_twice(lease.after) - _maybe_twice(lease.before)
        self.books[number] = lease.after
        self._out -= 1
        if not self._out:
            self._none_out.set()

    def used_up(self) -> BudgetExceededError:
        """The error for limits that leave no room for a call."""
        uses = []
        for budget in (self.desk.budget, *self.desk.budgets.values()):
            used = budget.spent.plus(budget.kept)
            uses += [
                f"{budget.path}: {getattr(used, part):,} of {limit:,} {part}"
                for part in Amount._fields
                if (limit := getattr(budget.limits, part)) is not None
            ]
        return BudgetExceededError(
            f"the limits leave no room for the next call ({'; '.join(uses)}). "
            f"Raise the limit and resume to go on."
        )


class ShardLease:
    """What a shard may spend."""

    def __init__(self, before: list[Spending], run: Limits):
        self.run = run
        self.alone: Limits | None = None
        """What is left of the run, if no other shard has a lease."""
        self.roles: dict[str, Lease] = {}
        self.rooms: dict[str, Limits] = {}
        """What is left of the roles, if no other shard has a lease."""
        self.before = self.after = before
        """The books of the shard's journal, and the newest that its worker has told."""

    def limits(self) -> dict[str, Limits]:
        """Those of a desk over the shard's journal, which counts what it holds already."""
        limits = {RUN: self.run}
        if self.alone is not None:
            limits[ALONE] = _beyond(self.alone, self.before)
        for name, lease in self.roles.items():
            lines = [line for line in self.before if line.role == name]
            limits[name] = _beyond(self.rooms.get(name, lease.limits), lines)
        return limits


def _beyond(left: Limits, lines: list[Spending]) -> Limits:
    """`left`, and what these lines have used."""
    used = total(amount for line in lines for amount in (line.spent, line.kept))
    parts = {part: getattr(left, part) for part in Amount._fields}
    return Limits(**{part: getattr(used, part) + n for part, n in parts.items() if n is not None})


def charge(desk: Desk, lines: list[Spending]) -> None:
    """Let the budgets know of what an earlier session spent."""
    for line in lines:
        desk.role(line.role).restore(line.spent, line.kept)
        desk.maybe_twice += line.maybe_twice


async def take_over(stage: Stage, desk: Desk) -> None:
    """Bring what workers of an earlier session left, answers and books, into the run's journal.

    For a crew without journals of its own: what was paid for in one is not paid for again.
    """
    journal = stage.journal
    for number, path in shards.left(journal.path, stage.name).items():
        await _until_free(path)
        try:
            with Journal.read(path) as shard:
                answers = list(shard.answers())
        except RunError:
            continue  # killed as it was made, or damaged: kept for a crew that mends it
        for key, scope, label, body in answers:
            journal.store_answer(key, label, body, scope)
        charge(desk, journal.take(stage.name, number))
        journal.commit()


def _maybe_twice(lines: list[Spending]) -> int:
    return sum(line.maybe_twice for line in lines)


async def _until_free(path: Path) -> None:
    """Wait until no process has a shard's journal open."""
    with path.with_name(f"{path.name}.lock").open("a") as file:
        for _ in range(int(ORPHAN_S / 0.05)):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(0.05)
            else:
                return
    raise RunError(
        f"{path} is in use by a worker of an earlier session: stop that process, and go on."
    )
