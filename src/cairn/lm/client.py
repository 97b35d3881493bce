"""Calls with a memory: every answer is journaled, every attempt is in the books.

A `Desk` holds what a run's calls share; `desk.clients(trial_id)` are the models as one trial sees
them. A call is looked up in the journal first. If it is not there: reserve in the budget, note the
intent, send, and write the answer down before anyone sees it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from cairn.core.budget import Amount, Budget, BudgetExceededError, Limits
from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.core.faults import point
from cairn.core.journal import Journal
from cairn.core.redact import Redactor, encodable
from cairn.lm.endpoint import Endpoint
from cairn.lm.errors import AttemptFailedError, LMError, RejectedError, scrubbed
from cairn.lm.prices import Price, check_prices, reservation
from cairn.lm.request import Completion, Request, cache_key, pack, pack_rejection, unpack


@dataclass(frozen=True)
class Role:
    """Who plays a part (target, judge, mutator ...), at what price, within what limits."""

    endpoint: Endpoint
    """Roles at the same server share one endpoint."""
    price: Price | None = None
    """Needed where money is limited."""
    limits: Limits = field(default_factory=Limits)
    """Of this role alone, inside the run's limits."""


class Desk:
    """What all calls of a run share: journal, budgets, roles, and counts."""

    def __init__(
        self,
        journal: Journal,
        roles: Mapping[str, Role],
        *,
        limits: Limits | None = None,
        seed: int = 0,
    ):
        """Raises ConfigError if money is limited somewhere and a price is missing."""
        self.journal = journal
        self.roles = dict(roles)
        limits = limits or Limits()
        check_prices(limits, {name: role.price for name, role in roles.items()}, scope="the run")
        for name, role in self.roles.items():
            check_prices(role.limits, {name: role.price}, scope=f"role {name!r}")
        self.budget = Budget("run", limits)
        self.budgets = {name: self.budget.child(name, role.limits) for name, role in roles.items()}
        self.counts: Counter[str] = Counter()
        """`answered` and `cached` calls of this session."""
        self.maybe_twice = 0
        """Sends that may have been paid although their answer was lost: the ledger's line."""
        self._root = DrawKey.root(seed)
        self._in_flight: dict[bytes, asyncio.Future[None]] = {}
        self._closing = False
        self._guard_journal()
        self._restore()

    def _guard_journal(self) -> None:
        """Let the journal take out the keys of all roles, whoever's text they turn up in."""
        keys = Redactor()
        for role in self.roles.values():
            if isinstance(role.endpoint.redact, Redactor):
                keys = keys.also(role.endpoint.redact)
        before = self.journal.redact
        self.journal.redact = lambda text: keys(before(text))

    def _clean(self, text: str) -> str:
        return encodable(self.journal.redact(text))

    def _without_keys(self, answer: Completion) -> Completion:
        """Before it is packed: a key within JSON within JSON is escaped beyond recognition."""
        text = self.journal.redact(answer.text)
        if text == answer.text:
            return answer
        # The log-probabilities would spell the key out, token by token.
        return replace(answer, text=text, logprobs=None)

    def _restore(self) -> None:
        for line in self.journal.spending():
            self.budgets.get(line.role, self.budget).restore(line.spent, line.kept)
            self.maybe_twice += line.maybe_twice
        for budget in (self.budget, *self.budgets.values()):
            budget.restore_clock(self.journal.earlier_s)

    def close(self) -> None:
        """Send nothing from now on; what is in flight may still arrive."""
        self._closing = True

    def check_open(self) -> None:
        """Raises LMError once the desk is closed."""
        if self._closing:
            raise LMError("the run is stopping: no further call is sent")

    @property
    def in_flight(self) -> int:
        """Calls that have no answer yet."""
        return len(self._in_flight)

    @property
    def retries(self) -> int:
        """Attempts beyond the first ones, over the endpoints, in this session."""
        endpoints = {id(role.endpoint): role.endpoint for role in self.roles.values()}
        failed = ("rate", "overload", "server", "connection", "timeout", "malformed")
        return sum(endpoint.counts[reason] for endpoint in endpoints.values() for reason in failed)

    def clients(self, trial_id: int) -> "Clients":
        """The models as trial `trial_id` sees them."""
        return Clients(self, trial_id)

    async def call(self, role: str, request: Request, sample: str, label: str) -> Completion:
        """The answer to one sample of `request`: from the journal, or made and journaled.

        Raises RejectedError, CallFailedError, EndpointRefusedError, EndpointDownError, and
        BudgetExceededError.
        """
        endpoint = self.roles[role].endpoint
        key = cache_key(endpoint.identity, request, sample)
        while True:
            body = self.journal.answer(key)
            if body is not None:
                self.counts["cached"] += 1
                return unpack(body, cache_hit=True)
            if key not in self._in_flight:
                break
            # The same call is on its way: its answer is ours, but after its failure we try too.
            await asyncio.wait([self._in_flight[key]])
        flight = self._in_flight[key] = asyncio.get_running_loop().create_future()
        try:
            return await self._make(role, request, sample, key, label)
        finally:
            del self._in_flight[key]
            flight.set_result(None)

    async def _make(
        self, role: str, request: Request, sample: str, key: bytes, label: str
    ) -> Completion:
        budget = self.budgets[role]
        meter = _JournalMeter(self, role, key, request)
        left_s = budget.remaining_s()
        limit = asyncio.timeout(None if left_s is None else max(left_s, 0.0))
        try:
            async with limit:
                answer = await self.roles[role].endpoint.complete(request, sample, meter)
        except TimeoutError:
            if not limit.expired():
                raise
            await self.journal.saved()
            raise BudgetExceededError(
                f"budget {budget.path!r}: the running time is over. "
                f"Raise wall_s and resume to go on."
            ) from None
        except LMError as error:
            if isinstance(error, RejectedError):
                self.journal.store_answer(key, label, pack_rejection(error))
                await self.journal.saved()
            # An application can repeat the key of another role in an error of its own.
            raise scrubbed(error, self._clean) from None
        answer = self._without_keys(answer)
        price = self.roles[role].price
        if price is not None and answer.usage is not None:
            answer = replace(answer, cost_micros=price.micros(answer.usage))
        # No await between the books (settled by the meter) and the answer: one commit has both.
        body = self.journal.store_answer(key, label, pack(replace(answer, cache_hit=False)))
        self.counts["answered"] += 1
        point("call:stored")
        await self.journal.saved()
        point("call:saved")
        return unpack(body, cache_hit=False)


class Clients(Mapping[str, "Client"]):
    """The roles' models as one trial sees them, and the trial's own key for draws."""

    def __init__(self, desk: Desk, trial_id: int):
        self._desk = desk
        self.trial_id = trial_id
        self.key = desk._root.child(trial_id, "evaluate")
        """For draws inside `evaluate`: `clients.key.child("order").random()`."""

    def __getitem__(self, role: str) -> "Client":
        if role not in self._desk.roles:
            known = ", ".join(sorted(self._desk.roles)) or "none"
            raise ConfigError(f"there is no role {role!r}; the run's roles are: {known}.")
        return Client(self._desk, role, self.trial_id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._desk.roles)

    def __len__(self) -> int:
        return len(self._desk.roles)


@dataclass(frozen=True)
class Client:
    """One role's model, bound to a trial."""

    desk: Desk
    role: str
    trial_id: int

    async def complete(
        self, request: Request, *, purpose: str, sample_index: int = 0, shared: bool = False
    ) -> Completion:
        """One sample of the answer to `request`.

        Args:
            purpose: what the call is for, e.g. "vote"; part of the sample's name.
            sample_index: n votes are n samples: number them.
            shared: let equal requests of other trials and purposes have the same answer (a
                judge at temperature 0, say). Otherwise every trial draws its own.

        Raises RejectedError or CallFailedError (the trial's failures), or what stops the run.
        """
        label = f"{self.trial_id}/{self.role}/{purpose}/{sample_index}"
        sample = str(sample_index) if shared else label
        return await self.desk.call(self.role, request, sample, label)


class _JournalMeter:
    """The books of one call: budget and journal, attempt by attempt."""

    def __init__(self, desk: Desk, role: str, key: bytes, request: Request):
        self.desk = desk
        self.price = desk.roles[role].price
        self.budget = desk.budgets[role]
        self.key = key
        self.amount = reservation(request, self.price)
        self.reserved = False
        self.send: int | None = None

    async def reserve(self) -> None:
        """Hold the most that one attempt can cost."""
        self.desk.check_open()
        await self.budget.reserve(self.amount)
        self.reserved = True

    async def intend(self) -> None:
        """Write the intent down, for good, before the request leaves."""
        # The turn may have been long in coming: the run may be stopping by now.
        self.desk.check_open()
        self.send = self.desk.journal.intend(self.key, "", self.budget.name, self.amount)
        await self.desk.journal.saved()
        point("call:intended")

    def settle(self, outcome: Completion | LMError) -> None:
        """Charge what was used; keep the reservation where nobody knows."""
        if isinstance(outcome, Completion):
            self._close("answered", self._used(outcome))
        elif isinstance(outcome, AttemptFailedError) and outcome.maybe_paid:
            self._close("lost", None)
        else:
            # A send that was turned away is still a call, but no tokens and no money.
            self._close("refused", Amount(calls=1))

    def abandon(self) -> None:
        """Cancelled: if the request has left, its outcome is unknown; otherwise nothing was."""
        if not self.reserved:
            return
        if self.send is None:
            self.reserved = False
            self.budget.settle(self.amount, Amount())
        else:
            self._close("lost", None)

    def _used(self, completion: Completion) -> Amount:
        usage = completion.usage
        if usage is None:
            return self.amount
        micros = 0 if self.price is None else self.price.micros(usage)
        return Amount(1, usage.prompt + usage.completion, micros)

    def _close(self, outcome, actual: Amount | None) -> None:
        assert self.send is not None
        point("call:settle")
        self.desk.journal.settle(self.send, outcome, actual)
        self.budget.settle(self.amount, actual)
        self.desk.maybe_twice += actual is None
        self.send, self.reserved = None, False
