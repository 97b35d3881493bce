"""Map over a short list in memory: its outcomes are the state, and its answers stay on file.

Like `map_stage`, items do not know of each other, and draws and answers are keyed by item id. There
are no shards and no parts: each outcome is an event of the stage. So this is for lists whose
outcomes fit in memory and are wanted at once, an audit's, say.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cairn.core.draws import DrawKey
from cairn.core.errors import RunError
from cairn.core.journal import Stage
from cairn.engine.journal_fold import restore
from cairn.engine.journal_policy import Failed
from cairn.engine.journal_progress import Progress
from cairn.engine.journaled import Config, run
from cairn.engine.map_items import DuplicateIdError, Item, Kind, Outcome, Reject
from cairn.lm.client import Clients, Desk

Work = Callable[[Item, Clients, DrawKey], Awaitable[Any]]
State = tuple[tuple[int, str, Kind, Any], ...]
"""Place in the list, id, kind and value of each outcome, as they came."""
REJECT = "Reject: "
NO_TRIALS = Config(trials=0)


class Listed(NamedTuple):
    """What a map over a list came to."""

    outcomes: tuple[Outcome | None, ...]
    """By item; None where there is none yet."""
    stopped: str
    """"finished", or the limit that ended it."""
    progress: Progress | None
    """None where it was only read back."""


async def map_list(
    stage: Stage,
    desk: Desk,
    items: Sequence[Item],
    work: Work,
    *,
    config: Config = NO_TRIALS,
    answers: str | None = None,
    describe: Callable[[Sequence[Outcome]], str] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Listed:
    """Work on all items, from where the stage stands to the end or a limit.

    Args:
        stage: of the run's journal; the same items each time it is opened.
        items: each with an id of its own.
        desk: the run's models and budget.
        work: as for `map_stage`: `await work(item, clients, key)` is a JSON value, or it raises
            Reject.
        config: seed, workers and time-outs; trials, lag and order are the list's.
        answers: name under which answers are kept; None: the stage's. Stages that share one share
            the answers to equal calls for items of the same id.
        describe: a few words for the live line, from the outcomes so far.

    Raises DuplicateIdError, RunError for another list than before, what the work raises, and what
    stops its models.
    """
    listing = Listing(
        items, work, config.seed, stage.name if answers is None else answers, describe
    )
    count = max(len(items), 1)
    driven = replace(config, trials=len(items), lag=count, workers=config.at_once, order="arrival")
    result = await run(listing, stage, config=driven, desk=desk, on_progress=on_progress)
    stopped = "finished" if result.stopped == "done" else result.stopped
    return Listed(listing.outcomes(result.state), stopped, result.progress)


def read_list(stage: Stage, items: Sequence[Item]) -> Listed:
    """What the stage holds of a map over these items. Makes no call and writes nothing."""

    async def never(item: Item, clients: Clients, key: DrawKey) -> Any:
        raise AssertionError("nothing is evaluated while reading")

    listing = Listing(items, never)
    found = listing.outcomes(restore(listing, stage).state)
    return Listed(found, "unfinished" if None in found else "finished", None)


class Listing:
    """The list as a policy, whose trial k is item k: to be driven, or priced by a dry run."""

    def __init__(
        self,
        items: Sequence[Item],
        work: Work,
        seed: int = 0,
        answers: str = "",
        describe: Callable[[Sequence[Outcome]], str] | None = None,
    ):
        self.items, self.work, self.answers = items, work, answers
        self.root = DrawKey.root(seed).child("map", self.answers)
        self.told = describe or (lambda outcomes: "")
        ids = [item.id for item in items]
        if len(set(ids)) < len(ids):
            twice = next(name for name in ids if ids.count(name) > 1)
            raise DuplicateIdError(f"the item id {twice!r} occurs twice; each needs its own.")

    def outcomes(self, state: State) -> tuple[Outcome | None, ...]:
        """By item. Raises RunError if the list was another one."""
        found: list[Outcome | None] = [None] * len(self.items)
        for place, name, kind, value in state:
            if place >= len(found) or self.items[place].id != name:
                raise RunError(
                    f"the list changed since this map was begun: item {place} was {name!r}. "
                    f"Choose another stage or another run directory."
                )
            found[place] = Outcome(name, kind, value)
        return tuple(found)

    def init(self) -> State:
        """No outcome."""
        return ()

    def ask(self, state: State, trial_id: int, key: DrawKey, pending: Sequence[Any]) -> Any:
        """The next item; null past the last."""
        if trial_id >= len(self.items):
            return None
        item = self.items[trial_id]
        return {"place": trial_id, "id": item.id, "value": item.value}

    async def evaluate(self, trial: Any, clients: Clients) -> Any:
        """Work on an item, whose calls are named by its id."""
        key = self.root.child(trial["id"])
        own = clients.desk.clients(trial["id"], stage=self.answers, key=key)
        own.tally = clients.tally
        try:
            return await self.work(Item(trial["id"], trial["value"]), own, key)
        except Reject as error:
            # Journaled by the name of its class alone, in which a subclass must be known again.
            raise type(f"{REJECT}{type(error).__name__}", (Reject,), {})(str(error)) from error

    def tell(self, state: State, trial: Any, outcome: Any) -> State:
        """The outcome noted."""
        kind: Kind = "done"
        if isinstance(outcome, Failed):
            kind = "rejected" if outcome.error.partition(":")[0] == "Reject" else "failed"
            name = outcome.error.removeprefix(REJECT).lstrip("_")
            outcome = {"error": name, "message": outcome.message}
        return (*state, (trial["place"], trial["id"], kind, outcome))

    def describe(self, state: State) -> str:
        """The caller's words."""
        return self.told([Outcome(name, kind, value) for _, name, kind, value in state])

    def done(self, state: State) -> bool:
        """When every item has an outcome."""
        return len(state) >= len(self.items)

    def dump(self, state: State) -> bytes:
        """As JSON, by place: the order of arrival is nobody's business."""
        return json.dumps(sorted(state, key=lambda row: row[0]), ensure_ascii=False).encode()

    def load(self, body: bytes) -> State:
        """The state that was dumped."""
        return tuple((place, name, kind, value) for place, name, kind, value in json.loads(body))
