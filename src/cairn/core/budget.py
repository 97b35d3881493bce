"""Budgets that are reserved before a call is sent and settled after it, nested to any depth.

    spent + kept + held + new <= limit      for a budget and for all of its parents

`spent` is what settled calls really used, `held` is reserved by calls in flight, and `kept` are
the reservations of calls whose outcome nobody knows (the reply was lost on the wire, the process
was killed): they may have been paid, so they stay. A limit is therefore never overshot as long
as a reservation is an upper bound. Integers throughout; money in micro-units of the currency.
"""

import asyncio
import operator
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cairn.core.errors import CairnError, ConfigError

_new = tuple.__new__
"""Without the check of `Amount._make`: a sum has as many parts as its summands."""


class BudgetExceededError(CairnError):
    """The next call does not fit into a limit; everything up to it is kept."""


class Amount(NamedTuple):
    """What calls use: never negative, except as a difference."""

    calls: int = 0
    """Requests sent."""
    tokens: int = 0
    """Prompt and answer tokens together."""
    micros: int = 0
    """Money, in millionths of the currency unit."""
    cpu_ms: int = 0
    """Processor time of programs."""
    wall_ms: int = 0
    """Time that programs ran, summed over them."""
    memory_mb: int = 0
    """Memory of programs: held while they run, and given back."""

    def plus(self, other: "Amount") -> "Amount":
        """Sum, part by part."""
        return _new(Amount, map(operator.add, self, other))

    def minus(self, other: "Amount") -> "Amount":
        """Difference, part by part."""
        return _new(Amount, map(operator.sub, self, other))

    def lasting(self) -> "Amount":
        """Without what is given back in the end, whatever the outcome: the memory."""
        return self._replace(memory_mb=0) if self.memory_mb else self


@dataclass(frozen=True)
class Limits:
    """Upper limits; None means no limit."""

    calls: int | None = None
    """Requests sent, retries included."""
    tokens: int | None = None
    """Prompt and answer tokens together."""
    micros: int | None = None
    """Money, in millionths of the price table's currency unit."""
    wall_s: float | None = None
    """Seconds of running time, summed over resumes."""
    cpu_ms: int | None = None
    """Processor time of programs."""
    wall_ms: int | None = None
    """Time that programs run, summed over them."""
    memory_mb: int | None = None
    """Memory of the programs that run at a time."""

    def __post_init__(self):
        for name in (*Amount._fields, "wall_s"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ConfigError(f"Limits.{name} must be at least 0 or None, got {value}")


class Budget:
    """One node of the tree of budgets; a call is charged to a node and to all of its parents."""

    def __init__(
        self,
        name: str,
        limits: Limits | None = None,
        *,
        parent: "Budget | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.name = name
        self.limits = limits or Limits()
        self.parent = parent
        self.path: str = name if parent is None else f"{parent.path}/{name}"
        self._nodes: tuple[Budget, ...] = (self,) if parent is None else (self, *parent._nodes)
        """This budget and all of its parents, from the inside out."""
        self.spent, self.kept, self.held = Amount(), Amount(), Amount()
        self._clock = clock
        self._started = clock()
        self._earlier_s = 0.0
        self._changed: asyncio.Event | None = None
        own = any(limit is not None for limit in vars(self.limits).values())
        self._bounded: bool = own or (parent is not None and parent._bounded)
        """Whether there is any limit here or above."""
        self._limited = tuple(
            (place, part, limit)
            for place, part in enumerate(Amount._fields)
            if (limit := getattr(self.limits, part)) is not None
        )

    def __repr__(self) -> str:
        return f"Budget({self.path!r}, spent={self.spent}, kept={self.kept}, held={self.held})"

    def child(self, name: str, limits: Limits | None = None) -> "Budget":
        """A budget inside this one."""
        return Budget(name, limits, parent=self, clock=self._clock)

    def restore(self, spent: Amount, kept: Amount) -> None:
        """Take over what earlier sessions of the run spent, here and in all parents."""
        for node in self._nodes:
            node.restore_here(spent, kept)

    def restore_here(self, spent: Amount, kept: Amount) -> None:
        """The same here alone, where the parents know already."""
        self.spent, self.kept = self.spent.plus(spent), self.kept.plus(kept)

    def restore_clock(self, earlier_s: float) -> None:
        """Take over the running time of earlier sessions, here alone."""
        self._earlier_s = earlier_s

    def elapsed_s(self) -> float:
        """Running time so far, earlier sessions included."""
        return self._earlier_s + self._clock() - self._started

    def remaining_s(self) -> float | None:
        """Seconds until the first wall-time limit here or above; None without one."""
        if not self._bounded:
            return None
        least = None
        for node in self._nodes:
            if node.limits.wall_s is not None:
                left = node.limits.wall_s - node.elapsed_s()
                least = left if least is None else min(least, left)
        return least

    async def reserve(self, amount: Amount) -> None:
        """Hold `amount` here and in all parents, if there is a limit in any of them, waiting for
        calls in flight where they may settle for less than they hold.

        Raises BudgetExceededError as soon as no settlement can make room.
        """
        if not self._bounded:
            return  # what nobody limits is counted once it is spent
        while (verdict := self._fits(amount)) != "yes":
            if isinstance(verdict, BudgetExceededError):
                raise verdict
            root = self._nodes[-1]
            root._changed = root._changed or asyncio.Event()
            await root._changed.wait()
        for node in self._nodes:
            node.held = node.held.plus(amount)

    def settle(self, reserved: Amount, actual: Amount | None) -> None:
        """Replace a reservation by what was used; None (nobody knows) keeps all of it."""
        used = (reserved if actual is None else actual).lasting()
        for node in self._nodes:
            if actual is None:
                node.kept = node.kept.plus(used)
            else:
                node.spent = node.spent.plus(used)
        self._let_go(reserved)

    def _let_go(self, amount: Amount) -> None:
        """Hold this no longer, and let those look again who wait for room."""
        if not self._bounded:
            return
        for node in self._nodes:
            node.held = node.held.minus(amount)
        root = self._nodes[-1]
        if root._changed is not None:
            root._changed.set()
            root._changed = None

    def timed(self) -> "Budget":
        """Whose limit of running time, here or above, is reached first; this one without any."""
        limited = [
            (limit - node.elapsed_s(), node)
            for node in self._nodes
            if (limit := node.limits.wall_s) is not None
        ]
        return min(limited, key=lambda pair: pair[0])[1] if limited else self

    def left(self) -> Limits:
        """What is neither spent, kept nor held, here and in all parents; None without a limit."""
        left: dict[str, int] = {}
        for node in self._nodes:
            for place, part, limit in node._limited:
                room = max(limit - node.spent[place] - node.kept[place] - node.held[place], 0)
                left[part] = min(left.get(part, room), room)
        wall_s = self.remaining_s()
        return Limits(**left, wall_s=None if wall_s is None else max(wall_s, 0.0))

    async def lease(self, amount: Amount) -> "Lease":
        """Hold `amount` for another process, which spends it on its own (`Lease.limits`).

        Waits and raises as `reserve` does.
        """
        await self.reserve(amount)
        return Lease(self, amount)

    def _fits(self, amount: Amount) -> Literal["yes", "wait"] | BudgetExceededError:
        answer: Literal["yes", "wait"] = "yes"
        for node in self._nodes:
            wall_s = node.limits.wall_s
            if wall_s is not None and node.elapsed_s() >= wall_s:
                return BudgetExceededError(
                    f"budget {node.path!r}: {wall_s:g} s of running time are over. "
                    f"Raise wall_s and resume to go on."
                )
            for place, part, limit in node._limited:
                settled = node.spent[place] + node.kept[place]
                if settled + amount[place] > limit:
                    return BudgetExceededError(
                        f"budget {node.path!r}: the next call may use {amount[place]} {part}, but "
                        f"{limit - settled} of {limit} are left. Raise the limit and resume to go "
                        f"on."
                    )
                if settled + amount[place] + node.held[place] > limit:
                    answer = "wait"
        return answer


@dataclass(frozen=True)
class Lease:
    """A part of a budget that another process spends, until it is given back."""

    budget: Budget
    amount: Amount

    @property
    def limits(self) -> Limits:
        """The limits of the other process's own budget: of what is limited here, the lease."""
        left = self.budget.left()
        parts = {
            part: getattr(self.amount, part)
            for part in Amount._fields
            if getattr(left, part) is not None
        }
        return Limits(**parts, wall_s=left.wall_s)

    def give_back(self, spent: Amount, kept: Amount) -> None:
        """End the lease with what was used of it; call it once."""
        self.budget.restore(spent.lasting(), kept.lasting())
        self.budget._let_go(self.amount)


def total(amounts: Iterable[Amount]) -> Amount:
    """The sum."""
    added = Amount()
    for amount in amounts:
        added = added.plus(amount)
    return added
