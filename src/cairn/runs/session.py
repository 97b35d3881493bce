"""One process's work on a run of language models: its cast, its signals, and the books."""

import asyncio
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from cairn.core import journal_retie
from cairn.core.budget import Amount
from cairn.core.errors import RunError
from cairn.core.journal import Journal, Spending
from cairn.core.journal_files import within
from cairn.lm.cast import Player, company, redactor
from cairn.lm.client import Desk, Role, rejected
from cairn.lm.spend import Spend
from cairn.runs.directory import JOURNAL

R = TypeVar("R")


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

    if not _in_loop():
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


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run(main: Callable[[], Coroutine[Any, Any, R]]) -> R:
    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@contextmanager
def said_how_to_go_on(path: Path) -> Iterator[None]:
    """Say on stderr, after Ctrl-C, how a script goes on with the run in `path`."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"stopped; call again with run={str(path)!r} to go on.", file=sys.stderr)
        raise


@contextmanager
def desk_of(
    path: Path,
    roles: Mapping[str, Role],
    *,
    tied: Mapping[str, Any],
    spend: Spend,
    seed: int,
    free: tuple[str, ...] = (),
) -> Iterator[Desk]:
    """The desk of all stages of the run in `path`, on its journal, which is `desk.journal`.

    The journal is tied to `tied`, in which fields in `free` may differ, holds no key of `roles`,
    and is closed at the end. Raises RunError for one that is damaged or of another config.
    """
    with Journal(path / JOURNAL, config=tied, free=free, redact=redactor(roles)) as journal:
        yield Desk(journal, roles, limits=spend.limits(), seed=seed)


def say(path: str | Path, counts: str, spent: Amount, stopped: str) -> None:
    """What a run came to, in a line on stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"{path}: {counts}, {spent.calls:,} calls, {spent.tokens:,} tokens, "
        f"{spent.micros / 1e6:.4f} in money; {stopped}",
        markup=False,
    )


def ledger(spending: Iterable[Spending]) -> tuple[Spending, ...]:
    """The books by role, all stages together."""
    lines: dict[str, Spending] = {}
    for entry in spending:
        line = lines.get(entry.role, Spending("", entry.role, Amount(), Amount(), 0))
        lines[entry.role] = line._replace(
            spent=line.spent.plus(entry.spent),
            kept=line.kept.plus(entry.kept),
            maybe_twice=line.maybe_twice + entry.maybe_twice,
        )
    return tuple(line for _, line in sorted(lines.items()))


def follow(
    path: Path,
    config: Mapping[str, Any],
    *,
    roles: Iterable[str],
    free: tuple[str, ...],
    redact: Callable[[str], str],
    order: str,
) -> str:
    """Let the journal at `path` follow the correction of a model that it has no answer of.

    Its trials are made anew, from the answers that are there. `config` is what the journal is to
    be tied to from now on, with the roles' models under `models`; fields in `free` may differ
    anyway. Returns a line about what was done; "" where nothing was, and the journal itself says
    what differs when it is opened. Raises RunError where something else was changed too.
    """
    fields, answered = journal_retie.changes(path, config, redact=redact)
    fields = [field for field in fields if not within(field, free)]
    silent = tuple(f"models.{role}" for role in roles if role not in answered)
    # In order of arrival trials would come in another order.
    may = () if order == "arrival" else silent
    allowed = [field for field in fields if within(field, may)]
    if not allowed:
        return ""
    if allowed != fields:
        raise RunError(
            f"{path} may follow a change of {', '.join(allowed)}, but "
            f"{', '.join(field for field in fields if field not in allowed)} decided what it "
            f"holds: change that back in {path.with_name('config.json')}."
        )
    journal_retie.retie(path, config, redact=redact)
    return (
        f"{path.name} follows the changed config ({', '.join(fields)}): its trials are made anew "
        f"from the answers that are there; only the changed model is asked again."
    )


def drop_failures(
    path: Path,
    config: Mapping[str, Any],
    *,
    scopes: Iterable[str],
    free: tuple[str, ...],
    redact: Callable[[str], str],
    order: str,
) -> str:
    """Forget rejections of the answers in `scopes`, then what was made of all answers.

    The trials are made anew when the journal at `path` is gone on with. Returns a line about it.
    Raises RunError in order of arrival.
    """
    if order == "arrival":
        raise RunError(
            "--retry-failed makes the trials anew from their answers, which cannot be done in "
            "order of arrival: begin another run."
        )
    with Journal(path, config=config, free=free, redact=redact) as journal:
        for scope in scopes:
            journal.forget(rejected(scope))
    journal_retie.retie(path, config, redact=redact)
    return (
        "Trials are made anew from the answers that are there, without the rejections: what "
        "failed is asked again, and with it what comes to be asked otherwise after it."
    )
