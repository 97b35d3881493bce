"""Map: a source, work on each of its items, a sink. Any number of items; bounded by open shards.

    item -> await work(item, clients, key) -> JSON      or `raise Reject(reason)`

Items do not know of each other: the draws and answers of an item are keyed by (seed, stage, item
id), so the results depend neither on the order nor on how items are cut into shards, on how many
are worked on at a time, in which process, and how often all of it was killed.

The source is cut into shards. A finished shard is a file of outcomes (a part), written beside its
place and renamed; then comes one event in the run's journal, and in the transaction of that event
all answers of the shard are forgotten. In the end the parts are joined into the sink.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from cairn.core.collector import patient_collector
from cairn.core.errors import ConfigError
from cairn.core.journal import Journal, Stage
from cairn.engine.map_config import MapConfig, MapResult
from cairn.engine.map_crew import Crew, Here
from cairn.engine.map_driver import Driver
from cairn.engine.map_hands import Job, Work
from cairn.engine.map_items import Item, Outcome, Reject
from cairn.engine.map_progress import Show
from cairn.engine.map_sinks import Sink, sink_at
from cairn.engine.map_sources import Source, source_at
from cairn.engine.map_state import Fold, as_fold
from cairn.engine.map_worker import Company
from cairn.engine.map_workers import Processes
from cairn.lm.client import Desk

__all__ = ["Item", "MapConfig", "MapResult", "Reject", "map_stage"]


async def map_stage(
    journal: Journal,
    desk: Desk,
    *,
    stage: str,
    source: Source | Any,
    work: Work,
    sink: Sink | str | Path | None = None,
    fold: Fold | Callable[[Outcome], Mapping[str, int]] | None = None,
    config: MapConfig | None = None,
    company: Company | None = None,
    crew: Callable[[Job, Stage, Desk], Crew] | None = None,
    on_progress: Show | None = None,
) -> MapResult:
    """Work on all items of `source`, from where the stage stands to the end or a limit.

    Args:
        journal: the run's; the parts lie beside it, in a folder named like the stage.
        desk: the run's models and budget.
        stage: its name; one word.
        source: see `map_sources.source_at`.
        work: an async function of item, clients and key; it must be a function of these and of the
            answers of its clients, since after a kill it runs again on the journaled answers.
        sink: see `map_sinks.sink_at`; None leaves the outcomes in the parts.
        fold: what to count; see `map_state.Fold`.
        config: how it is driven.
        company: for `processes` above 1: makes the roles' models in each of them, as an async
            context; a function that can be imported there.
        crew: who works in place of processes; for example `map_ray.on_ray`.
        on_progress: told now and then.

    A limit ends the map where it stands; raise it and run again. Cancel it once to let what is in
    flight arrive, twice to end at once; nothing finished or answered is lost.

    Raises RunError for a source that changed, a sink that something else lies at, or what cannot
    be written; DuplicateIdError; what the work raises, and what stops its models.
    """
    config = config or MapConfig()
    if inspect.isfunction(work) and not inspect.iscoroutinefunction(work):
        raise ConfigError(f"the work must be an async function: write `async def {work.__name__}`.")
    folder = journal.path.parent / stage
    job = Job(
        stage, config.seed, work, sink_at(sink), as_fold(fold), folder / "parts",
        config.workers, config.item_timeout_s, config.private,
    )  # fmt: skip
    driver = Driver(
        journal.stage(stage, store=config.private), desk, source_at(source), job, config
    )
    reporter = asyncio.create_task(driver.report(on_progress))
    try:
        with patient_collector():
            return await driver.drive(crew or _crew(config, company))
    finally:
        reporter.cancel()
        await asyncio.gather(reporter, return_exceptions=True)
        if on_progress is not None:
            on_progress(driver.read())


def _crew(config: MapConfig, company: Company | None) -> Callable[[Job, Stage, Desk], Crew]:
    if config.processes == 1:
        return Here
    if company is None:
        raise ConfigError(
            "processes above 1 need a company: a function that makes the roles' models in each."
        )
    return partial(Processes, company=company, processes=config.processes)
