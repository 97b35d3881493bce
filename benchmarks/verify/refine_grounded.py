"""Is a refined set more diverse than one without grounding, if the same small model writes both?

    uv run python benchmarks/verify/refine_grounded.py [--tiny] [--results FILE]

Texts: stretches of documentation from Python's standard library and NumPy, 18 words and signs, in
which somebody's name is planted. A transformer of two layers, trained here, learns from one half
of its rows to write a stretch again, with an invented name in the place of the other, and from the
other half to write such a stretch with nothing before it. So one model writes both sets:

- refined: it plays the refiner in `cairn refine`, on stretches of paragraphs that it has not seen;
  a rewrite in which detectors' names of the original are left, or which is no rewrite by its
  length, is tried again and then rejected;
- synthetic, without grounding: as many texts with no source.

Nothing here is simulated but the pairs it learned from, which are made. Diversity is measured as in
the report of a run, against the raw stretches, as the model reads them: words beyond its table are
numbers in all sets.
"""

import argparse
import json
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import refine_learner as learner
import refine_sets as sets
import refine_texts as texts
from provenance import command, keep, source_hash, versions
from refine_diversity import paragraphs

from cairn.core.keys import stream
from cairn.core.vocabulary import BOS, EOS, PAD, SEP
from cairn.lm.completion import Completion, Usage
from cairn.lm.request import Request, cache_key
from cairn.refine.checks.form import Length
from cairn.refine.checks.private import Leak
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.diversity import measured
from cairn.refine.labels import Record
from cairn.refine.rewriting_score import score_rewrites
from cairn.refine.spans import Span
from cairn.refine.tasks.base import Task

RESULTS = Path(__file__).parent / "results" / "refine_trained_on" / "grounded.json"
SEEDS, STRETCH, TRIES = 3, 18, 3
HEATS = (1.0, 0.7)
OTHERS = (
    ("Arvo", "Brisca", "Celwin", "Dorra", "Elvane", "Farric", "Gisla", "Hestor", "Ilka", "Jorun"),
    ("Aldermoor", "Brackwell", "Cornavin", "Dunsley", "Everholt", "Fennimar", "Garrowby", "Hexham"),
)
"""Invented names, first and last."""


class Amounts(NamedTuple):
    """How much of everything, for each seed."""

    learned: int = 3000
    """Stretches that are learned from."""
    written: int = 400
    updates: int = 900
    plan: learner.Plan = learner.Plan(vocabulary=1536)


TINY = Amounts(
    40, 8, 4, learner.Plan(learner.Size(8, 1, 2, 2, 4, 8), vocabulary=512, batch=2, chunk=2)
)
TASK = Task(
    "other-names", "Write the text again, with another name in the place of the one in it.",
    (Length(), Leak()), (detectors(("names",)),), tries=TRIES,
)  # fmt: skip


class World(NamedTuple):
    """One seed's stretches, as the model reads them."""

    seed: int
    words: learner.Words
    pairs: list[tuple[str, str]]
    """Learned from: raw, with another name."""
    raw: list[Record]
    """Of paragraphs that nothing is learned from."""


def world(seed: int, much: Amounts) -> World:
    """Stretches by seed; the table holds names and the commonest words of what is learned."""
    draw = random.Random(f"{seed} grounded")
    every = paragraphs()
    draw.shuffle(every)
    fresh, known = every[: len(every) // 5], every[len(every) // 5 :]
    stretches = [part for text in known for part in _stretches(text)]
    draw.shuffle(stretches)
    stretches = stretches[: much.learned]
    count = Counter(word for words in stretches for word in words)
    names = [*texts.FIRST, *texts.LAST, *OTHERS[0], *OTHERS[1]]
    room = much.plan.vocabulary - learner.OTHERS - 4 - len(names)
    words = learner.Words([*names, *(word for word, _ in count.most_common(room))], 10**6)
    pairs = [_planted(words, part, draw) for part in stretches]
    held = [part for text in fresh for part in _stretches(text)]
    draw.shuffle(held)
    raw = []
    for number, part in enumerate(held[: much.written]):
        text, _ = _planted(words, part, draw)
        (at,) = [n for n, word in enumerate(text.split()) if word in texts.FIRST][:1]
        before = len(" ".join([*text.split()[:at], ""]))
        name = " ".join(text.split()[at : at + 2])
        spans = (Span(before, before + len(name), "PERSON", by="made"),)
        raw.append(Record(str(number), text, spans=spans))
    return World(seed, words, pairs, raw)


def _stretches(text: str) -> list[list[str]]:
    """A paragraph in pieces of STRETCH words and signs; what is left over is left out."""
    names = {*texts.FIRST, *texts.LAST}
    words = [word for word in learner.WORD.findall(text) if word not in names]
    return [words[at : at + STRETCH] for at in range(0, len(words) - STRETCH + 1, STRETCH)]


def _planted(words: learner.Words, part: list[str], draw: random.Random) -> tuple[str, str]:
    """A stretch with somebody in it, and with somebody else."""
    at = draw.randrange(1, STRETCH)
    known = words.plain(" ".join(part)).split()
    one = [draw.choice(texts.FIRST), draw.choice(texts.LAST)]
    two = [draw.choice(OTHERS[0]), draw.choice(OTHERS[1])]
    return " ".join([*known[:at], *one, *known[at:]]), " ".join([*known[:at], *two, *known[at:]])


def rows(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Each pair as `raw SEP rewrite`, and its raw text as `SEP raw`."""
    length = 2 * (STRETCH + 2) + 3
    tokens = np.full((2 * len(world.pairs), length), PAD, np.int32)
    which = np.full((2 * len(world.pairs), length), -1, np.int32)
    for at, (raw, other) in enumerate(world.pairs):
        told, said = _ids(world.words, raw), _ids(world.words, other)
        for row, ids in (
            (2 * at, [BOS, *told, SEP, *said, EOS]),
            (2 * at + 1, [BOS, SEP, *told, EOS]),
        ):
            tokens[row, : len(ids)], which[row, : len(ids)] = ids, 0
    return tokens, which


def _ids(words: learner.Words, text: str) -> list[int]:
    """Of a text as the model reads it, where a word beyond the table is its number."""
    return [words.ids[word] for word in text.split()]


def written(models, worlds: list[World], prompts: list[list[list[int]]], keys, heat: float):
    """Texts after prompts of equal length."""
    lengths = np.array([[len(ids) for ids in its] for its in prompts], np.int32)
    tokens = np.asarray(
        learner.sampled(
            models, np.array(prompts, np.int32), lengths, keys, jnp.float32(heat), STRETCH + 4
        )
    )
    return [[one.words.decode(row) for row in its.tolist()]
            for one, its in zip(worlds, tokens, strict=True)]  # fmt: skip


class Player:
    """The model as `cairn refine` asks it: its sampled rewrites, made in one go."""

    def __init__(self, name: str, known: dict[str, list[str]]):
        self.identity, self.known = f"local transformer {name}", known

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """One of the rewrites, by request and sample."""
        _, told = sets.asked(request)
        number = int.from_bytes(cache_key("", request, sample)[:4], "big")
        text = self.known[told][number % TRIES]
        return Completion(text or " ", usage=Usage(len(told), len(text)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--tiny", action="store_true", help="see that it runs; keeps nothing")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    if asked.results.exists() and not asked.tiny:
        raise SystemExit(f"{asked.results} is there: delete it to measure again.")
    much = TINY if asked.tiny else Amounts()
    worlds = [world(seed, much) for seed in range(SEEDS)]
    roots = [jax.random.key(seed) for seed in range(SEEDS)]
    keys = lambda name: jnp.stack([stream(root, name) for root in roots])  # noqa: E731
    models = learner.trained(
        learner.begun(keys("model"), much.plan), [rows(one) for one in worlds], much.updates,
        keys("learning"), rate=3e-3, plan=much.plan,
    )  # fmt: skip
    found: dict[str, Any] = {}
    for heat in HEATS:
        asked_for = [[[BOS, *_ids(one.words, r.text), SEP] for r in one.raw for _ in range(TRIES)]
                     for one in worlds]  # fmt: skip
        rewrites = written(models, worlds, asked_for, keys(f"refined {heat}"), heat)
        free = written(models, worlds, [[[BOS, SEP]] * much.written] * SEEDS,
                       keys(f"free {heat}"), heat)  # fmt: skip
        for one, its, others in zip(worlds, rewrites, free, strict=True):
            for name, its_figures in figures(one, its, others, heat).items():
                found.setdefault(f"{name}, temperature {heat}", []).append(its_figures)
    result = {
        "seeds": SEEDS, "amounts": {**much._asdict(), "plan": much.plan.plain()}, "sets": found,
        "command": command(), "versions": versions(),
        "sources": source_hash(
            Path(__file__), ("refine", "nn/language"),
            *(Path(module.__file__ or "") for module in (learner, sets, texts)),
        ),
    }  # fmt: skip
    if not asked.tiny:
        keep(asked.results, result)
    print(json.dumps(found, indent=1))


def figures(one: World, rewrites: list[str], free: list[str], heat: float) -> dict[str, Any]:
    """One seed at one temperature: diversity of both sets, and how good the rewrites are."""
    known = {record.text: rewrites[TRIES * at : TRIES * at + TRIES]
             for at, record in enumerate(one.raw)}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        player = Player(f"{one.seed} {heat}", known)
        made = sets.refined(one.raw, TASK, player, Path(folder) / "run", one.seed)
    pairs = [(r, m) for r, m in zip(one.raw, made, strict=True) if m.text is not None]
    score = score_rewrites(one.raw, made)
    refined = _measured([(r.text, str(m.text)) for r, m in pairs])
    refined |= {
        "accepted": len(pairs) / len(one.raw), "leaked": score.leaks["any kind"].value,
        "words changed outside": score.over_edited.value,
    }  # fmt: skip
    return {
        "refined": refined,
        "without grounding": _measured(
            [(r.text, text) for r, text in zip(one.raw, free, strict=True)]
        ),
    }


def _measured(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Measures of the raw texts and of those beside them; of how many different ones."""
    groups = measured(("all", raw, other) for raw, other in pairs)
    measures = groups[0].measures if groups else ()
    return {
        "texts": len(pairs), "unique": len({other for _, other in pairs}) / max(1, len(pairs)),
        "measures": {m.name: [m.before, m.after] for m in measures},
    }  # fmt: skip


if __name__ == "__main__":
    main()
