"""The journaled engine: ask, evaluate, tell, with a state that is a fold over the journal.

    state_0 = policy.init()
    trial_k = policy.ask(state, k, key_k)              state has seen the tells of trials 0 .. k-W
    outcome_k = await policy.evaluate(trial_k, clients)             W trials at a time, any order
    state = policy.tell(state, trial_k, outcome_k)                            in trial order

W is the window. Asks and tells alternate in one fixed order (ask 0 .. W-1, tell 0, ask W, tell 1,
...), so the state depends on the outcomes alone: neither on which answer came first nor on when
the process was killed. `order="arrival"` tells outcomes as they come: faster where some trials are
slow, but then only what is in the journal can be replayed, and another run may differ.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

from cairn.core.budget import BudgetExceededError, Limits
from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError, RunError
from cairn.core.faults import point
from cairn.core.journal import Journal, canonical, digest_of
from cairn.engine.journal_fold import Fold, restore
from cairn.engine.journal_policy import Policy
from cairn.engine.journal_progress import Progress, Speedometer
from cairn.lm.client import Desk, Role
from cairn.lm.errors import TrialFailedError

S = TypeVar("S")


@dataclass(frozen=True)
class Config:
    """How a run is driven. `seed`, `window` and `order` are part of what a journal is tied to."""

    trials: int
    """How many trials; may be raised to go on with a finished run."""
    seed: int = 0
    """Root of all draws."""
    window: int = 32
    """W: trials at a time, and how far an ask lags behind the tells. Choose about twice the
    number of slots, so that one slow trial does not idle the others."""
    order: Literal["trial", "arrival"] = "trial"
    """In which order outcomes are told; "arrival" gives up independence of kills and timing."""
    trial_timeout_s: float | None = None
    """A trial that takes longer is told as a timeout; waiting for slots counts."""
    snapshot_every: int = 10_000
    """Events between snapshots of the state."""
    report_every_s: float = 0.5
    """How often progress is reported."""

    def __post_init__(self):
        for name in ("window", "snapshot_every", "report_every_s", "trial_timeout_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"engine Config.{name} must be above 0, got {value}")
        if self.trials < 0:
            raise ConfigError(f"engine Config.trials must be at least 0, got {self.trials}")
        if self.order not in ("trial", "arrival"):
            raise ConfigError(
                f"engine Config.order must be 'trial' or 'arrival', got {self.order!r}"
            )

    def tied(self) -> dict:
        """The part that decides the result; put it into the config a Journal is opened with."""
        return {"seed": self.seed, "window": self.window, "order": self.order}


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
    """Names the whole history of events."""
    progress: Progress


async def run(
    policy: Policy[S],
    journal: Journal,
    *,
    config: Config,
    roles: Mapping[str, Role],
    limits: Limits | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Drive `policy` from where the journal stands to the end, a limit, or an error.

    A limit ends the run at a state on the same path that the unlimited run takes: raise it and
    run again to go on. An error of the policy's own code, or of an endpoint as a whole, is raised
    after the answers in flight were given a moment to arrive; nothing journaled is lost.
    A policy may have `describe(state) -> str`: a few words for the live line.

    Raises whatever stopped the run: EndpointRefusedError, EndpointDownError, RunError, or a
    policy's bug.
    """
    desk = Desk(journal, roles, limits=limits, seed=config.seed)
    engine = _Engine(policy, journal, config, desk)
    describe = getattr(policy, "describe", lambda state: "")
    speed = Speedometer(
        desk,
        lambda: (engine.fold.told, config.trials),
        journal.notes,
        lambda: describe(engine.fold.state),
    )
    reporter = asyncio.create_task(speed.report(on_progress, config.report_every_s))
    try:
        stopped = await engine.drive()
    finally:
        reporter.cancel()
        try:
            await engine.settle_down()
        finally:
            await asyncio.gather(reporter, return_exceptions=True)
            journal.commit()
        if on_progress is not None:
            on_progress(speed.read())
    state = engine.fold.state
    return Result(
        state=state,
        told=engine.fold.told,
        stopped=stopped,
        state_digest=digest_of(policy.dump(state)).hex(),
        journal_digest=journal.chain.hex(),
        progress=speed.read(),
    )


class _Arrival(NamedTuple):
    trial_id: int
    kind: str
    body: str
    error: BaseException | None = None


class _Engine:
    """One session of a run."""

    GRACE_S = 10.0
    """How long answers in flight may still arrive after the run was stopped."""

    def __init__(self, policy: Policy, journal: Journal, config: Config, desk: Desk):
        self.policy, self.journal, self.config, self.desk = policy, journal, config, desk
        self.root = DrawKey.root(config.seed)
        self.fold: Fold = restore(policy, journal)
        arrived = journal.arrived().items()
        self.waiting = {trial: told for trial, told in arrived if trial in self.fold.pending}
        self.arrivals: asyncio.Queue[_Arrival] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        # Not len(tasks): a task is done only some turns after its arrival was received.
        self.running = 0
        self.limit: str | None = None
        self.events_at_snapshot = self.fold.snapshot_seq

    async def drive(self) -> str:
        """Ask, collect and tell until there is nothing left to do; returns why it stopped."""
        for trial_id, body in self.fold.pending.items():
            if trial_id not in self.waiting:
                self._start(trial_id, body)
        self._fill()
        while True:
            self._tell_all()
            if self.policy.done(self.fold.state):
                return "done"
            if self.fold.told >= self.config.trials:
                return "finished"
            if self.limit is not None and self.running == 0:
                return self.limit
            self._receive(await self.arrivals.get())
            while not self.arrivals.empty():
                self._receive(self.arrivals.get_nowait())

    def _receive(self, arrival: _Arrival) -> None:
        self.running -= 1
        if isinstance(arrival.error, BudgetExceededError):
            # No event: with a higher limit the trial goes on where it stands.
            self.limit = str(arrival.error)
        elif arrival.error is not None:
            raise arrival.error
        else:
            point("engine:arrive")
            body = arrival.body
            if self.config.order == "trial" and arrival.trial_id != self.fold.told:
                body = self.journal.arrive(arrival.trial_id, arrival.kind, body)
            self.waiting[arrival.trial_id] = (arrival.kind, body)
        self.journal.save_soon()

    def _tell_all(self) -> None:
        """Tell what can be told; each tell is followed by the ask it makes room for."""
        while (trial_id := self._next_to_tell()) is not None:
            if self.policy.done(self.fold.state):
                return
            kind, body = self.waiting.pop(trial_id)
            point("engine:tell")
            body = self.journal.append(kind, trial_id, body)
            self.journal.depart(trial_id)
            self.fold.apply(self.policy, kind, trial_id, body)
            point("engine:told")
            self._fill()
            if self.journal.seq - self.events_at_snapshot >= self.config.snapshot_every:
                self._snapshot()

    def _next_to_tell(self) -> int | None:
        if self.config.order == "trial":
            return self.fold.told if self.fold.told in self.waiting else None
        return next(iter(self.waiting), None)

    def _fill(self) -> None:
        """Ask until the window is full; in trial order, ask k happens right after tell k-W.

        Asks go on past a limit and past the last trial, without being evaluated: a run that is
        continued later has then asked each trial in the state in which it would have anyway.
        """
        while self.fold.asked < self.fold.told + self.config.window:
            if self.policy.done(self.fold.state):
                return
            trial_id = self.fold.asked
            trial = self.policy.ask(self.fold.state, trial_id, self.root.child(trial_id, "ask"))
            point("engine:ask")
            body = self.journal.append("ask", trial_id, _as_json(trial, "ask", trial_id))
            self.fold.apply(self.policy, "ask", trial_id, body)
            self._start(trial_id, body)

    def _snapshot(self) -> None:
        body = self.fold.dump(self.policy)
        self.journal.save_snapshot(body)
        # Go on with the state as a resumed run would load it.
        self.fold.load_state(self.policy, body)
        self.events_at_snapshot = self.journal.seq

    def _start(self, trial_id: int, body: str) -> None:
        if self.limit is not None or trial_id >= self.config.trials:
            return
        task = asyncio.create_task(self._work(trial_id, body))
        self.tasks.add(task)
        self.running += 1
        task.add_done_callback(self.tasks.discard)

    async def _work(self, trial_id: int, body: str) -> None:
        limit = asyncio.timeout(self.config.trial_timeout_s)
        try:
            async with limit:
                clients = self.desk.clients(trial_id)
                outcome = await self.policy.evaluate(json.loads(body), clients)
            arrival = _Arrival(trial_id, "tell", _as_json(outcome, "evaluate", trial_id))
        except TimeoutError as error:
            message = str(error)
            if limit.expired():
                message = f"no outcome within {self.config.trial_timeout_s:g} s"
            arrival = _failure(trial_id, "timeout", "TimeoutError", message)
        except TrialFailedError as error:
            arrival = _failure(trial_id, "failure", type(error).__name__, str(error))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            arrival = _Arrival(trial_id, "error", "", error)
        self.arrivals.put_nowait(arrival)

    async def settle_down(self) -> None:
        """Let attempts in flight end, then cancel what is left."""
        try:
            if self.tasks and self.desk.in_flight:
                self.desk.close()
                await asyncio.wait(self.tasks, timeout=self.GRACE_S)
        finally:
            # Also when a second Ctrl-C ends the wait: calls settle before the journal is closed.
            for task in list(self.tasks):
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)


def _failure(trial_id: int, kind: str, error: str, message: str) -> _Arrival:
    return _Arrival(trial_id, kind, canonical({"error": error, "message": message}))


def _as_json(value: Any, method: str, trial_id: int) -> str:
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise RunError(
            f"the policy's {method} must return a JSON value without NaN (trial {trial_id}): "
            f"{error}."
        ) from error
