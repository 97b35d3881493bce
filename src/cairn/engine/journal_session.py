"""One session of the journaled engine: it asks, has trials evaluated, and tells.

`journaled.run` says what it does; here is how. What decides the state happens in `drive`, in one
fixed order; `_work` runs beside it, a task for each trial that is evaluated.
"""

import asyncio
import time
from collections import deque
from typing import Any, NamedTuple

from cairn.core.budget import BudgetExceededError
from cairn.core.draws import DrawKey
from cairn.core.errors import RunError
from cairn.core.faults import point
from cairn.core.journal import Stage, canonical
from cairn.core.jsontext import compact, parse
from cairn.engine.journal_blame import PolicyError
from cairn.engine.journal_config import Config
from cairn.engine.journal_fold import Fold, restore
from cairn.engine.journal_policy import WAIT, Policy, check_ask, described, name_of
from cairn.engine.journal_projection import Projection, Projector
from cairn.lm.client import Desk, Tally
from cairn.lm.errors import TrialFailedError

LOOK_EVERY_S = 0.1
"""How often a stopping run looks whether it is still worth waiting."""


class _Arrival(NamedTuple):
    trial_id: int
    kind: str
    body: str
    error: BaseException | None = None


class Session:
    """One process's work on a stage, from where its journal stands."""

    def __init__(self, policy: Policy, stage: Stage, config: Config, desk: Desk):
        self.policy, self.stage, self.config, self.desk = policy, stage, config, desk
        check_ask(policy)
        self.root = DrawKey.root(config.seed)
        self.fold: Fold = restore(policy, stage)
        self.blame = self.fold.blame
        self.stopping = False
        arrived = stage.arrived().items()
        self.waiting = {trial: told for trial, told in arrived if trial in self.fold.pending}
        self.unkept: set[int] = set()
        """Those in `waiting` that are not in the journal: most are told in the turn they come."""
        self.ready = deque(
            trial
            for trial in self.fold.pending
            if trial not in self.waiting and trial < config.trials
        )
        """Trials to evaluate as soon as there is a worker for them."""
        self.arrivals: deque[_Arrival] = deque()
        self._came: asyncio.Future[None] | None = None
        """Done with the next arrival, while somebody waits for one: an asyncio.Queue of one reader,
        whose every turn is paid for by every trial."""
        self.tasks: dict[int, asyncio.Task[None]] = {}
        # Not len(tasks): an arrival that waits to be received still has its worker.
        self.running = 0
        self.evaluating: dict[int, Tally] = {}
        self.projector = Projector()
        self.limit: str | None = None
        self.over = False
        """Whether the policy is done: outcomes still to come are of no use."""
        self.events_at_snapshot = self.fold.snapshot_seq

    # --- what the console shows

    def about(self) -> str:
        """The policy's words about its state; a mistake in them ends no run."""
        try:
            with self.blame("describe"):
                return described(self.policy, self.fold.state)
        except PolicyError as error:
            return str(error)

    def project(self, s_per_trial: float) -> Projection | None:
        """What the whole run comes to."""
        total = self.desk.budget.spent.plus(self.desk.budget.kept)
        for tally in self.evaluating.values():
            total = total.minus(tally.used)  # of trials that are priced among those left
        left = self.config.trials - self.fold.told - len(self.waiting) - len(self.arrivals)
        return self.projector.project(total, left=max(left, 0), s_per_trial=s_per_trial)

    # --- the run

    async def drive(self) -> str:
        """Ask, collect and tell until there is nothing left to do; returns why it stopped."""
        self._fill()
        while True:
            self._tell_all()
            self._keep()
            if self._done():
                self.over = True
                return "done"
            if self.fold.told >= self.config.trials:
                # The desk stays open: nothing of this stage is left to do.
                self.over = True
                return "finished"
            if self.limit is not None and self.running == 0:
                return self.limit
            self._start_ready()
            if self.running == 0:
                raise RunError(
                    f"{name_of(self.policy)}.ask answers WAIT for trial {self.fold.asked} although "
                    f"no trial is pending, so no tell can come: it must give a trial when "
                    f"`pending` is empty, or be done."
                )
            if not self.arrivals:
                await self._arrival()
            while self.arrivals:
                self._receive(self.arrivals.popleft())

    async def _arrival(self) -> None:
        """Wait for one."""
        self._came = asyncio.get_running_loop().create_future()
        try:
            await self._came
        finally:
            self._came = None

    def _receive(self, arrival: _Arrival) -> None:
        self.running -= 1
        if isinstance(arrival.error, BudgetExceededError):
            # No event: with a higher limit the trial goes on where it stands.
            self.limit = str(arrival.error)
        elif arrival.error is not None:
            raise arrival.error
        else:
            point("engine:arrive")
            self.waiting[arrival.trial_id] = (arrival.kind, arrival.body)
            self.unkept.add(arrival.trial_id)
        self.stage.journal.save_soon()

    def _tell_all(self) -> None:
        """Tell what can be told; each tell is followed by the asks it makes room for."""
        while (trial_id := self._next_to_tell()) is not None:
            if self._done():
                return
            kind, body = self.waiting[trial_id]
            point("engine:tell")
            body = self.stage.append(kind, trial_id, body)
            del self.waiting[trial_id]
            if trial_id in self.unkept:
                self.unkept.remove(trial_id)
            else:
                self.stage.depart(trial_id)
            self.fold.apply(kind, trial_id, body)
            point("engine:told")
            self._fill()
            if self.stage.seq - self.events_at_snapshot >= self.config.snapshot_every:
                self._snapshot()

    def _next_to_tell(self) -> int | None:
        if self.config.order == "trial":
            return self.fold.told if self.fold.told in self.waiting else None
        return next(iter(self.waiting), None)

    def _done(self) -> bool:
        try:
            return self.policy.done(self.fold.state)
        except BaseException:
            with self.blame("done"):
                raise

    def _fill(self) -> None:
        """Ask until asks are `lag` ahead or the policy waits: ask k follows tell k-L at once.

        Asks go on past a limit and past the last trial, without being evaluated: a run that is
        continued later has then asked each trial in the state in which it would have anyway.
        """
        fold = self.fold
        while fold.asked < fold.told + self.config.lag and not self._done():
            trial_id = fold.asked
            key = self.root.child(trial_id, "ask")
            try:
                trial = self.policy.ask(fold.state, trial_id, key, fold.trials)
            except BaseException:
                with self.blame("ask", trial_id):
                    raise
            if trial is WAIT:
                return
            point("engine:ask")
            body = self.stage.append("ask", trial_id, _as_json(trial, "ask", trial_id))
            fold.apply("ask", trial_id, body)
            if trial_id < self.config.trials:
                self.ready.append(trial_id)

    def _snapshot(self) -> None:
        body = self.fold.dump()
        self.stage.save_snapshot(body)
        # Go on with the state as a resumed run would load it.
        self.fold.load(body)
        self.events_at_snapshot = self.stage.seq

    def _start_ready(self) -> None:
        loop = asyncio.get_running_loop()
        while self.ready and self.limit is None and self.running < self.config.at_once:
            trial_id = self.ready.popleft()
            work = self._work(trial_id, self.fold.pending[trial_id])
            self.tasks[trial_id] = loop.create_task(work, name=f"trial {trial_id}")
            self.running += 1

    async def _work(self, trial_id: int, body: str) -> None:
        seconds = self.config.trial_timeout_s
        limit = None if seconds is None else asyncio.timeout(seconds)
        key = self.root.child(trial_id, "evaluate")
        clients = self.desk.clients(trial_id, stage=self.stage.name, key=key)
        tally = self.evaluating[trial_id] = clients.tally
        try:
            if limit is None:
                outcome = await self.policy.evaluate(parse(body), clients)
            else:
                async with limit:
                    outcome = await self.policy.evaluate(parse(body), clients)
            arrival = _Arrival(trial_id, "tell", _as_json(outcome, "evaluate", trial_id))
        except TimeoutError as error:
            message = str(error)
            if limit is not None and limit.expired():
                message = f"no outcome within {seconds:g} s"
            arrival = _failure(trial_id, "timeout", "TimeoutError", message)
        except TrialFailedError as error:
            arrival = _failure(trial_id, "failure", type(error).__name__, str(error))
        except BaseException as error:
            arrival = _Arrival(trial_id, "error", "", self._error(error, trial_id))
        finally:
            # Here and not when the task is done: nothing below waits, and it saves a callback.
            del self.evaluating[trial_id]
            task = self.tasks.pop(trial_id)
        if task.cancelling():
            return  # cut short, whatever evaluate made of it
        if tally.stopped is not None and arrival.error is None:
            # Evaluate was kept from an answer, and went on without it: that is no outcome.
            arrival = _Arrival(trial_id, "error", "", tally.stopped)
        if arrival.error is None:
            self.projector.add(tally.used)
        self.arrivals.append(arrival)
        if self._came is not None and not self._came.done():
            self._came.set_result(None)

    def _error(self, error: BaseException, trial_id: int) -> BaseException:
        """What to raise for an error of `evaluate`; re-raises the engine's own cancellation."""
        if isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise error
            # Not ours: something within the policy or an application was cancelled, and whoever
            # waits for this trial must hear of it.
        elif not isinstance(error, Exception) or self.blame.passes(error, "evaluate"):
            return error
        made = self.blame.error(error, "evaluate", trial_id)
        made.__cause__ = error
        return made

    # --- the end

    async def settle_down(self) -> None:
        """Let what is in flight arrive, then cancel what is left, and keep what arrived."""
        self.stopping = True
        if self.over:
            # The desk stays open: another stage may have work for it.
            for tally in self.evaluating.values():
                tally.closed = True
        elif self.evaluating:
            self.desk.close()
        ends_s = time.monotonic() + self.config.grace_s
        try:
            # What came with the reason to stop, before a wait in which a kill may come.
            self._keep_arrivals()
            self.stage.journal.save_soon()
            while self.tasks and self._worth_waiting() and time.monotonic() < ends_s:
                await asyncio.wait(self.tasks.values(), timeout=LOOK_EVERY_S)
        finally:
            # Also when a second Ctrl-C ends the wait: calls settle before the journal is closed.
            try:
                left = list(self.tasks.values())
                for task in left:
                    task.cancel()
                await asyncio.gather(*left, return_exceptions=True)
            finally:
                self._keep_arrivals()

    def _worth_waiting(self) -> bool:
        """Whether anything is in flight that may have been paid for, or is a trial's own work: not
        calls that wait for a slot, a pause or a budget."""
        if self.desk.sent:
            return True
        return not self.over and any(t.in_flight == 0 for t in self.evaluating.values())

    def _keep_arrivals(self) -> None:
        """Journal outcomes that came after the stop, or with what caused it."""
        while self.arrivals:
            arrival = self.arrivals.popleft()
            if arrival.error is None:
                self.waiting[arrival.trial_id] = (arrival.kind, arrival.body)
                self.unkept.add(arrival.trial_id)
        self._keep()

    def _keep(self) -> None:
        """Journal outcomes whose turn has not come."""
        for trial_id in sorted(self.unkept):
            kind, body = self.waiting[trial_id]
            self.stage.arrive(trial_id, kind, body)
        self.unkept.clear()


def _failure(trial_id: int, kind: str, error: str, message: str) -> _Arrival:
    return _Arrival(trial_id, kind, canonical({"error": error, "message": message}))


def _as_json(value: Any, method: str, trial_id: int) -> str:
    try:
        return compact(value)
    except (TypeError, ValueError) as error:
        raise RunError(
            f"the policy's {method} must return a JSON value without NaN (trial {trial_id}): "
            f"{error}."
        ) from error
