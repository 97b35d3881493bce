"""A whole search in memory: the policy and the models of a real run, without journal or loop."""

import asyncio
import json

from cairn.archive.text_axes import Categories
from cairn.core.budget import Amount
from cairn.core.draws import DrawKey
from cairn.engine.journal_policy import Failed
from cairn.engine.journaled import Config as Engine
from cairn.engine.map_items import Outcome
from cairn.evaluation.audit import tested
from cairn.lm.client import Desk
from cairn.lm.errors import TrialFailedError
from cairn.lm.readings import Reading
from cairn.redteam import audit as audits
from cairn.redteam import state as states
from cairn.redteam.config import Audit, RedteamConfig, Search, Simulation
from cairn.redteam.run import Finished
from cairn.redteam.search import Rainbow
from cairn.redteam.simulation import World


class MemoryDesk(Desk):
    """Answers straight from the models."""

    def __init__(self, models, seed=0):
        self.models, self.roles = models, models
        self._root = DrawKey.root(seed)
        self.calls = 0

    async def call(self, role, request, sample, label, scope="", stage=""):
        self.calls += 1
        return await self.models[role].complete(request, sample)


def config(rows=5, columns=5, *, search=None, simulation=None, seed=0, lag=4, responses=4):
    return RedteamConfig(
        axes=(
            Categories("risk", tuple(f"risk {i}" for i in range(rows))),
            Categories("style", tuple(f"style {i}" for i in range(columns))),
        ),
        search=search or Search(),
        audit=Audit(responses=responses),
        engine=Engine(trials=0, seed=seed, lag=lag),
        simulation=simulation or Simulation(),
    )


def drive(policy, models, *, seed, lag, calls=None, trials=None, through_json=False):
    """Asks and tells in the engine's order, until `calls` are spent or `trials` told."""

    async def main():
        desk = MemoryDesk(models, seed)
        state, pending, told, asked = policy.init(), [], 0, 0
        while True:
            while asked < told + lag:
                key = desk._root.child(asked, "ask")
                pending.append(policy.ask(state, asked, key, list(pending)))
                asked += 1
            if (calls is not None and desk.calls >= calls) or told == trials:
                return state
            if policy.done(state):
                return state
            trial = pending.pop(0)
            if through_json:
                trial = json.loads(json.dumps(trial))
            try:
                outcome = await policy.evaluate(trial, desk.clients(told))
            except TrialFailedError as error:
                outcome = Failed("failure", type(error).__name__, str(error))
            if through_json and not isinstance(outcome, Failed):
                outcome = json.loads(json.dumps(outcome))
            state = policy.tell(state, trial, outcome)
            told += 1

    return asyncio.run(main())


def search(settings, *, calls=None, trials=None):
    world = World(settings.space, settings.simulation)
    engine = settings.engine
    state = drive(
        Rainbow(settings),
        world.models(),
        seed=engine.seed,
        lag=engine.lag,
        calls=calls,
        trials=trials,
    )
    return world, state


def finished(settings, state=None, tests=()):
    """What the report is made from, without a directory."""
    state = states.start(settings.space) if state is None else state
    return Finished(settings, state, tuple(tests), "finished", Amount(), Amount(), 0, (), 0.0, "")


def audit(settings, world, state):
    async def main():
        desk, work = MemoryDesk(world.models()), audits.work(settings, Reading())
        items = audits.items(state.held())
        values = [await work(item, desk.clients(item.id), desk._root) for item in items]
        return [Outcome(i.id, "done", v) for i, v in zip(items, values, strict=True)]

    return list(tested(asyncio.run(main())))
