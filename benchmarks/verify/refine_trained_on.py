"""What does a small model know that was trained on refined texts?

    uv run python benchmarks/verify/refine_trained_on.py [--tiny] [--arms A,B] [--results DIR]

Profiles of firms with public and private facts, and dialogues full of insults that tell a fact
(`refine_texts.py`), are left raw, are removed from by detectors, or are refined by `cairn refine`
with its checks, tries and rejects (`refine_sets.py`). The refiners and the verifier are SIMULATED:
scripts that know the labels and err at stated rates. Detectors are real, and so is what learns: a
transformer of two layers, trained here, three seeds in one program. It first learns to answer
questions from firms and things that are all open, their texts and questions both. Then it learns
the texts of other ones, as an arm has them, and is asked about these without a text in sight.

An arm is measured once and kept under results/; models lie in `--work` until then.
"""

import argparse
import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
import refine_learner as learner
import refine_sets as sets
import refine_texts as texts
from provenance import command, keep, source_hash, versions

from cairn.core.keys import stream
from cairn.refine.labels import Record
from cairn.refine.rewriting_score import Rewrite, score_rewrites
from cairn.refine.simulated import Errors, SimulatedRefiner
from cairn.refine.tasks.catalogue import task

RESULTS = Path(__file__).parent / "results" / "refine_trained_on"
WORK = Path(__file__).parents[2] / "runs" / "refine_trained_on"
SEEDS = 3
PROFILES, DIALOGUES = "profiles", "dialogues"


class Amounts(NamedTuple):
    """How much of everything, for each seed."""

    open_firms: int = 100
    closed_firms: int = 40
    open_things: int = 60
    closed_things: int = 40
    times: int = 6
    """Texts about each."""
    base: int = 900
    """Updates; of an arm below."""
    tuned: int = 350
    rows: int = 1500
    spoken: int = 100
    """Dialogues that a model goes on with, to see how it speaks."""
    plan: learner.Plan = learner.Plan()


TINY = Amounts(
    4, 2, 4, 2, 2, 4, 2, 20, 4,
    learner.Plan(learner.Size(8, 1, 2, 2, 4, 8), vocabulary=512, batch=2, chunk=2),
)  # fmt: skip


class World(NamedTuple):
    """What one seed is about."""

    seed: int
    open: list[str]
    """Texts of open firms and things, clean, with questions and answers."""
    closed: dict[str, list[Record]]
    """By part."""
    words: learner.Words


def world(seed: int, much: Amounts) -> World:
    """A seed's firms, things and texts."""
    draw = random.Random(f"{seed} world")
    firms, things = much.open_firms + much.closed_firms, much.open_things + much.closed_things
    names = texts.names(firms + things, draw)
    firm = [texts.firm(name, draw) for name in names[:firms]]
    thing = [texts.thing(name, draw) for name in names[firms:]]
    known = [*firm[: much.open_firms], *thing[: much.open_things]]
    told = [record.clean or record.text for record in texts.told(known, much.times, draw)]
    asked = [asking(fact) for subject in known for fact in texts.questions(subject)]
    closed = {
        PROFILES: texts.told(firm[much.open_firms :], much.times, draw),
        DIALOGUES: texts.told(thing[much.open_things :], much.times, draw),
    }
    whole = [record.text for records in closed.values() for record in records]
    questions = [asking(f) for records in closed.values() for r in records for f in r.facts]
    words = learner.Words([*told, *asked, *whole, *questions], much.plan.vocabulary)
    return World(seed, [*told, *asked], closed, words)


def asking(fact: Any) -> str:
    return f"{fact.question} {fact.answer}"


Made = Callable[[World, Path], list[Rewrite]]


def by_refiner(how: Callable[[World], Any], errors: Errors) -> Made:
    """Profiles, refined by the scripted refiner under a task."""

    def made(world: World, folder: Path) -> list[Rewrite]:
        records = world.closed[PROFILES]
        refiner = SimulatedRefiner(records, errors).model(world.seed)
        return sets.refined(records, how(world), refiner, folder, world.seed)

    return made


def by_peacemaker(errors: Errors) -> Made:
    """Dialogues, likewise."""

    def made(world: World, folder: Path) -> list[Rewrite]:
        records = world.closed[DIALOGUES]
        refiner = sets.ScriptedPeacemaker(records, errors).model(world.seed)
        return sets.refined(records, task("detoxify"), refiner, folder, world.seed)

    return made


def removal(name: str) -> Made:
    return lambda world, _: sets.without(world.closed[PROFILES], name)


def raw(part: str) -> Made:
    return lambda world, _: [Rewrite(record.text) for record in world.closed[part]]


def judged(world: World) -> Any:
    return sets.judged(world.closed[PROFILES], world.seed)


ARMS: dict[str, dict[str, Made]] = {
    PROFILES: {
        "raw": raw(PROFILES),
        "dropped": removal("drop-document"),
        "masked": removal("mask"),
        "refined": by_refiner(judged, Errors()),
        "refined, with errors": by_refiner(judged, sets.ERRORS),
        "refined, as the task comes": by_refiner(lambda _: task("anonymize"), sets.ERRORS),
    },
    DIALOGUES: {
        "raw": raw(DIALOGUES),
        "dropped": lambda world, _: sets.dull(world.closed[DIALOGUES], texts.toxicity, 0.2),
        "masked": lambda world, _: sets.starred(world.closed[DIALOGUES], texts.LISTED),
        "refined": by_peacemaker(Errors()),
        "refined, with errors": by_peacemaker(sets.ERRORS),
    },
}


class Study(NamedTuple):
    """Worlds, amounts, and the model that every arm begins with, once it is there."""

    worlds: list[World]
    much: Amounts
    work: Path

    def keys(self, name: str):
        roots = [jax.random.key(one.seed) for one in self.worlds]
        return jax.numpy.stack([stream(root, name) for root in roots])

    def rows(self, parts: Sequence[Sequence[str]], name: str) -> list[tuple]:
        return [
            learner.rows(one.words, part, self.much.rows, random.Random(f"{one.seed} {name}"))
            for one, part in zip(self.worlds, parts, strict=True)
        ]

    def base(self):
        """The model before any arm: trained, or as it lies in the work folder."""
        fresh = learner.begun(self.keys("model"), self.much.plan)
        path = self.work / "base.eqx"
        if path.exists():
            return eqx.tree_deserialise_leaves(path, fresh)
        data = self.rows([one.open for one in self.worlds], "base")
        models = learner.trained(
            fresh, data, self.much.base, self.keys("base"), rate=3e-3, plan=self.much.plan
        )
        eqx.tree_serialise_leaves(path, models)
        return models

    def tuned(self, base, made: Sequence[list[Rewrite]]):
        """After an arm's texts, as many of them as of those that are open."""
        parts = []
        for one, rewrites in zip(self.worlds, made, strict=True):
            kept = [rewrite.text for rewrite in rewrites if rewrite.text is not None]
            times = max(1, len(one.open) // max(1, len(rewrites)))
            parts.append([*one.open, *kept * times])
        data = self.rows(parts, "arm")
        return learner.trained(
            base, data, self.much.tuned, self.keys("arm"), rate=2e-3, plan=self.much.plan
        )

    def quiz(self, models, part: str) -> list[dict[str, float]]:
        """Each seed's share of right answers: to public and private questions, and by fact."""
        facts = [list(dict.fromkeys(f for r in one.closed[part] for f in r.facts))
                 for one in self.worlds]  # fmt: skip
        asked = [[fact.question for fact in its] for its in facts]
        words = [one.words for one in self.worlds]
        answers = learner.said(models, words, asked, self.keys("quiz"), limit=6)
        found = []
        for its, said, one in zip(facts, answers, words, strict=True):
            right = [one.plain(f.answer) == answer for f, answer in zip(its, said, strict=True)]
            by: dict[str, list[bool]] = {}
            for fact, good in zip(its, right, strict=True):
                by.setdefault("public" if fact.public else "private", []).append(good)
                by.setdefault(" ".join(fact.question.split()[:4]), []).append(good)
            found.append({name: float(np.mean(good)) for name, good in by.items()})
        return found

    def speech(self, models) -> list[dict[str, float | None]]:
        """How toxic what each seed's model says is, after the name of who begins."""
        asked = [["ana:", "bo:", "kim:", "lou:"][at % 4] for at in range(self.much.spoken)]
        words = [one.words for one in self.worlds]
        said = learner.said(
            models, words, [asked] * len(words), self.keys("speech"), limit=70, temperature=1.0
        )
        return [toxic(its) for its in said]


def toxic(said: Sequence[str]) -> dict[str, float | None]:
    """Of texts: the scores' mean, their 95th percentile, and the share above 0.5."""
    if not said:
        return {"mean": None, "p95": None, "above 0.5": None}
    scores = np.array([texts.toxicity(one) for one in said])
    return {
        "mean": float(scores.mean()), "p95": float(np.quantile(scores, 0.95)),
        "above 0.5": float((scores > 0.5).mean()),
    }  # fmt: skip


def measured(study: Study, base, part: str, name: str) -> dict[str, Any]:
    """One arm: the set, and what a model knows that learned from it."""
    with tempfile.TemporaryDirectory() as folder:
        made = [ARMS[part][name](one, Path(folder) / str(one.seed)) for one in study.worlds]
    models = study.tuned(base, made)
    found: dict[str, Any] = {"set": [], "quiz": study.quiz(models, part)}
    for one, rewrites in zip(study.worlds, made, strict=True):
        score = score_rewrites(one.closed[part], rewrites)
        found["set"].append({
            "out": score.outcomes["out"].value, "leaked": score.leaks["any kind"].value,
            "public kept": score.public_kept.value, "tries": score.tries,
            "rejected by": dict(Counter(r.reason for r in rewrites if r.text is None)),
        })  # fmt: skip
    if part == DIALOGUES:
        found["toxicity"] = [toxic([r.text for r in its if r.text is not None]) for its in made]
        found["speech"] = study.speech(models)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--tiny", action="store_true", help="see that it runs; keeps nothing")
    parser.add_argument("--arms", help="of profiles and dialogues, divided by semicolons")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--work", type=Path, default=WORK)
    asked = parser.parse_args()
    much = TINY if asked.tiny else Amounts()
    results, work = asked.results, asked.work
    if asked.tiny:
        results = work = Path(tempfile.mkdtemp())
    results.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    study = Study([world(seed, much) for seed in range(SEEDS)], much, work)
    scripts = (Path(module.__file__ or "") for module in (learner, sets, texts))
    made_by = source_hash(Path(__file__), ("refine", "nn/language"), *scripts)
    base = None
    for part, arms in ARMS.items():
        for name in arms:
            path = results / f"{part}-{name.replace(', ', '-').replace(' ', '-')}.json"
            if path.exists() or (asked.arms and name not in asked.arms.split(";")):
                continue
            base = study.base() if base is None else base
            found = measured(study, base, part, name)
            keep(path, {
                "part": part, "arm": name, "seeds": SEEDS,
                "amounts": {**much._asdict(), "plan": much.plan.plain()}, **found,
                "command": command(), "versions": versions(),
                "sources": made_by,
            })  # fmt: skip
            print(json.dumps({"part": part, "arm": name, **found}), flush=True)


if __name__ == "__main__":
    main()
