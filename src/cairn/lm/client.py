"""Calls with a memory: every answer is journaled, every attempt is in the books.

A `Desk` holds what a run's calls share; `desk.clients(trial)` are the models as one trial sees
them. The books, the journal and the merging of equal calls are those of `cairn.core.desk`; here is
what is about models: keys of requests, prices, rejections, and secrets in answers.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from cairn.core import desk as desks
from cairn.core.budget import Amount, Limits
from cairn.core.draws import DrawKey
from cairn.core.errors import CairnError
from cairn.core.journal import Journal, digest_of
from cairn.core.redact import Redactor
from cairn.lm.answers import read_again, whole_text
from cairn.lm.endpoint import Endpoint
from cairn.lm.errors import AttemptFailedError, LMError, RejectedError, TrialFailedError, scrubbed
from cairn.lm.prices import Price, check_prices, reservation
from cairn.lm.request import Completion, Request, Sampling, cache_key, pack, pack_rejection, unpack
from cairn.lm.tools import Schema, Tool


@dataclass(frozen=True)
class Role:
    """Who plays a part (target, judge, mutator ...), at what price, within what limits."""

    endpoint: Endpoint
    """Roles at the same server share one endpoint."""
    price: Price | None = None
    """Needed where money is limited."""
    limits: Limits = field(default_factory=Limits)
    """Of this role alone, inside the run's limits."""
    system: str | None = None
    """System prompt of what `Client.ask` asks."""
    sampling: Sampling = field(default_factory=Sampling)
    """How answers to `Client.ask` are drawn."""


class Desk(desks.Desk):
    """A desk whose work is calls to models: the run's roles, and the models as trials see them."""

    def __init__(
        self,
        journal: Journal,
        roles: Mapping[str, Role],
        *,
        limits: Limits | None = None,
        seed: int = 0,
    ):
        """Raises ConfigError if money is limited somewhere and a price is missing."""
        limits = limits or Limits()
        check_prices(limits, {name: role.price for name, role in roles.items()}, scope="the run")
        for name, role in roles.items():
            check_prices(role.limits, {name: role.price}, scope=f"role {name!r}")
        super().__init__(journal, limits)
        self.roles = dict(roles)
        for name, role in roles.items():
            self.role(name, role.limits)
        self._root = DrawKey.root(seed)
        self._guard_journal()

    def _guard_journal(self) -> None:
        """Let the journal take out the keys of all roles, whoever's text they turn up in."""
        keys = Redactor()
        for role in self.roles.values():
            if isinstance(role.endpoint.redact, Redactor):
                keys = keys.also(role.endpoint.redact)
        before = self.journal.redact
        if isinstance(before, Redactor):
            self.journal.redact = keys.also(before)
        else:
            self.journal.redact = keys if before is str else lambda text: keys(before(text))

    @property
    def retries(self) -> int:
        """Attempts beyond the first ones, over the endpoints, in this session."""
        endpoints = {id(role.endpoint): role.endpoint for role in self.roles.values()}
        failed = ("rate", "overload", "server", "connection", "timeout", "malformed")
        return sum(endpoint.counts[reason] for endpoint in endpoints.values() for reason in failed)

    @property
    def waiting(self) -> str:
        """Why calls wait, server by server, in one line; empty in good times."""
        endpoints = {id(role.endpoint): role.endpoint for role in self.roles.values()}
        return "; ".join(filter(None, (endpoint.status() for endpoint in endpoints.values())))

    def clients(
        self, trial: int | str, *, stage: str = "", scope: str | None = None,
        key: DrawKey | None = None,
    ) -> "Clients":  # fmt: skip
        """The models as a trial (or an item) of a stage sees them.

        Args:
            trial: names it: the trial's number, or an item's id.
            stage: equal calls of different stages have answers of their own.
            scope: where its answers are kept until they are forgotten; None: the stage.
            key: its draws; None: those of a search's trial.
        """
        key = key or self._root.child(trial, "evaluate")
        place = Place(trial, stage, stage if scope is None else scope)
        return Clients(self, place, key)

    async def call(
        self, role: str, request: Request, sample: str, label: str, scope: str = "",
        stage: str = "",
    ) -> Completion:  # fmt: skip
        """The answer to one sample of `request`: from the journal, or made and journaled.

        `stage` tells samples of the same name apart; shared ones leave it empty.
        Raises RejectedError, CallFailedError, EndpointRefusedError, EndpointDownError, and
        BudgetExceededError.
        """
        endpoint, price = self.roles[role].endpoint, self.roles[role].price
        key = cache_key(endpoint.identity, request, f"{stage}|{sample}" if stage else sample)
        made: tuple[str, Completion] | None = None

        async def work(books: desks.Books) -> tuple[str, Amount | None]:
            nonlocal made
            try:
                answer = await endpoint.complete(request, sample, _Meter(books, request, price))
            except RejectedError as error:
                self.journal.store_answer(key, label, pack_rejection(error), rejected(scope))
                await self.journal.saved()
                raise
            # Before it is packed: a key within JSON within JSON is escaped beyond recognition.
            answer = answer.cleaned(self.journal.redact)
            if price is not None and answer.usage is not None:
                answer = replace(answer, cost_micros=price.micros(answer.usage))
            made = pack(answer), answer
            return made[0], None

        try:
            body = await self.once(scope, key, role, None, work, label)
        except desks.DeskClosedError:
            raise LMError("the run is stopping: no further call is sent") from None
        except LMError as error:
            # An application can repeat the key of another role in an error of its own.
            raise scrubbed(error, self.journal.clean) from None
        if made is not None and made[0] == body:
            return made[1]  # what a replay would read: the text on file is the answer's own
        return unpack(body, cache_hit=made is None)


def rejected(scope: str) -> str:
    """Where the rejections of a scope are kept: `journal.forget(rejected(scope))` drops them and
    nothing else, and what was rejected is asked again."""
    return f"{scope}/rejected" if scope else "rejected"


Done = tuple[str, Amount]
"""The result of work as text, and what it used."""
NOTHING = Amount()
R = TypeVar("R")


class Place(NamedTuple):
    """Where a call belongs."""

    trial: int | str
    stage: str
    scope: str


class Tally:
    """What the calls of one trial come to so far."""

    def __init__(self) -> None:
        self.in_flight = 0
        """Calls that the trial waits for."""
        self.used = NOTHING
        """What its answers came to, those from the journal included."""
        self.stopped: CairnError | None = None
        """What kept it from an answer, if that ends the run and not the trial: a limit, an
        endpoint that is down, the end of the session. Then nothing it says is its outcome."""
        self.closed = False
        """Whether its outcome is of no use any more: it begins nothing new."""

    async def wait(self, work: Coroutine[Any, Any, R]) -> R:
        """The result of something that the trial waits for."""
        self.in_flight += 1
        try:
            if self.closed:
                work.close()
                raise LMError("the run is over: nothing more is begun")
            return await work
        except CairnError as error:
            if not isinstance(error, TrialFailedError | desks.NotDoneError):
                self.stopped = self.stopped or error
            raise
        finally:
            self.in_flight -= 1


class Clients(Mapping[str, "Client"]):
    """The roles' models as one trial sees them, and the trial's own key for draws."""

    def __init__(self, desk: Desk, place: Place, key: DrawKey):
        self.desk, self.place, self.key = desk, place, key
        """For draws inside `evaluate`: `clients.key.child("order").random()`."""
        self.tally = Tally()

    def __getitem__(self, role: str) -> "Client":
        desks.check_roles(role, self.desk.roles)
        return Client(self.desk, role, self.place, self.tally)

    async def once(
        self, role: str, what: str, reserve: Amount, work: Callable[[], Awaitable[Done]]
    ) -> str:
        """The result of work that is no call to a model, such as a program: from the journal, or
        done and written down. After a kill, what was done is not done again.

        Args:
            role: whose budget it draws on; `desk.role(role, limits)` sets its limits.
            what: names the work within the trial, and all that shapes its result.
            reserve: the most it can use.
            work: does it; gives the result as text, and what it used.

        Raises BudgetExceededError, and what `work` raises: then the whole reservation is kept,
        unless it is a NotDoneError, which says what was used.
        """
        self.desk.role(role)
        trial, stage, scope = self.place
        key = digest_of("once", stage, trial, role, what)
        used = Amount()

        async def do(_: desks.Books) -> tuple[str, Amount | None]:
            nonlocal used
            text, used = await work()
            return text, used

        label = f"{trial}/{role}"
        text = await self.tally.wait(self.desk.once(scope, key, role, reserve, do, label))
        self.tally.used = self.tally.used.plus(used)
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self.desk.roles)

    def __len__(self) -> int:
        return len(self.desk.roles)


@dataclass(frozen=True)
class Client:
    """One role's model, bound to a trial."""

    desk: Desk
    role: str
    place: Place
    tally: Tally

    def request(
        self,
        text: str,
        *,
        system: str | None = None,
        schema: Schema | None = None,
        tools: tuple[Tool, ...] = (),
    ) -> Request:
        """One user turn with the system prompt (or else `system`) and sampling of the role."""
        role = self.desk.roles[self.role]
        turn = Request.of(text, system=role.system or system, sampling=role.sampling)
        return replace(turn, schema=schema, tools=tools) if schema or tools else turn

    async def ask(
        self, text: str, *, purpose: str = "ask", sample_index: int = 0, system: str | None = None
    ) -> str:
        """The whole answer to one user turn, with the system prompt and sampling of the role.

        The rest is as in `complete`. Raises CutAnswerError for an answer that is cut or empty.
        """
        request = self.request(text, system=system)
        answer = await self.complete(request, purpose=purpose, sample_index=sample_index)
        return whole_text(answer, by=self.role)

    async def read(
        self,
        request: Request,
        reader: Callable[[Completion], R],
        *,
        purpose: str,
        sample_index: int = 0,
        readings: int = 3,
    ) -> R:
        """What `reader` reads in an answer; one that it cannot read is asked for again.

        `readings` samples at most, then it raises the UnreadableAnswerError of the last: the
        answer is missing. Readers of forms and tools are in `cairn.lm.answers`.
        """

        def ask(attempt: int) -> Awaitable[Completion]:
            index = sample_index * readings + attempt
            return self.complete(request, purpose=purpose, sample_index=index)

        return await read_again(ask, reader, readings=readings)

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
        trial, stage, scope = self.place
        label = f"{trial}/{self.role}/{purpose}/{sample_index}"
        sample, stage = (str(sample_index), "") if shared else (label, stage)
        call = self.desk.call(self.role, request, sample, label, scope, stage)
        answer = await self.tally.wait(call)
        usage = answer.usage
        tokens = 0 if usage is None else usage.prompt + usage.completion
        used = Amount(1, tokens, answer.cost_micros or 0)
        self.tally.used = self.tally.used.plus(used)
        return answer


class _Meter:
    """The books of one call, in the words of an endpoint."""

    __slots__ = ("_amount", "_books", "_price")

    def __init__(self, books: desks.Books, request: Request, price: Price | None):
        self._books, self._price = books, price
        self._amount = reservation(request, price)

    def reserve(self) -> Awaitable[None]:
        """Hold the most that one attempt can cost."""
        return self._books.reserve(self._amount)

    def intend(self) -> Awaitable[None]:
        """Write the intent down, for good, before the request leaves."""
        return self._books.intend()

    def settle(self, outcome: Completion | LMError) -> None:
        """Charge what was used; keep the reservation where nobody knows."""
        if isinstance(outcome, Completion):
            self._books.settle("answered", self._used(outcome))
        elif isinstance(outcome, AttemptFailedError) and outcome.maybe_paid:
            self._books.settle("lost", None)
        else:
            # A send that was turned away is still a call, but no tokens and no money.
            self._books.settle("refused", Amount(calls=1))

    def abandon(self) -> None:
        """Cancelled: if the request has left, its outcome is unknown; otherwise nothing was."""
        self._books.abandon()

    def _used(self, completion: Completion) -> Amount:
        usage = completion.usage
        if usage is None:
            return self._amount
        micros = 0 if self._price is None else self._price.micros(usage)
        return Amount(1, usage.prompt + usage.completion, micros)
