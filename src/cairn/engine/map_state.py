"""What the events of a map add up to, and what it is told to count.

Five kinds of event: `source` (what is to be worked on), `shard` (a shard is finished, and its part
in place), `retry` (rejected or failed items are to be tried once more), `sealed` (the sink is
written beside its place) and `joined` (it has its name).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol, runtime_checkable

from cairn.core.errors import ConfigError, RunError
from cairn.core.journal import Stage, canonical
from cairn.engine.map_items import Kind, Outcome, Part
from cairn.engine.map_shards import Survey


@runtime_checkable
class Fold(Protocol):
    """What a map counts: a commutative monoid, so that neither shards nor their order matter.

    Values are JSON. For all a, b, c: merge(a, merge(b, c)) = merge(merge(a, b), c),
    merge(a, b) = merge(b, a), and merge(a, zero()) = a. Floating-point sums are none.
    """

    def zero(self) -> Any:
        """Of no outcomes."""
        ...

    def of(self, outcome: Outcome) -> Any:
        """Of one outcome."""
        ...

    def merge(self, a: Any, b: Any) -> Any:
        """Of the outcomes of both."""
        ...


@dataclass(frozen=True)
class Counts:
    """A funnel: integers by name, summed. `function` says what one outcome adds to which."""

    function: Callable[[Outcome], Mapping[str, int]]

    def zero(self) -> dict[str, int]:
        """Nothing counted."""
        return {}

    def of(self, outcome: Outcome) -> dict[str, int]:
        """What one outcome adds.

        Raises ConfigError for what is no integer: sums of floats depend on their order.
        """
        counts = dict(self.function(outcome))
        for name, value in counts.items():
            if not isinstance(value, int):
                raise ConfigError(
                    f"a fold counts with integers, got {name}={value!r}; for other sums give a "
                    f"Fold of your own."
                )
        return counts

    def merge(self, a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
        """The sums."""
        return {name: a.get(name, 0) + b.get(name, 0) for name in sorted({*a, *b})}


def as_fold(fold: "Fold | Callable[[Outcome], Mapping[str, int]] | None") -> Fold | None:
    """A function becomes a funnel."""
    return fold if fold is None or isinstance(fold, Fold) else Counts(fold)


class Done(NamedTuple):
    """A finished shard, as its event has it."""

    part: Part
    round: int
    """0, or the number of the retry that wrote this part."""
    done: int
    rejected: int
    failed: int
    fold: Any

    @property
    def items(self) -> int:
        """How many outcomes the part holds."""
        return self.done + self.rejected + self.failed

    def body(self) -> str:
        """The event's."""
        return canonical(self._asdict() | {"part": self.part._asdict()})

    @staticmethod
    def read(body: str) -> "Done":
        """From the event."""
        fields = json.loads(body)
        return Done(**fields | {"part": Part(**fields["part"])})


@dataclass
class MapState:
    """The state of a map."""

    tied: dict = field(default_factory=dict)
    survey: Survey | None = None
    shard_size: int = 0
    round: int = 0
    kinds: tuple[Kind, ...] = ()
    """What the current round tries once more; in round 0 everything is tried."""
    shards: dict[int, Done] = field(default_factory=dict)
    """By index; the newest where a shard was tried more than once."""
    sealed: dict[str, str] | None = None
    """Digests of what was written beside its place, by what it is to be called."""
    written: dict[str, str] = field(default_factory=dict)
    """Digests of what this run gave a name, by that name."""
    joined: bool = False
    _folded: tuple[int, Any] | None = None
    """How many shards are in the fold below, in the order in which they came."""

    def apply(self, kind: str, trial: int, body: str) -> None:
        """Take in one event."""
        if kind == "shard":
            if trial in self.shards:
                self._folded = None
            self.shards[trial] = Done.read(body)
            return
        record = json.loads(body) if body else {}
        if kind == "source":
            self.tied, self.shard_size = record["tied"], record["shard"]
            self.survey = Survey(record["items"], tuple(record["digests"]))
        elif kind == "retry":
            self.round, self.kinds = trial, tuple(record["kinds"])
            self.sealed, self.joined = None, False
        elif kind == "sealed":
            self.sealed = record
        elif kind == "joined":
            self.written |= self.sealed or {}
            self.joined = True
        else:
            raise RunError(f"a map's stage has an event {kind!r}: another program wrote it.")

    def open(self, index: int) -> bool:
        """Whether a shard is still to be worked on in this round."""
        done = self.shards.get(index)
        if done is None:
            return True
        return done.round < self.round and self.count(self.kinds, [done]) > 0

    def count(self, kinds: tuple[Kind, ...], among: list[Done] | None = None) -> int:
        """How many outcomes are of some kinds."""
        dones = self.shards.values() if among is None else among
        return sum(getattr(done, kind) for done in dones for kind in kinds)

    @property
    def items(self) -> int:
        """Items whose outcome is in a part."""
        return sum(done.items for done in self.shards.values())

    def folded(self, fold: Fold | None) -> Any:
        """The fold over all outcomes so far."""
        if fold is None:
            return None
        merged, total = self._folded or (0, fold.zero())
        for done in islice(self.shards.values(), merged, None):
            total = fold.merge(total, done.fold)
        self._folded = len(self.shards), total
        return total


def restore(stage: Stage) -> MapState:
    """The state of a map, from its stage."""
    state = MapState()
    for event in stage.events():
        state.apply(event.kind, event.trial, event.body)
    return state
