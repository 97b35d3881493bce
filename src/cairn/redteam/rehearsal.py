"""The price of a run before it starts: the policy's own code on stand-ins with long answers."""

import asyncio
import itertools
from collections.abc import Mapping

from cairn.core.draws import DrawKey
from cairn.engine.journal_price import Quote, dry_run
from cairn.engine.journaled import Config as Engine
from cairn.lm.client import Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.request import Completion, Request, TokenLogprob
from cairn.lm.scripted import ScriptedModel
from cairn.redteam.audit import Auditor
from cairn.redteam.config import RedteamConfig
from cairn.redteam.roles import FREE
from cairn.redteam.search import Rainbow
from cairn.redteam.state import Entry, State, offer

CHARACTERS_PER_TOKEN = 4
"""Of a stand-in's answer: what English takes."""


def quote(config: RedteamConfig) -> dict[str, Quote]:
    """What each role needs at most, search and audit together. Sends nothing."""
    stand_ins = {name: _stand_in(config, name) for name in config.roles}
    prices = {name: model.price for name, model in config.models.items()}
    roles = {
        name: Role(Endpoint(model), FREE if config.simulation else prices[name])
        for name, model in stand_ins.items()
    }
    search = asyncio.run(
        dry_run(_Full(config), config=config.engine, roles=roles, stand_ins=stand_ins, rehearse=40)
    )
    elites = _elites(config)
    audit = asyncio.run(
        dry_run(
            Auditor(config, elites), config=Engine(trials=len(elites)), roles=roles,
            stand_ins=stand_ins,
        )
    )  # fmt: skip
    return {name: _add(search[name], audit[name]) for name in search}


class _Full(Rainbow):
    """A search that starts with every cell occupied, so that every candidate is contested."""

    def init(self) -> State:
        state = super().init()
        for entry in _elites(self.config):
            state, _ = offer(state, self.space, entry, None)
        return state


def _elites(config: RedteamConfig) -> list[Entry]:
    longest = {role: _filler(config, role, DrawKey.root(0)) for role in ("mutator", "target")}
    prompt, response = longest["mutator"], longest["target"]
    # Ids that no trial of the rehearsal has.
    return [Entry(10**6 + i, i, prompt, response, 0.5) for i in range(config.space.cells)]


def _add(a: Quote, b: Quote) -> Quote:
    return Quote(
        a.calls + b.calls,
        a.prompt_tokens + b.prompt_tokens,
        a.completion_tokens + b.completion_tokens,
        None if a.micros is None or b.micros is None else a.micros + b.micros,
    )


def _stand_in(config: RedteamConfig, role: str) -> ScriptedModel:
    endings: Mapping[str, str] = {
        "mutator": "</prompt>",
        "judge": "FIRST",
        "scorer": "1.0" if config.search.scorer == "probability" else "UNSAFE",
        "held_out": "WRONG" if config.search.acceptance == "oracle" else "UNSAFE",
    }
    if config.search.scorer == "two-stage":
        endings = {**endings, "scorer": "MALICIOUS"}

    def answer(request: Request, key: DrawKey) -> str | Completion:
        text = _filler(config, role, key)
        if role == "mutator":
            return f"<prompt>{text}</prompt>"
        if role == "judge" and "one correct short answer" in request.messages[-1].content:
            return "YES"
        if role == "scorer" and config.search.scorer == "guard":
            return Completion("unsafe", logprobs=(TokenLogprob("unsafe", 0.0),))
        return f"{text}\n{endings[role]}" if role in endings else text

    return ScriptedModel(answer, f"stand-in-{role}")


def _filler(config: RedteamConfig, role: str, key: DrawKey) -> str:
    """Words of their own for each draw, as long as the longest answer."""
    model = config.models.get(role)
    size = (model.max_tokens if model else 32) * CHARACTERS_PER_TOKEN
    draw = key.random()
    words = (f"{draw.randrange(16**7):07x}" for _ in itertools.count())
    return " ".join(itertools.islice(words, max(size // 8, 1)))
