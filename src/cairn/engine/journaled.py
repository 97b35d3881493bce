"""The journaled engine: ask, evaluate, tell, with a state that is a fold over the journal.

    state_0 = policy.init()
    trial_k = policy.ask(state, k, key_k, pending)   state has seen the tells of trials 0 .. k-L
    state = policy.asked(state, trial_k)             where the policy has this method
    outcome_k = await policy.evaluate(trial_k, clients)         `workers` at a time, in any order
    state = policy.tell(state, trial_k, outcome_k)              in trial order

L is the lag. Asks and tells alternate in one fixed order (ask 0 .. L-1, tell 0, ask L, tell 1,
...; an ask that waits is asked again after the next tell), so the state depends on the outcomes
alone: neither on which answer came first, nor on the workers, nor on when the process was killed.
`order="arrival"` tells outcomes as they come: faster where some trials are slow, but then only what
is in the journal can be replayed, and another run may differ.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from cairn.core.budget import Limits
from cairn.core.collector import patient_collector
from cairn.core.journal import Stage, digest_of
from cairn.engine.journal_config import Config
from cairn.engine.journal_policy import Policy
from cairn.engine.journal_progress import Progress, Speedometer
from cairn.engine.journal_session import Session
from cairn.lm.client import Desk, Role

__all__ = ["Config", "Result", "run"]

S = TypeVar("S")


class Result(NamedTuple):
    """How a run ended."""

    state: Any
    told: int
    """Trials whose outcome is part of the state."""
    stopped: str
    """"finished", "done" (the policy's wish), or the limit that ended it."""
    state_digest: str
    """Names the state: equal for equal states."""
    journal_digest: str
    """Names the whole history of the stage's events."""
    progress: Progress


async def run(
    policy: Policy[S],
    stage: Stage,
    *,
    config: Config,
    roles: Mapping[str, Role] | None = None,
    limits: Limits | None = None,
    desk: Desk | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Drive `policy` from where its stage of the journal stands to the end, a limit, or an error.

    Give the roles and limits, or the `desk` that all stages of a run share.

    A limit ends the run at a state on the same path that the unlimited run takes: raise it and
    run again to go on. However it ends, by an error or a cancellation too (cancel once to let what
    is in flight arrive, twice to end at once), outcomes that arrived are kept.

    Raises what stopped the run: EndpointRefusedError, EndpointDownError, RunError, or PolicyError
    for a bug in the policy's own code.
    """
    journal = stage.journal
    desk = desk or Desk(journal, roles or {}, limits=limits, seed=config.seed)
    session = Session(policy, stage, config, desk)
    speed = Speedometer(
        desk,
        lambda: (session.fold.told, config.trials),
        journal.notes,
        session.about,
        project=session.project,
        stopping=lambda: session.stopping and bool(session.evaluating),
    )
    reporter = asyncio.create_task(speed.report(on_progress, config.report_every_s))
    try:
        with patient_collector():
            stopped = await session.drive()
    finally:
        try:
            await session.settle_down()
        finally:
            reporter.cancel()
            await asyncio.gather(reporter, return_exceptions=True)
            journal.commit()
            progress = speed.read(last=True)
        if on_progress is not None:
            on_progress(progress)
    return Result(
        state=session.fold.state,
        told=session.fold.told,
        stopped=stopped,
        state_digest=digest_of(session.fold.dump_state()).hex(),
        journal_digest=stage.chain.hex(),
        progress=progress,
    )
