"""Does a policy keep its promises? Try it in seconds, before a long run finds out.

    breaches = check(MyPolicy, models={"writer": writer, "judge": judge})
    assert not breaches, "\\n".join(map(str, breaches))

The policy is run a dozen times on scripted models: once with every call of its methods repeated and
compared, by a second instance too; then with answers in other orders, with other numbers of
workers, under limits, in two parts, killed and resumed, and each outcome evaluated again. All must
give the same events and the same state. `PROMISES` lists what is tested.
"""

import asyncio
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cairn.core.budget import Limits
from cairn.core.errors import CairnError
from cairn.core.journal import Journal
from cairn.engine.conformance_probe import Breach, Note, Probe, agree, brief
from cairn.engine.conformance_world import Moments, Silent, uneven, uneven_roles
from cairn.engine.journal_policy import Policy, name_of
from cairn.engine.journaled import Config, run
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.request import LanguageModel

PROMISES: Mapping[str, str] = {
    "runs": "it runs: no method raises, asks go on beyond the last trial, outcomes are JSON",
    "pure": "ask, asked, tell, done, dump and describe give the same twice, from their arguments "
    "alone, and leave these as they are",
    "dump": "a state that was dumped and loaded, by another instance too, is the same state",
    "failures": "tell takes a Failed, and its wording does not move the state",
    "order": "neither the order of arrivals nor the number of workers moves anything",
    "parts": "a run in two parts, or stopped by a limit and continued, is the run in one",
    "kills": "a run that was killed and resumed by another process is the run that never was",
    "replay": "evaluate, on the same answers, gives the same outcome and asks for nothing else",
}
"""What is tested, by the name that a `Breach` carries."""

ROUNDS = (("workers", 1), ("workers", 2), ("jitter", 1), ("jitter", 2))


@dataclass(frozen=True)
class _Ended:
    """What a run came to."""

    events: list[tuple[str, int, str]]
    state: str


def check(
    make: Callable[[], Policy],
    *,
    models: Mapping[str, LanguageModel],
    trials: int = 40,
    lag: int = 6,
    seed: int = 0,
    kills: int = 5,
    failing: float = 0.02,
) -> tuple[Breach, ...]:
    """The promises that a policy breaks, the most telling first; empty for a sound one.

    Args:
        make: a new instance of the policy, as a new process would make it.
        models: by role; they must answer equal samples of equal requests equally (scripted ones
            do), and are asked some ten times `trials`.
        trials: how long the runs are; long enough for the policy to do all it does.
        lag: the engine's.
        seed: of all draws, the kills among them.
        kills: at how many moments the run is killed.
        failing: share of calls that fail for good, so that trials fail.
    """
    return asyncio.run(
        _Trial(make, models, Config(trials, seed=seed, lag=lag), kills, failing).go()
    )


class _Trial:
    """One policy being tried."""

    def __init__(
        self,
        make: Callable[[], Policy],
        models: Mapping[str, LanguageModel],
        config: Config,
        kills: int,
        failing: float,
    ):
        self.make, self.models, self.config = make, models, config
        self.kills, self.failing = kills, failing
        self.draw = random.Random(config.seed)
        self.breaches: dict[str, Breach] = {}

    async def go(self) -> tuple[Breach, ...]:
        """Everything, in the order in which breaches explain one another."""
        with tempfile.TemporaryDirectory() as folder:
            await self._all(Path(folder))
        return tuple(self.breaches.values())

    async def _all(self, folder: Path) -> None:
        moments = Moments(folder)
        probe = _probe(self.make, self._breach)
        try:
            whole = await self._run(folder / "whole", probe, moments=moments)
        except CairnError as error:
            self._breach("runs", str(error))
            return
        for what, size in ROUNDS:
            workers = size if what == "workers" else None
            jitter = None if what == "workers" else random.Random(size)
            said = f"with {size} worker(s)" if workers else "with answers in another order"
            place = folder / f"{what}-{size}"
            await self._compare("order", said, whole, place, workers=workers, jitter=jitter)
        await self._parts(whole, folder)
        await self._killed(whole, folder, moments)
        await self._again(whole, folder / "whole")

    def _breach(self, promise: str, said: str) -> None:
        self.breaches.setdefault(promise, Breach(promise, PROMISES[promise], said))

    # --- runs

    async def _run(
        self,
        folder: Path,
        policy: Policy | None = None,
        *,
        trials: int | None = None,
        workers: int | None = None,
        jitter: random.Random | None = None,
        limits: Limits | None = None,
        moments: "Moments | None" = None,
    ) -> _Ended:
        # All but the first run go through snapshots: a state is loaded every few events.
        every = self.config.snapshot_every if policy else 7
        trials = self.config.trials if trials is None else trials
        config = replace(self.config, workers=workers, trials=trials, snapshot_every=every)
        roles = uneven_roles(self.models, self.failing, jitter, moments)
        tried = uneven(policy or self.make(), jitter, moments)
        with Journal(folder / NAME, config=config.tied()) as journal:
            stage = journal.stage(STAGE)
            result = await run(tried, stage, config=config, roles=roles, limits=limits)
            events = [(event.kind, event.trial, event.body) for event in stage.events()]
        return _Ended(events, result.state_digest)

    async def _compare(
        self, promise: str, said: str, whole: _Ended, folder: Path, **how: Any
    ) -> None:
        try:
            ended = await self._run(folder, **how)
        except CairnError as error:
            self._breach(promise, f"{said}: {error}")
            return
        if (difference := _difference(whole, ended)) is not None:
            self._breach(promise, f"{said}, {difference}")

    async def _parts(self, whole: _Ended, folder: Path) -> None:
        half = self.config.trials // 2
        await self._in_parts("in two parts", whole, folder / "two", [{"trials": half}, {}])
        limits = [{"limits": Limits(calls=self.draw.randrange(1, 4 * half))} for _ in range(2)]
        await self._in_parts("stopped by a limit", whole, folder / "limit", [*limits, {}])

    async def _in_parts(self, said: str, whole: _Ended, folder: Path, parts: list[dict]) -> None:
        for part in parts[:-1]:
            try:
                await self._run(folder, **part)
            except CairnError as error:
                self._breach("parts", f"{said}: {error}")
                return
        await self._compare("parts", said, whole, folder, **parts[-1])

    async def _killed(self, whole: _Ended, folder: Path, moments: "Moments") -> None:
        """Kill at moments of a run with answers in another order, and let a new instance go on."""
        chosen = sorted(self.draw.sample(range(moments.passed), min(self.kills, moments.passed)))
        again = Moments(folder, frozenset(chosen))
        try:
            await self._run(folder / "to-kill", jitter=random.Random(3), moments=again)
        except CairnError as error:
            self._breach("kills", str(error))
            return
        for left in again.left:
            await self._compare("kills", f"killed at {left.name}", whole, left)

    async def _again(self, whole: _Ended, folder: Path) -> None:
        """Evaluate each trial again: a new instance, and nothing but the journal's answers."""
        asked = {trial: body for kind, trial, body in whole.events if kind == "ask"}
        told = [(trial, body) for kind, trial, body in whole.events if kind == "tell"]
        roles = {name: Role(Endpoint(Silent(model))) for name, model in self.models.items()}
        with Journal(folder / NAME, config=self.config.tied()) as journal:
            desk = Desk(journal, roles, seed=self.config.seed)
            policy = self.make()
            for trial, body in told:
                said = await agree(policy, asked[trial], body, desk.clients(trial, stage=STAGE))
                if said is not None:
                    self._breach("replay", f"trial {trial}: {said}")
                    return


NAME, STAGE = "journal.sqlite", "search"


def _probe(make: Callable[[], Policy], note: Note) -> Policy:
    """A probe under the policy's own name."""
    return type(name_of(make()), (Probe,), {})(make, note)


def _difference(whole: _Ended, ended: _Ended) -> str | None:
    """The first event that differs, in words."""
    for number, (one, other) in enumerate(zip(whole.events, ended.events, strict=False), 1):
        if one != other:
            kind, trial, body = other
            return (
                f"event {number} is {kind} of trial {trial}, {brief(body)}, where it was "
                f"{one[0]} of trial {one[1]}, {brief(one[2])}"
            )
    if len(whole.events) != len(ended.events):
        return f"there are {len(ended.events)} events, not {len(whole.events)}"
    return None if whole.state == ended.state else "all events are the same, and the state is not"
