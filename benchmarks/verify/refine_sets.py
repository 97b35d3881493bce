"""The sets of texts that `refine_trained_on.py` trains on, made of raw ones: removed from by
detectors, or refined by `cairn refine`, its own path with its checks, retries and rejects."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cairn.core.draws import DrawKey
from cairn.lm.cast import Player
from cairn.lm.completion import Completion
from cairn.lm.errors import RejectedError
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel
from cairn.lm.simulated import REFUSAL
from cairn.refine.baselines import removed
from cairn.refine.config import RefineConfig
from cairn.refine.detectors.catalogue import STANDARD, detectors
from cairn.refine.distill.config import Distillation
from cairn.refine.distill.refiner import Distilled
from cairn.refine.distill.run import distill
from cairn.refine.labels import Record
from cairn.refine.rewriting_score import Rewrite
from cairn.refine.run import refine
from cairn.refine.simulated import LABEL, Errors, SimulatedVerifier
from cairn.refine.spans import Span
from cairn.refine.tasks.base import Task
from cairn.refine.tasks.catalogue import task

ERRORS = Errors(leak=0.05, over=0.01, refuse=0.03, cut=0.01, heed=0.5)
"""Of the scripted refiner, where it makes any."""
MISS, ALARM = 0.1, 0.02
"""Of the scripted verifier, which stands for somebody who knows what is private by the context."""


def judged(records: Sequence[Record], seed: int) -> Task:
    """`anonymize` for who has a judge of names: without the detector of names, with a verifier."""
    base = nameless()
    verifier = SimulatedVerifier(records, MISS, ALARM, seed)
    return replace(base, name="anonymize-judged", checks=(*base.checks, verifier))


def nameless() -> Task:
    """`anonymize` without the detector of names, to which founders are private people."""
    base = task("anonymize")
    finds = detectors([name for name in STANDARD if name != "names"])
    checks = tuple(
        replace(check, finder=finds) if check.name == "residual" else check for check in base.checks
    )
    return replace(base, name="anonymize-nameless", detectors=(finds,), checks=checks)


def distilled(
    records: Sequence[Record], refiner: Player, folder: Path, updates: int, seed: int
) -> Distilled:
    """A small refiner, from what an expensive one made of these records in a run."""
    refined(records, judged(records, seed), refiner, folder, seed)
    distill(Distillation(str(folder / "run"), updates=updates, seed=seed), folder / "small")
    return Distilled.open(folder / "small")


def refined(
    records: Sequence[Record], how: Task, refiner: Player, folder: Path, seed: int
) -> list[Rewrite]:
    """What a run of `cairn refine` makes of each record, read from its output and its rejects."""
    folder.mkdir(parents=True)
    source, sink = folder / "raw.jsonl", folder / "refined.jsonl"
    rows = ({"id": record.id, "text": record.text} for record in records)
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = RefineConfig(str(source), str(sink), how.name, id="id", simulation=0.0, seed=seed)
    counted = refine(config, folder / "run", how, players={"refiner": refiner}, show=False)
    assert counted.stopped == "finished" and counted.accepted + counted.rejected == len(records)
    found: dict[str, Rewrite] = {}
    for row in _lines(sink):
        found[row["id"]] = Rewrite(row["text"], "out", row["refined"]["tries"])
    for row in _lines(Path(str(counted.rejects))):
        found[row["id"]] = Rewrite(None, "dropped", 1, row["check"])
    return [found[record.id] for record in records]


def without(records: Sequence[Record], removal: str) -> list[Rewrite]:
    """What a way of removal makes of them, by what the detectors of `anonymize` find."""
    (finds,) = task("anonymize").detectors
    return removed(records, [finds.find(record.text) for record in records], removal)


def dull(records: Sequence[Record], score, most: float) -> list[Rewrite]:
    """Those whose toxicity is at most `most`; the others are dropped."""
    return [
        Rewrite(record.text) if score(record.text) <= most else Rewrite(None, "dropped")
        for record in records
    ]


def starred(records: Sequence[Record], listed: Sequence[str]) -> list[Rewrite]:
    """A tag in the place of each word of a list."""
    found = []
    for record in records:
        spans, at = [], 0
        for word in record.text.replace(",", " ").replace("\n", " ").split(" "):
            if word in listed:
                spans.append(Span(at, at + len(word), "INSULT"))
            at += len(word) + 1
        found.append(spans)
    return removed(records, found, "mask")


class ScriptedPeacemaker:
    """SIMULATED: takes the labelled abuse out of dialogues that it has labels of, with `Errors`:
    `leak` is the chance that an insult stays, `over` that a word outside goes."""

    def __init__(self, records: Sequence[Record], errors: Errors):
        self.errors, self.by_text = errors, {record.text: record for record in records}

    def model(self, seed: int) -> ScriptedModel:
        rates = "-".join(f"{value:g}" for value in vars(self.errors).values())
        return ScriptedModel(self.answer, f"{LABEL}-peacemaker-{rates}", seed)

    def answer(self, request: Request, key: DrawKey) -> str | Completion:
        before, text = asked(request)
        record = self.by_text.get(text)
        if record is None:
            raise RejectedError("the scripted peacemaker has no labels of this text")
        draw = key.random()
        scale = 1 - self.errors.heed if "was turned down by the check" in before else 1.0
        if draw.random() < scale * self.errors.refuse:
            return REFUSAL
        early = draw.random() < scale * self.errors.cut
        parts, at = [], 0
        for span in (*record.spans, Span(len(text), len(text), "")):
            words = text[at : span.start].split(" ")
            kept = [w for w in words if "\n" in w or draw.random() >= scale * self.errors.over]
            parts.append(" ".join(kept))
            if draw.random() < scale * self.errors.leak:
                parts.append(record.value(span))
            at = span.end
        whole = "".join(parts)
        return Completion(whole[: len(whole) // 2], "length") if early else whole


def asked(request: Request) -> tuple[str, str]:
    """What a request of `Task.prompt` says before its text, and the text."""
    before, _, rest = request.messages[-1].content.rpartition("\n\n<text-")
    return before, rest.partition(">\n")[2].rpartition("\n</text-")[0]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
