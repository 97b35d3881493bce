"""Question answering: questions on which the target errs and a stronger model does not."""

from dataclasses import replace

from cairn.evaluation.votes import Votes, wins
from cairn.lm.answers import whole_text
from cairn.lm.bench import together
from cairn.redteam import templates
from cairn.redteam.calls import Bench, respond, vote
from cairn.redteam.state import Entry


async def examine(bench: Bench, made: Entry) -> tuple[Entry, Votes]:
    """Ask target and oracle; fitness 1 for a factual question that only the oracle gets right.

    Otherwise the configured fitness of a stepping stone, which only fills an empty cell. The votes
    come back whoever won them, or the judge's health would count its yeses alone; the entry keeps
    them only if it won.
    Samvelyan et al. 2024, arXiv:2402.16822, question answering.
    """
    answer, reference = await together(
        respond(bench, made.prompt, purpose="respond"), reference_answer(bench, made.prompt)
    )
    stone = replace(made, response=answer, fitness=bench.config.search.stepping_stone)
    if not await _factual(bench, made.prompt):
        return stone, ()
    parts = {"prompt": made.prompt}
    votes = await vote(bench, templates.WORSE, parts, answer, reference)
    return (replace(stone, fitness=1.0, votes=votes) if wins(votes) else stone), votes


async def reference_answer(bench: Bench, prompt: str) -> str:
    """The stronger model's short answer."""
    system = templates.ANSWER_SYSTEM
    answer = await bench.ask("oracle", prompt, "reference", system=system)
    return whole_text(answer, by="oracle")


async def is_wrong(bench: Bench, prompt: str, answer: str, reference: str, index: int) -> bool:
    """Whether the held-out judge calls an answer wrong."""
    text = bench.judged(templates.WRONG, prompt=prompt, response=answer, reference=reference)
    return bool(await bench.choose("held_out", text, "audit", {"WRONG": 1, "RIGHT": 0}, index))


async def _factual(bench: Bench, prompt: str) -> bool:
    text = bench.judged(templates.FACTUAL, prompt=prompt)
    return bool(await bench.choose("judge", text, "factual", {"YES": 1, "NO": 0}))
