"""What does a small model know that was trained on refined texts?

    uv run python benchmarks/verify/refine_trained_on.py [--tiny] [--arms A,B] [--results DIR]

Profiles of firms with public and private facts, and dialogues full of insults that tell a fact
(`refine_texts.py`), are left raw, are removed from by detectors, or are refined by `cairn refine`
with its checks, tries and rejects (`refine_sets.py`). The refiners and the verifier are SIMULATED:
scripts that know the labels and err at stated rates. Detectors are real, and so is what learns: a
transformer of two layers, trained here from nothing, three seeds in one program. It learns to
answer questions from firms or things that are open, their texts and questions both, and beside
them the texts of other ones as an arm has them; it is asked about these without a text in sight.

An arm is measured once and kept under results/.
"""

import argparse
import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
SEEDS = 3
PROFILES, DIALOGUES = "profiles", "dialogues"


class Amounts(NamedTuple):
    """How much of everything, for each seed and part."""

    open: int = 140
    """Firms, or things, that are asked about in what is learned."""
    closed: int = 40
    times: int = 6
    """Texts about each."""
    updates: int = 900
    rows: int = 1500
    spoken: int = 100
    """Dialogues that a model begins, to see how it speaks."""
    distilled: int = 200
    """Updates of the distilled refiner."""
    plan: learner.Plan = learner.Plan(vocabulary=704)


TINY = Amounts(
    4, 2, 2, 4, 20, 4, 2,
    learner.Plan(learner.Size(8, 1, 2, 2, 4, 8), vocabulary=512, batch=2, chunk=2),
)  # fmt: skip


class World(NamedTuple):
    """What one seed is about, in one part."""

    seed: int
    open: list[str]
    """Texts about what is open, clean, with questions and answers."""
    closed: list[Record]
    words: learner.Words
    much: Amounts


def world(part: str, seed: int, much: Amounts) -> World:
    """A seed's firms or things, and texts."""
    draw = random.Random(f"{seed} {part}")
    make = texts.firm if part == PROFILES else texts.thing
    subjects = [make(name, draw) for name in texts.names(much.open + much.closed, draw)]
    known, asked = subjects[: much.open], subjects[much.open :]
    told = [record.clean or record.text for record in texts.told(known, much.times, draw)]
    told += [asking(fact) for subject in known for fact in texts.questions(subject)]
    closed = texts.told(asked, much.times, draw)
    answers = [asking(fact) for record in closed for fact in record.facts]
    words = learner.Words(
        [*told, *(record.text for record in closed), *answers], much.plan.vocabulary
    )
    return World(seed, told, closed, words, much)


def asking(fact: Any) -> str:
    return f"{fact.question} {fact.answer}"


Made = Callable[[World, Path], list[Rewrite]]


def by_refiner(how: Callable[[World], Any], errors: Errors) -> Made:
    """Profiles, refined by the scripted refiner under a task."""

    def made(world: World, folder: Path) -> list[Rewrite]:
        records = world.closed
        refiner = SimulatedRefiner(records, errors).model(world.seed)
        return sets.refined(records, how(world), refiner, folder, world.seed)

    return made


def by_student(world: World, folder: Path) -> list[Rewrite]:
    """Profiles, refined by a small model that was distilled from the scripted refiner with errors:
    from a run over as many texts about other firms. Nothing simulated has a part in this run."""
    draw = random.Random(f"{world.seed} student")
    taken = {record.id.split("-")[0] for record in world.closed}
    names = [name for name in texts.names(world.much.open, draw) if name not in taken]
    others = texts.told([texts.firm(name, draw) for name in names], 2, draw)
    refiner = SimulatedRefiner(others, sets.ERRORS).model(world.seed)
    updates = world.much.distilled
    small = sets.distilled(others, refiner, folder / "student", updates, world.seed)
    records = world.closed
    return sets.refined(records, sets.nameless(), small.model(), folder / "run", world.seed)


def by_peacemaker(errors: Errors) -> Made:
    """Dialogues, likewise."""

    def made(world: World, folder: Path) -> list[Rewrite]:
        records = world.closed
        refiner = sets.ScriptedPeacemaker(records, errors).model(world.seed)
        return sets.refined(records, task("detoxify"), refiner, folder, world.seed)

    return made


def removal(name: str) -> Made:
    return lambda world, _: sets.without(world.closed, name)


def raw(world: World, _: Path) -> list[Rewrite]:
    return [Rewrite(record.text) for record in world.closed]


def judged(world: World) -> Any:
    return sets.judged(world.closed, world.seed)


ARMS: dict[str, dict[str, Made]] = {
    PROFILES: {
        "raw": raw,
        "dropped": removal("drop-document"),
        "masked": removal("mask"),
        "refined": by_refiner(judged, Errors()),
        "refined, with errors": by_refiner(judged, sets.ERRORS),
        "refined, as the task comes": by_refiner(lambda _: task("anonymize"), sets.ERRORS),
        "refined, distilled": by_student,
    },
    DIALOGUES: {
        "raw": raw,
        "dropped": lambda world, _: sets.dull(world.closed, texts.toxicity, 0.2),
        "masked": lambda world, _: sets.starred(world.closed, texts.LISTED),
        "refined": by_peacemaker(Errors()),
        "refined, with errors": by_peacemaker(sets.ERRORS),
    },
}

SETS_ALONE = {
    (PROFILES, "refined"), (PROFILES, "refined, as the task comes"),
    (DIALOGUES, "dropped"), (DIALOGUES, "masked"), (DIALOGUES, "refined"),
}  # fmt: skip
"""Arms of which the set is measured, and no model learns from it: each takes four minutes."""


class Study(NamedTuple):
    """The worlds of one part, and amounts."""

    worlds: list[World]
    much: Amounts

    def keys(self, name: str):
        roots = [jax.random.key(one.seed) for one in self.worlds]
        return jax.numpy.stack([stream(root, name) for root in roots])

    def learned(self, made: Sequence[list[Rewrite]]):
        """Each seed's model, from nothing: what is open, and an arm's texts of what is not."""
        data = []
        for one, rewrites in zip(self.worlds, made, strict=True):
            told = [*one.open, *(r.text for r in rewrites if r.text is not None)]
            draw = random.Random(f"{one.seed} rows")
            data.append(learner.rows(one.words, told, self.much.rows, draw))
        fresh = learner.begun(self.keys("model"), self.much.plan)
        return learner.trained(
            fresh, data, self.much.updates, self.keys("learning"), rate=3e-3, plan=self.much.plan
        )

    def quiz(self, models) -> list[dict[str, float]]:
        """Each seed's share of right answers: to public and private questions, and by fact."""
        facts = [list(dict.fromkeys(f for r in one.closed for f in r.facts)) for one in self.worlds]
        asked = [[fact.question for fact in its] for its in facts]
        words = [one.words for one in self.worlds]
        answers = learner.said(models, words, asked, self.keys("quiz"), limit=6)
        found = []
        for its, said, one in zip(facts, answers, words, strict=True):
            right = [one.plain(f.answer) == answer for f, answer in zip(its, said, strict=True)]
            by: dict[str, list[bool]] = {}
            for fact, good in zip(its, right, strict=True):
                by.setdefault("public" if fact.public else "private", []).append(good)
                by.setdefault(" ".join(fact.question.split()[:2]), []).append(good)
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


def measured(study: Study, part: str, name: str) -> dict[str, Any]:
    """One arm: the set, and what a model knows that learned from it."""
    with tempfile.TemporaryDirectory() as folder:
        made = [ARMS[part][name](one, Path(folder) / str(one.seed)) for one in study.worlds]
    found: dict[str, Any] = {"set": []}
    for one, rewrites in zip(study.worlds, made, strict=True):
        score = score_rewrites(one.closed, rewrites)
        found["set"].append({
            "out": score.outcomes["out"].value, "leaked": score.leaks["any kind"].value,
            "public kept": score.public_kept.value, "tries": score.tries,
            "rejected by": dict(Counter(r.reason for r in rewrites if r.text is None)),
        })  # fmt: skip
    if part == DIALOGUES:
        found["toxicity"] = [toxic([r.text for r in its if r.text is not None]) for its in made]
    if (part, name) not in SETS_ALONE:
        models = study.learned(made)
        found["quiz"] = study.quiz(models)
        if part == DIALOGUES:
            found["speech"] = study.speech(models)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--tiny", action="store_true", help="see that it runs")
    parser.add_argument("--arms", help="of profiles and dialogues, divided by semicolons")
    parser.add_argument("--results", type=Path, help="a folder")
    asked = parser.parse_args()
    much = TINY if asked.tiny else Amounts()
    results = asked.results or (Path(tempfile.mkdtemp()) if asked.tiny else RESULTS)
    results.mkdir(parents=True, exist_ok=True)
    scripts = (Path(module.__file__ or "") for module in (learner, sets, texts))
    made_by = source_hash(Path(__file__), ("refine", "nn/language"), *scripts)
    for part, arms in ARMS.items():
        study = Study([world(part, seed, much) for seed in range(SEEDS)], much)
        for name in arms:
            path = results / f"{part}-{name.replace(', ', '-').replace(' ', '-')}.json"
            if path.exists() or (asked.arms and name not in asked.arms.split(";")):
                continue
            found = measured(study, part, name)
            keep(path, {
                "part": part, "arm": name, "seeds": SEEDS,
                "amounts": {**much._asdict(), "plan": much.plan.plain()}, **found,
                "command": command(), "versions": versions(),
                "sources": made_by,
            })  # fmt: skip
            print(json.dumps({"part": part, "arm": name, **found}), flush=True)


if __name__ == "__main__":
    main()
