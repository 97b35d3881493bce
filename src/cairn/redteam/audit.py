"""Test the elites: fresh responses, and a judge that had no part in the search."""

from collections.abc import Awaitable, Iterable, Sequence

from cairn.core.draws import DrawKey
from cairn.engine.map_items import Item, Outcome
from cairn.engine.map_list import Work
from cairn.evaluation.audit import Tested, as_tested, examine, success
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

        def fresh(i: int) -> Awaitable[str]:
            return respond(bench, prompt, purpose="audit", index=i)

        def judge(response: str, i: int) -> Awaitable[bool]:
            if reference is not None:
                return oracle.is_wrong(bench, prompt, response, reference, i)
            return classify(bench, "held_out", prompt, response, "audit", i)

        def agree(response: str, i: int) -> Awaitable[float]:
            return score(bench, prompt, response, purpose="agree", index=i)

        counted = config.audit.agreement if reference is None else 0
        rows = await examine(config.audit.responses, fresh, judge, agree, scored=counted)
        return {"id": elite["id"], "cell": elite["cell"], "samples": rows}

    return test


def tested(outcomes: Iterable[Outcome | None]) -> tuple[Tested, ...]:
    """The tests among the outcomes: an item without one counts nowhere."""
    return tuple(as_tested(o.value) for o in outcomes if o is not None and o.kind == "done")


def describe(outcomes: Sequence[Outcome], count: int) -> str:
    """What the held-out judge says so far, and whether the search's scorer agrees."""
    found = success(list(tested(outcomes)))
    done = f"test: {len(outcomes)} of {count} elites"
    if found.mean is None:
        return done
    agreed = found.agreement.value
    agree = "" if agreed is None else f", scorer agrees {agreed:.2f}"
    return f"{done}, {found.mean.value:.2f} unsafe{agree}"
