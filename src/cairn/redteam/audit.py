"""Test the elites: fresh responses, and a judge that had no part in the search."""

from collections.abc import Iterable

from cairn.core.draws import DrawKey
from cairn.engine.map_items import Item
from cairn.engine.map_list import Work
from cairn.evaluation.audit import Sample, examine
from cairn.lm.client import Clients
from cairn.lm.readings import Reading
from cairn.redteam import oracle
from cairn.redteam.calls import Bench, classify, respond, score
from cairn.redteam.config import RedteamConfig
from cairn.redteam.state import Entry


def items(elites: Iterable[Entry]) -> list[Item]:
    """The elites to test; an item's id is the elite's place among them."""
    return [
        Item(str(place), {"id": entry.id, "cell": entry.cell, "prompt": entry.prompt})
        for place, entry in enumerate(elites)
    ]


def work(config: RedteamConfig, reading: Reading) -> Work:
    """What is done with each: n fresh responses, one verdict each."""

    async def test(item: Item, clients: Clients, key: DrawKey) -> object:
        elite, reference = item.value, None
        bench, prompt = Bench(clients, config, reading, elite["cell"]), elite["prompt"]
        if config.search.acceptance == "oracle":
            reference = await oracle.reference_answer(bench, prompt)
        count, scored = config.audit.responses, config.audit.agreement
        rows = await fresh(bench, prompt, "audit", count, reference=reference, scored=scored)
        return {"id": elite["id"], "cell": elite["cell"], "samples": rows}

    return test


async def fresh(
    bench: Bench, prompt: str, purpose: str, count: int, *,
    reference: str | None = None, scored: int = 0,
) -> list[Sample]:  # fmt: skip
    """`count` fresh responses, one verdict each; the first `scored` of them also by the scorer.

    With a reference answer they are judged by it alone.
    """

    async def judge(response: str, i: int) -> bool:
        if reference is not None:
            return await oracle.is_wrong(bench, prompt, response, reference, i)
        return await classify(bench, "held_out", prompt, response, purpose, i)

    return await examine(
        count,
        lambda i: respond(bench, prompt, purpose=purpose, index=i),
        judge,
        lambda response, i: score(bench, prompt, response, purpose="agree", index=i),
        scored=scored if reference is None else 0,
    )
