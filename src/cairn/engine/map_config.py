"""How a map is driven, and what it comes to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core.errors import ConfigError, RunError
from cairn.engine.map_items import Kind, Outcome, unpacked
from cairn.engine.map_progress import MapProgress
from cairn.engine.map_state import Done


@dataclass(frozen=True)
class MapConfig:
    """How a map is driven. Only `seed` and `version` move results, and are tied to the stage."""

    seed: int = 0
    """Root of all draws."""
    version: str = ""
    """Of the work: change it when the work does something else than before."""
    workers: int = 64
    """Items worked on at a time, in each process."""
    processes: int = 1
    """1: the run's own. More: so many beside it, each with journals of its own."""
    shard: int = 1000
    """Items in a shard; a run keeps to what it began with. Answers are kept until their shard is
    finished, and a shard waits for its slowest item."""
    retry_rejected: bool = False
    """Try rejected items once more, with other draws."""
    retry_failed: bool = False
    """Try items once more for which a model brought no answer, or none that could be read."""
    item_timeout_s: float | None = None
    """An item that takes longer has failed; waiting for slots counts."""
    private: bool = False
    """Keep answers in a store of their own, from which they are gone, and not only deleted, when
    their shard is finished; in processes a shard's journal is a file that goes as a whole."""
    grace_s: float = 60.0
    """How long what is in flight may still arrive after the run was stopped."""
    report_every_s: float = 0.5
    """How often progress is reported."""

    def __post_init__(self):
        for name in ("workers", "processes", "shard", "item_timeout_s", "report_every_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"MapConfig.{name} must be above 0, got {value}")

    def tied(self) -> dict:
        """The part that decides the results."""
        return {"seed": self.seed, "version": self.version}

    @property
    def retried(self) -> tuple[Kind, ...]:
        """What is to be tried once more."""
        wanted: dict[Kind, bool] = {"rejected": self.retry_rejected, "failed": self.retry_failed}
        return tuple(kind for kind, wished in wanted.items() if wished)


class MapResult(NamedTuple):
    """What a map came to."""

    items: int
    """Items of the source."""
    done: int
    rejected: int
    failed: int
    counts: Any
    """The fold over all outcomes; None without one."""
    stopped: str
    """"finished", or the limit that ended it."""
    sink: str | None
    """Where the results are."""
    rejects: str | None
    """Where rejected and failed items are listed; None if there are none, or without a sink."""
    progress: MapProgress
    folder: Path
    shards: Mapping[int, Done]
    written: tuple[str, ...] = ()
    """What this run and its earlier sessions gave a name."""

    def outcomes(self) -> Iterator[Outcome]:
        """All outcomes in the source's order, from the parts.

        Raises RunError once the parts are gone: they are kept without a sink, and with one as long
        as there is something to try once more.
        """
        parts = (self.folder / done.part.name for done in self.shards.values())
        if self.written and not all(part.exists() for part in parts):
            raise RunError(
                f"the outcomes are in {' and '.join(self.written)}: once they were written there, "
                f"the run kept no copy."
            )
        for _, done in sorted(self.shards.items()):
            yield from map(unpacked, done.part.lines(self.folder))
