"""The paper's curation: a model fine-tuned on one half filters and imputes the other.

An item stays if the solver reaches its answer in `tries` tries; how many of them were right is its
difficulty. Ours: whoever reaches it without the source knew it before, and the item goes.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cairn.core.draws import DrawKey
from cairn.engine.map_items import Item, Outcome, Reject
from cairn.lm.client import Client, Clients
from cairn.lm.completion import Completion
from cairn.lm.errors import UnreadableAnswerError
from cairn.lm.fences import judged
from cairn.refine.source2synth import prompts
from cairn.refine.source2synth.config import Curation
from cairn.refine.source2synth.generate import Generate, ask, merge, written
from cairn.refine.source2synth.reading import holds, right, statement

UNANSWERED, LEAKED = "unanswered", "known without the source"
_COUNTS = re.compile(r"answered (\d+) of \d+(?:, without the source (\d+) of \d+)?")


@dataclass(frozen=True)
class Curate:
    """The work of the map over one half of the synthetic set."""

    config: Curation
    generate: Generate
    """Whose checks an imputed item must pass as well."""

    async def __call__(self, item: Item, clients: Clients, key: DrawKey) -> dict[str, Any]:
        """The item with its checks. Raises Reject for one that is dropped."""
        config, made = self.config, item.value
        solver = clients["solver"]
        solved = await self._solved(solver, made)
        counted = f"answered {solved} of {config.tries}"
        if not solved:
            raise Reject(f"{UNANSWERED}: {counted}")
        known = None
        if config.withheld:
            blind = clients["blind" if "blind" in clients.desk.roles else "solver"]
            known = await _right_of(blind, _blind(made), made["answer"], "blind", config.tries)
            if known >= config.leaked_at:
                raise Reject(f"{LEAKED}: {counted}, without the source {known} of {config.tries}")
        imputed = await self._imputed(solver, made, key) if config.impute else None
        checks = {
            "tries": config.tries, "solved": solved, "known": known,
            "solver": clients.desk.roles["solver"].endpoint.identity,
        }  # fmt: skip
        if imputed is not None:
            checks["before"] = {"question": made["question"]}
            made = {**made, **imputed}
        return {**made, "imputed": imputed is not None, "checks": checks}

    async def _solved(self, solver: Client, made: Mapping[str, Any]) -> int:
        """How many of the solver's tries reach the answer."""
        if self.config.solve == "answer":
            told = solving(made, self.config)
            return await _right_of(solver, told, made["answer"], "solve", self.config.tries)
        said = await _samples(solver, solving(made, self.config), "solve", self.config.tries)
        return sum(self._finds(answer, made["answer"]) for answer in said)

    def _finds(self, said: Completion, wanted: str) -> bool:
        """Whether SQL of the solver finds the answer, whatever the order of its rows."""
        try:
            found = self.generate.executed(statement(said, by="solver"))
        except (UnreadableAnswerError, Reject):
            return False
        return sorted(found.text.split("; ")) == sorted(wanted.split("; "))

    async def _imputed(
        self, solver: Client, made: Mapping[str, Any], key: DrawKey
    ) -> dict[str, Any] | None:
        """The item with one part written again by the solver, if it passes all checks; or None."""
        parts, answer = made["parts"], made["answer"]
        try:
            if made["kind"] == "multi-hop":
                told = judged(
                    prompts.IMPUTE_Q1, key.child("impute"), merged=made["question"],
                    second=parts["q2"], passage=parts["passage"], name=parts["entity"],
                )  # fmt: skip
                q1 = await written(solver, told, "QUESTION", "impute")
                if holds(q1, parts["entity"]):
                    return None
                entity = parts["entity"]
                question = await merge(solver, q1, parts["q2"], entity, answer, key.child("again"))
                changed = {"question": question, "parts": {**parts, "q1": q1}}
            else:
                question = await ask(solver, made["context"], parts["sql"], answer, key)
                changed = {"question": question}
        except (Reject, UnreadableAnswerError):
            return None
        again = {**made, **changed}
        if question == made["question"] or not await self._solved(solver, again):
            return None
        return changed


def solving(made: Mapping[str, Any], config: Curation) -> str:
    """What the solver is asked, and what it learned from."""
    template = prompts.SOLVE if config.solve == "answer" else prompts.SOLVE_SQL
    return template.format(context=made["context"], question=made["question"])


def wanted(made: Mapping[str, Any], config: Curation) -> str:
    """What the solver is to say, in the half that it learns from."""
    return made["answer"] if config.solve == "answer" else made["parts"]["sql"]


def _blind(made: Mapping[str, Any]) -> str:
    return prompts.BLIND.format(question=made["question"])


async def _right_of(client: Client, told: str, answer: str, purpose: str, tries: int) -> int:
    """How many of so many answers are right. One that is cut or empty is not; one that does not
    come at all is the item's failure."""
    said = await _samples(client, told, purpose, tries)
    return sum(answer_.whole and right(answer_.text, answer) for answer_ in said)


async def _samples(client: Client, told: str, purpose: str, tries: int) -> list[Completion]:
    request = client.request(told)
    return list(
        await asyncio.gather(
            *(client.complete(request, purpose=purpose, sample_index=i) for i in range(tries))
        )
    )


def counted(outcome: Outcome) -> dict[str, int]:
    """The map's fold: what became of an item, and how hard it was before and after."""
    if outcome.kind == "done":
        solved = outcome.value["checks"]["solved"]
        found = {"kept": 1, f"before: solved {solved}": 1, f"after: solved {solved}": 1}
        return found | ({"imputed": 1} if outcome.value["imputed"] else {})
    message = outcome.value["message"]
    if outcome.kind == "failed":
        return {f"failed: {outcome.value['error']}": 1}
    solved = _COUNTS.search(message)
    found = {message.partition(":")[0]: 1}
    return found | ({f"before: solved {solved[1]}": 1} if solved else {})


def dropped(outcome: Outcome) -> dict[str, int]:
    """The fold of the generation: written, or dropped for which reason."""
    if outcome.kind == "done":
        return {"written": 1}
    if outcome.kind == "failed":
        return {f"failed: {outcome.value['error']}": 1}
    return {outcome.value["message"].partition(":")[0]: 1}


def halves(ids: Iterable[str], seed: int) -> tuple[list[str], list[str]]:
    """The ids in two halves: to learn from, and to be curated. Which half an id is in depends on
    the seed and on the ids; the order inside each is that of the ids."""
    ids = list(ids)
    key = DrawKey.root(seed).child("halves")
    drawn = sorted(ids, key=lambda name: key.child(name).digest)
    learned = set(drawn[: len(ids) // 2])
    return [n for n in ids if n in learned], [n for n in ids if n not in learned]
