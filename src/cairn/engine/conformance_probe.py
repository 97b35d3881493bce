"""A policy under the magnifying glass: every call is made again and compared."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cairn.core.draws import DrawKey
from cairn.engine.journal_policy import WAIT, Failed, Policy, after_asking, described
from cairn.lm.client import Clients

Note = Callable[[str, str], None]
"""Takes in a broken promise: its name, and what was seen."""


class Breach(NamedTuple):
    """A promise that a policy breaks."""

    promise: str
    """Its name in `cairn.engine.conformance.PROMISES`."""
    wording: str
    """What it says."""
    said: str
    """What was seen."""

    def __str__(self) -> str:
        return f"{self.promise} ({self.wording}): {self.said}"


class Probe:
    """The policy itself, with its pure methods called twice and by a second instance."""

    def __init__(self, make: Callable[[], Policy], note: Note):
        self.inner, self.make, self.note = make(), make, note

    def init(self) -> Any:
        """The state before the first trial."""
        state = self.inner.init()
        self._same("pure", "init gives another state the second time", state, self.inner.init())
        return state

    def ask(self, state: Any, trial_id: int, key: DrawKey, pending: Sequence[Any]) -> Any:
        """What to try next."""
        before, text = self.inner.dump(state), _text(pending)
        trial = self.inner.ask(state, trial_id, key, pending)
        if _text(pending) != text:
            self.note("pure", f"ask of trial {trial_id} changes `pending`")
        self._kept(state, before, f"ask of trial {trial_id}")
        again = self.inner.ask(state, trial_id, key, json.loads(text))
        if (one := _text(trial)) != (two := _text(again)):
            self.note("pure", f"ask of trial {trial_id} gives {brief(one)}, then {brief(two)}")
        else:
            other = self.make()
            again = other.ask(other.load(before), trial_id, key, json.loads(text))
            if (two := _text(again)) != one:
                self.note(
                    "dump",
                    f"ask of trial {trial_id} gives {brief(one)}, and {brief(two)} from "
                    f"the same state dumped and loaded by a new instance",
                )
        return trial

    def asked(self, state: Any, trial: Any) -> Any:
        """The state after a trial was asked."""
        return self._step("asked", state, trial, lambda p, s, t: after_asking(p, s, t))

    async def evaluate(self, trial: Any, clients: Clients) -> Any:
        """The outcome."""
        return await self.inner.evaluate(trial, clients)

    def tell(self, state: Any, trial: Any, outcome: Any) -> Any:
        """The state after an outcome."""
        self._fail(state, trial)
        return self._step("tell", state, trial, lambda p, s, t: p.tell(s, t, outcome), outcome)

    def done(self, state: Any) -> bool:
        """Whether to stop."""
        before = self.inner.dump(state)
        done = self.inner.done(state)
        if bool(self.inner.done(state)) != bool(done):
            self.note("pure", f"done says {done}, then {not done}, of the same state")
        self._kept(state, before, "done")
        return done

    def dump(self, state: Any) -> bytes:
        """The state as bytes."""
        body = self.inner.dump(state)
        if self.inner.dump(state) != body:
            self.note("pure", "dump gives other bytes the second time")
        return body

    def load(self, body: bytes) -> Any:
        """The state that was dumped."""
        return self.inner.load(body)

    def describe(self, state: Any) -> str:
        """A few words."""
        before = self.inner.dump(state)
        words = described(self.inner, state)
        self._kept(state, before, "describe")
        return words

    def _step(
        self,
        method: str,
        state: Any,
        trial: Any,
        step: Callable[[Policy, Any, Any], Any],
        outcome: Any = None,
    ) -> Any:
        """A method from state to state, once, twice, and on a loaded state by the other."""
        before, text, told = self.inner.dump(state), _text(trial), _text(outcome)
        after = step(self.inner, state, trial)
        self._kept(state, before, method, unless=after)
        if _text(trial) != text or _text(outcome) != told:
            self.note("pure", f"{method} changes the trial or the outcome that it was given")
        if self._kept_silently(state, before):
            again = step(self.inner, state, json.loads(text))
            self._same("pure", f"{method} gives another state the second time", after, again)
        other = self.make()
        loaded = step(other, other.load(before), json.loads(text))
        self._same(
            "dump", f"{method} gives another state from one that was dumped and loaded", after,
            loaded,
        )  # fmt: skip
        body = self.inner.dump(after)
        if other.dump(other.load(body)) != body:
            self.note("dump", f"after {method}, a state that was dumped and loaded dumps otherwise")
        return after

    def _fail(self, state: Any, trial: Any) -> None:
        """Tell failures on the side."""
        body, text = self.inner.dump(state), _text(trial)
        for kind in ("failure", "timeout"):
            told, other = [], self.make()
            for wording in ("one wording", "one wording", "another, request 4711"):
                failed = Failed(kind, "CallFailedError", wording)
                try:
                    after = other.tell(other.load(body), json.loads(text), failed)
                except Exception as error:
                    said = f"{type(error).__name__}: {error}"
                    self.note("failures", f"tell raises {brief(said)} for a Failed({kind!r})")
                    return
                told.append(other.dump(after))
            if told[0] == told[1] != told[2]:
                self.note("failures", "tell puts the message of a Failed into the state")

    def _kept(self, state: Any, before: bytes, method: str, unless: object = None) -> None:
        if not self._kept_silently(state, before):
            how = " in place" if state is unless else ""
            self.note("pure", f"{method} changes the state that it was given{how}")

    def _kept_silently(self, state: Any, before: bytes) -> bool:
        return self.inner.dump(state) == before

    def _same(self, promise: str, said: str, one: Any, other: Any) -> None:
        if self.inner.dump(one) != self.inner.dump(other):
            self.note(promise, said)


async def agree(policy: Policy, trial: str, outcome: str, clients: Clients) -> str | None:
    """What is wrong with an outcome that is made again, if anything is; JSON in, words out."""
    try:
        made = await policy.evaluate(json.loads(trial), clients)
    except Exception as error:
        return (
            f"evaluate gave {brief(outcome)}, and the second time {type(error).__name__}: {error}"
        )
    if (text := _text(made)) == outcome:
        return None
    return f"evaluate gave {brief(outcome)}, and the second time {brief(text)}"


def brief(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= 100 else f"{text[:97]}..."


def _text(value: Any) -> str:
    if value is WAIT:
        return "WAIT"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=repr)
