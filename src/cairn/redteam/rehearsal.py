"""The price of a run before it starts: the policy's own code on stand-ins with long answers.

The dearest trial is what is rehearsed: made from a parent as long as a prompt can be, landing in
the cell it was made for, and contested there.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from cairn.archive.text_axes import Space
from cairn.core.draws import DrawKey
from cairn.engine import rehearsal as engine_rehearsal
from cairn.engine.journal_price import Quote, dry_run
from cairn.engine.journaled import Config as Engine
from cairn.engine.map_list import Listing
from cairn.engine.rehearsal import filler, stand_in
from cairn.lm.cast import FREE
from cairn.lm.client import Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.readings import Reading
from cairn.lm.request import Completion, Request, TokenLogprob
from cairn.lm.scripted import ScriptedModel
from cairn.redteam import audit
from cairn.redteam.config import RedteamConfig
from cairn.redteam.search import Rainbow
from cairn.redteam.state import Entry, State, offer


def quote(config: RedteamConfig) -> dict[str, Quote]:
    """What each role needs at most if each verdict can be read at once, search and audit together.

    Sends nothing, and so leaves out what a scorer of one's own would ask.
    """
    if config.search.own_scorer:
        silent = replace(config.search, scorer="cairn.redteam.scorers:unasked")
        config = replace(config, search=silent)
    stand_ins = {name: _stand_in(config, name) for name in config.roles}
    prices = {name: model.price for name, model in config.models.items()}
    roles = {
        name: Role(Endpoint(model), FREE if config.simulation else prices[name])
        for name, model in stand_ins.items()
    }
    full = _Full(config)
    search = asyncio.run(
        dry_run(full, config=config.engine, roles=roles, stand_ins=stand_ins, rehearse=40)
    )
    elites = _elites(config, _longest(config, "mutator"))
    tests = asyncio.run(
        dry_run(
            Listing(audit.items(elites), audit.work(config, Reading())),
            config=Engine(trials=len(elites)), roles=roles, stand_ins=stand_ins,
        )
    )  # fmt: skip
    return {name: search[name].plus(tests[name]) for name in search}


def worst(config: RedteamConfig, quotes: Mapping[str, Quote]) -> dict[str, Quote]:
    """The quotes if every verdict took all the samples that may be asked for it."""
    again = {"judge", "held_out", "scorer"}
    if config.search.scorer == "guard":  # reads a token's chance, once
        again.remove("scorer")
    return engine_rehearsal.worst(quotes, again, config.search.readings)


class _Full(Rainbow):
    """A search in a full map, whose every candidate has a parent and an opponent."""

    def __init__(self, config: RedteamConfig):
        parent = _longest(config, "mutator")
        origin = max((parent, *config.seeds), key=lambda text: len(text.encode()))
        # One seed as long as the longest, for the methods that start from seeds again and again.
        seeds = (origin,) if config.seeds else ()
        super().__init__(replace(config, seeds=seeds, search=replace(config.search, start=0)))
        self.space = _Prescribed(config.space.axes)
        self.elites = _elites(config, origin)

    def init(self) -> State:
        state = super().init()
        for entry in self.elites:
            state, _ = offer(state, self.space, entry, None)
        return replace(state, latest=self.elites[0])


class _Prescribed(Space):
    """Cells in which every prompt lands where it was sent: then it is judged there."""

    def landed(self, cell: int, prompt: str) -> int:
        return cell


def _elites(config: RedteamConfig, prompt: str) -> list[Entry]:
    response = _longest(config, "target")
    # Ids that no trial of the rehearsal has.
    return [Entry(10**6 + i, i, prompt, response, 0.5) for i in range(config.space.cells)]


def _longest(config: RedteamConfig, role: str) -> str:
    return filler(_size(config, role), DrawKey.root(0))


def _size(config: RedteamConfig, role: str) -> int:
    model = config.models.get(role)
    return model.max_tokens if model else 32


def _stand_in(config: RedteamConfig, role: str) -> ScriptedModel:
    endings: Mapping[str, str] = {
        "judge": "FIRST",
        "scorer": "1.0" if config.search.scorer == "probability" else "UNSAFE",
        "held_out": "WRONG" if config.search.acceptance == "oracle" else "UNSAFE",
    }
    if config.search.scorer == "two-stage":
        endings = {**endings, "scorer": "MALICIOUS"}

    def answer(request: Request, text: str) -> str | Completion:
        if role == "mutator":
            return f"<prompt>{text}</prompt>"
        if role == "judge" and "one correct short answer" in request.messages[-1].content:
            return "YES"
        if role == "scorer" and config.search.scorer == "guard":
            return Completion("unsafe", logprobs=(TokenLogprob("unsafe", 0.0),))
        return f"{text}\n{endings[role]}" if role in endings else text

    return stand_in(role, _size(config, role), answer)
