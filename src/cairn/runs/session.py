"""One process's work on a run of language models: its cast, its signals, and the books."""

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from cairn.core.budget import Amount
from cairn.core.journal import Spending
from cairn.lm.cast import Player, company
from cairn.lm.client import Role

R = TypeVar("R")


@dataclass(frozen=True)
class Line:
    """A line of the ledger: one role's calls in all stages together."""

    role: str
    spent: Amount
    """Settled."""
    kept: Amount
    """Reserved for calls whose outcome nobody knows; it stays within the limits."""
    maybe_twice: int
    """Sends possibly paid twice: in flight at a kill, or their reply was lost."""


Work = Callable[[Mapping[str, Role]], Awaitable[R]]
"""What a session does with its cast."""


def conduct(players: Mapping[str, Player], work: Work[R]) -> R:
    """What `work` makes of the cast, in a loop of its own; connections are closed at its end.

    Ctrl-C and SIGTERM cancel the work, once for each: it stops at the first, lets what is in
    flight arrive, and ends at once at the second. Then KeyboardInterrupt is raised. Where a loop
    runs already, as in a notebook, the work goes on in a thread beside it.
    """
    cancels: list[Callable[[], object]] = []
    """How another thread cancels the work, once it has begun."""

    async def main() -> R:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        cancels.append(lambda: loop.call_soon_threadsafe(task.cancel))
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, task.cancel)
        async with company(players) as roles:
            return await work(roles)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _run(main)
    with ThreadPoolExecutor(1) as beside:
        running = beside.submit(_run, main)
        while True:
            try:
                return running.result()
            except KeyboardInterrupt:
                if running.done():
                    raise
                for cancel in cancels:
                    cancel()


def _run(main: Callable[[], Coroutine[Any, Any, R]]) -> R:
    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def ledger(spending: Iterable[Spending]) -> tuple[Line, ...]:
    """The books of several journals, by role."""
    lines: dict[str, Line] = {}
    for entry in spending:
        role = entry.role
        line = lines.get(role, Line(role, Amount(), Amount(), 0))
        lines[role] = Line(
            role,
            line.spent.plus(entry.spent),
            line.kept.plus(entry.kept),
            line.maybe_twice + entry.maybe_twice,
        )
    return tuple(line for _, line in sorted(lines.items()))


def total(amounts: Iterable[Amount]) -> Amount:
    """The sum."""
    added = Amount()
    for amount in amounts:
        added = added.plus(amount)
    return added
