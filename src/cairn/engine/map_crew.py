"""Who works on shards: a crew. This one is the run's own process, with its journal."""

from collections.abc import Callable
from typing import Protocol

from cairn.core.draws import DrawKey
from cairn.core.journal import Stage
from cairn.engine.map_hands import Hands, Job, Task
from cairn.engine.map_leases import take_over
from cairn.engine.map_state import Done
from cairn.lm.client import Clients, Desk


class Crew(Protocol):
    """Who works on shards. An async context around all of it."""

    @property
    def slots(self) -> int:
        """How many shards may be open at a time: what memory and journals are bounded by."""
        ...

    @property
    def items(self) -> int:
        """Outcomes of this session, those in open shards included."""
        ...

    @property
    def answered(self) -> int:
        """Answers of models in this session."""
        ...

    @property
    def in_flight(self) -> int:
        """Calls without an answer yet."""
        ...

    async def __aenter__(self) -> "Crew": ...

    async def __aexit__(self, *_: object) -> None: ...

    async def run(self, task: Task) -> Done:
        """Work on a shard until its part is in place.

        Raises BudgetExceededError where a limit leaves it unfinished, and what else stops the run.
        """
        ...

    def settle(self, task: Task) -> None:
        """In the turn of the shard's event: its answers are not needed any more, its books are."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Take no further item; what is in flight may arrive for some time."""
        ...


class Here:
    """The run's own process."""

    slots = 3
    """While the slowest items of two shards are waited for, there is a third."""

    def __init__(self, job: Job, stage: Stage, desk: Desk):
        self.job, self.stage, self.desk = job, stage, desk
        self.hands = Hands(job)

    @property
    def items(self) -> int:
        """Outcomes of this session."""
        return self.hands.items

    @property
    def answered(self) -> int:
        """Answers of models in this session."""
        return self.desk.counts["answered"]

    @property
    def in_flight(self) -> int:
        """Calls without an answer yet."""
        return self.desk.in_flight

    async def __aenter__(self) -> "Here":
        await take_over(self.stage, self.desk)
        await self.hands.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hands.__aexit__()

    async def run(self, task: Task) -> Done:
        """Work on a shard with the run's desk."""
        return await self.hands.work(task, clients(self.desk, self.job, task))

    def settle(self, task: Task) -> None:
        """Forget the shard's answers."""
        self.stage.journal.forget(self.job.scope(task))

    async def stop(self, grace_s: float) -> None:
        """Send nothing more, and wait for what is in flight."""
        self.desk.close()
        await self.hands.stop(grace_s)


def clients(desk: Desk, job: Job, task: Task) -> Callable[[str, DrawKey], Clients]:
    """The models as the items of a shard see them."""
    scope = job.scope(task)
    return lambda label, key: desk.clients(label, stage=job.stage, scope=scope, key=key)
