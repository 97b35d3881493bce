"""Each broken promise is found and named, and a sound policy breaks none."""

import itertools
import json
import random
import time
from typing import Any

import pytest

from cairn.engine.conformance import PROMISES, check
from cairn.engine.journal_policy import WAIT, Failed
from cairn.lm.errors import UnreadableAnswerError
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel

MODELS = {
    "writer": ScriptedModel(lambda request, key: f"line {key.integer(16)}", name="writer"),
    "judge": ScriptedModel(lambda request, key: str(key.random().randrange(10)), name="judge"),
}


class Sound:
    """Rewrites the best line; keeps count of what it asked for and of what failed."""

    def init(self):
        return {"best": "a line", "grade": -1, "failed": 0, "asked": 0}

    def ask(self, state, trial_id, key, pending) -> Any:
        if len(pending) >= 3:
            return WAIT
        return {"parent": state["best"], "draw": key.integer(8), "asked": state["asked"]}

    def asked(self, state, trial):
        return {**state, "asked": state["asked"] + 1}

    async def evaluate(self, trial, clients):
        request = Request.of(f"rewrite {trial['parent']} by {trial['draw']}")
        line = (await clients["writer"].complete(request, purpose="write")).text
        grade = await clients["judge"].complete(Request.of(f"grade {line}"), purpose="grade")
        if clients.key.child("mumble").random().random() < 0.1:
            raise UnreadableAnswerError("no grade")
        return {"line": line, "grade": int(grade.text)}

    def tell(self, state, trial, outcome):
        if isinstance(outcome, Failed):
            return {**state, "failed": state["failed"] + 1}
        if outcome["grade"] <= state["grade"]:
            return state
        return {**state, "best": outcome["line"], "grade": outcome["grade"]}

    def done(self, state) -> bool:
        return False

    def dump(self, state):
        return json.dumps(state, sort_keys=True).encode()

    def load(self, body) -> Any:
        return json.loads(body)


def broken(make, **options):
    """The names of the promises that are broken."""
    found = check(make, models=MODELS, trials=16, lag=4, kills=3, **options)
    return [breach.promise for breach in found]


def test_a_sound_policy_breaks_nothing():
    assert check(Sound, models=MODELS, trials=16, kills=6) == ()


class AsksTheDice(Sound):
    def ask(self, state, trial_id, key, pending):
        return {**super().ask(state, trial_id, key, []), "draw": random.random()}


class AsksTheClock(Sound):
    def ask(self, state, trial_id, key, pending):
        return {**super().ask(state, trial_id, key, []), "draw": time.monotonic_ns()}


class SortsPending(Sound):
    def ask(self, state, trial_id, key, pending):
        pending.append("mine")
        return super().ask(state, trial_id, key, [])


class TellsInPlace(Sound):
    def tell(self, state, trial, outcome):
        state["failed"] += 1
        return state


class AskedInPlace(Sound):
    def asked(self, state, trial):
        state["asked"] += 1
        return state


class TellsUnlikely(Sound):
    def tell(self, state, trial, outcome):
        return {**state, "grade": random.random()}


class DoneCounts(Sound):
    def __init__(self):
        self.calls = 0

    def done(self, state):
        self.calls += 1
        return self.calls % 7 == 0


class DumpsTheClock(Sound):
    def dump(self, state):
        return json.dumps({**state, "at": time.monotonic_ns()}).encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "policy",
    [
        AsksTheDice, AsksTheClock, SortsPending, TellsInPlace, AskedInPlace, TellsUnlikely,
        DoneCounts, DumpsTheClock,
    ],
)  # fmt: skip
def test_what_is_not_pure_is_found(policy):
    assert broken(policy)[0] == "pure"


class ForgetsAField(Sound):
    def dump(self, state):
        return json.dumps({k: v for k, v in state.items() if k != "grade"}).encode()

    def load(self, body):
        return {**json.loads(body), "grade": -1}


class KeepsNotes(Sound):
    """Half of the state is in `self`, which a resumed run does not have."""

    def __init__(self):
        self.lines = {}

    def ask(self, state, trial_id, key, pending):
        found = len(self.lines)
        return {**super().ask(state, trial_id, key, []), "asked": found}

    def tell(self, state, trial, outcome):
        if not isinstance(outcome, Failed):
            self.lines[outcome["line"]] = True
        return super().tell(state, trial, outcome)


@pytest.mark.slow
@pytest.mark.parametrize("policy", [ForgetsAField, KeepsNotes])
def test_a_state_that_does_not_survive_its_dump_is_found(policy):
    assert {"dump", "kills"} <= {*broken(policy)}


class QuotesTheServer(Sound):
    def tell(self, state, trial, outcome):
        if isinstance(outcome, Failed):
            return {**state, "best": outcome.message}
        return super().tell(state, trial, outcome)


class ExpectsNoFailure(Sound):
    def tell(self, state, trial, outcome):
        return {**state, "grade": outcome["grade"]}


@pytest.mark.slow
def test_failures_that_are_not_taken_or_quoted_are_found():
    assert broken(QuotesTheServer) == ["failures"]
    assert broken(ExpectsNoFailure)[0] == "failures"


class LooksAtTheOthers(Sound):
    """Evaluate leaves something in `self` that another evaluate finds."""

    def __init__(self):
        self.latest = ""

    async def evaluate(self, trial, clients):
        outcome = await super().evaluate(trial, clients)
        outcome["line"], self.latest = outcome["line"] + self.latest, str(outcome["grade"])
        return outcome


@pytest.mark.slow
def test_what_depends_on_which_answer_came_first_is_found():
    assert "order" in broken(LooksAtTheOthers)


class EvaluatesByDice(Sound):
    async def evaluate(self, trial, clients):
        return {**await super().evaluate(trial, clients), "grade": random.randrange(100)}


class AsksSomethingNew(Sound):
    numbers = itertools.count()

    async def evaluate(self, trial, clients):
        request = Request.of(f"again? {next(self.numbers)}")
        await clients["writer"].complete(request, purpose="again")
        return {"line": "same", "grade": 1}


@pytest.mark.slow
@pytest.mark.parametrize("policy", [EvaluatesByDice, AsksSomethingNew])
def test_an_outcome_that_cannot_be_made_again_is_found(policy):
    assert "replay" in broken(policy)


class NeverAsksBeyond(Sound):
    """A list of work, and an index error behind it."""

    def ask(self, state, trial_id, key, pending):
        return list(range(16))[trial_id]


class WaitsForNothing(Sound):
    def ask(self, state, trial_id, key, pending):
        return WAIT


class NotANumber(Sound):
    def ask(self, state, trial_id, key, pending):
        return {"parent": float("nan")}


@pytest.mark.parametrize("policy", [NeverAsksBeyond, WaitsForNothing, NotANumber])
def test_what_cannot_run_is_found(policy):
    (breach,) = check(policy, models=MODELS, trials=16)
    assert breach.promise == "runs" and breach.promise in PROMISES
    assert str(breach).startswith(f"runs ({PROMISES['runs']}): ")


@pytest.mark.slow
def test_a_policy_without_models_is_killed_and_reordered_as_well():
    class Alone(Sound):
        async def evaluate(self, trial, clients):
            return {"line": f"line {trial['draw']}", "grade": trial["draw"]}

    class AloneInOrder(Alone):
        numbers = itertools.count()

        async def evaluate(self, trial, clients):
            return {"line": "", "grade": next(self.numbers)}

    assert check(Alone, models={}, trials=16) == ()
    found = [breach.promise for breach in check(AloneInOrder, models={}, trials=16)]
    assert {"order", "parts", "kills", "replay"} <= {*found}


def test_a_breach_says_where_it_was_seen():
    (breach, *_) = check(AsksTheDice, models=MODELS, trials=8)
    assert "ask of trial 0 gives" in breach.said and ", then " in breach.said
