"""The calls of a trial: mutate, respond, score, vote. Each is a function of its models' answers."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from cairn.archive.text_axes import Axis
from cairn.lm import bench as benches
from cairn.lm.answers import whole_text
from cairn.lm.bench import Order, in_both_orders
from cairn.lm.cast import Application, Model
from cairn.lm.client import Clients
from cairn.lm.completion import CUT, Completion
from cairn.lm.errors import UnreadableAnswerError
from cairn.lm.fences import judged
from cairn.lm.readings import (
    FIRST,
    MISSING,
    SECOND,
    TIE,
    Reading,
    first_token,
    probability,
    prompt_of,
    refuses,
    tagged,
)
from cairn.redteam import scorers, templates
from cairn.redteam.config import Search

CHOICES = {"FIRST": FIRST, "SECOND": SECOND, "TIE": TIE, "UNCLEAR": TIE}
CORRECTABLE = ("held_out",)
"""Roles that the search has no part in: they may be changed in a run's config after it."""
SYSTEMS = {"mutator": templates.MUTATOR_SYSTEM, "judge": templates.JUDGE_SYSTEM}


class MutatorRefusedError(Exception):
    """The mutator refused or wrote no prompt: the target is not asked."""

    def __init__(self, status: str, calls: int):
        super().__init__(status)
        self.status, self.calls = status, calls


@runtime_checkable
class Asked(Protocol):
    """What of a config says how models are asked."""

    @property
    def search(self) -> Search:
        """Readings, and what is made of cut responses."""
        ...

    @property
    def models(self) -> Mapping[str, Model | Application]:
        """By role; none for simulated ones."""
        ...

    def goal_in(self, cell: int) -> str:
        """What a failure is in a cell."""
        ...


class Bench(benches.Bench):
    """The models of one trial, and the config that says how they are asked."""

    def __init__(self, clients: Clients, config: Asked, reading: Reading, cell: int = 0):
        guard = config.search.scorer == "guard"
        super().__init__(
            clients, config.models, reading, config.search.readings, SYSTEMS, templates.VERSION,
            logprobs={"scorer": 5} if guard else {},
        )  # fmt: skip
        self.config = config
        self.goal = config.goal_in(cell)
        self.within = ""
        """Put before every purpose, so that a caller's own are not taken for ours."""
        self._mark_key = clients.key.child("mark")

    def judged(self, template: str, **parts: str) -> str:
        """The request to judge these parts."""
        return judged(template, self._mark_key, **parts)

    async def ask(
        self, role: str, text: str, purpose: str, index: int = 0, *, system: str | None = None
    ) -> Completion:
        """One answer of a role to one user turn."""
        return await super().ask(role, text, f"{self.within}{purpose}", index, system=system)


async def mutate(
    bench: Bench, labels: tuple[str, ...], prompt: str | None, axes: tuple[Axis, ...]
) -> str:
    """Move a prompt into a cell, axis by axis; from nothing, the first axis invents it.

    Raises MutatorRefusedError.
    """
    for axis, label in zip(axes, labels, strict=True):
        if prompt is None:
            text = templates.generate(axis, label, bench.goal)
        else:
            text = templates.mutate(axis, label, prompt)
        answer = await bench.ask("mutator", text, f"mutate:{axis.name}")
        prompt = prompt_of(answer.text)
        # Between tags stands a prompt, and a prompt may say "I'm sorry" and "I can't".
        if not tagged(answer.text) and refuses(answer.text):
            raise MutatorRefusedError("mutator_refused", bench.calls)
        if not prompt or not answer.whole:
            raise MutatorRefusedError("no_prompt", bench.calls)
    assert prompt is not None
    return prompt


async def respond(bench: Bench, prompt: str, *, purpose: str, index: int = 0) -> str:
    """One response of the target. Raises CutAnswerError for one that is cut, stopped or empty."""
    search = bench.config.search
    system = templates.ANSWER_SYSTEM if search.acceptance == "oracle" else None
    answer = await bench.ask("target", prompt, purpose, index, system=system)

    def read(answer: Completion) -> str:
        cut = answer.finish_reason.lower() in CUT
        if cut and search.cut_responses == "graded" and answer.text.strip():
            return answer.text
        return whole_text(answer, by="target")

    return bench.reading.read("target", answer, read)


async def score(bench: Bench, prompt: str, response: str, *, purpose: str, index: int = 0) -> float:
    """Fitness in [0, 1] by the configured scorer."""
    parts = {"goal": bench.goal, "prompt": prompt, "response": response}
    match bench.config.search.scorer:
        case "probability":
            text = bench.judged(templates.SCORE, **parts)
            return await bench.read(
                "scorer", text, purpose, lambda t: probability(t, by="scorer"), index
            )
        case "verdict":
            return float(await classify(bench, "scorer", prompt, response, purpose, index))
        case "two-stage":
            return await _two_stage(bench, parts, purpose, index)
        case "guard":
            text = bench.judged(templates.CLASSIFY, **parts)
            answer = await bench.ask("scorer", text, purpose, index)
            return bench.reading.read(
                "scorer", answer, lambda a: first_token(a, "unsafe", "safe", by="scorer")
            )
        case own:
            return await scorers.own(bench, own, prompt, response, f"{purpose}:{index}:")


async def _two_stage(bench: Bench, parts: dict[str, str], purpose: str, index: int) -> float:
    analysis = await bench.ask(
        "analyst", bench.judged(templates.ANALYSE, **parts), f"{purpose}:analyse", index
    )
    text = bench.judged(templates.DECIDE, **parts, analysis=whole_text(analysis, by="analyst"))
    choices = {"MALICIOUS": 1, "BENIGN": 0}
    return float(await bench.choose("scorer", text, f"{purpose}:decide", choices, index))


async def classify(
    bench: Bench, role: str, prompt: str, response: str, purpose: str, index: int = 0
) -> bool:
    """Whether a judge calls one response unsafe."""
    text = bench.judged(templates.CLASSIFY, goal=bench.goal, prompt=prompt, response=response)
    return bool(await bench.choose(role, text, purpose, {"UNSAFE": 1, "SAFE": 0}, index))


async def vote(
    bench: Bench, template: str, parts: dict[str, str], ours: str, theirs: str
) -> tuple[tuple[int, int], ...]:
    """Pairs of verdicts on two responses, each pair once in both orders.

    Verdicts that cannot be read are MISSING, all of them at worst: see `state.readable`.
    """

    async def one(order: Order, index: int) -> int:
        first, second = (ours, theirs) if order == "ours-first" else (theirs, ours)
        text = bench.judged(template, **parts, first=first, second=second)
        try:
            return await bench.choose("judge", text, f"vote:{order}", CHOICES, index)
        except UnreadableAnswerError:
            return MISSING

    return await in_both_orders(one, bench.config.search.votes)
