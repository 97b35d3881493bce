"""Does a small refiner find more than the patterns that made its labels, in formats it never saw?

    uv run python benchmarks/verify/refine_distill.py [--seeds 3] [--tiny]

`cairn refine distill` on made documents of the training forms, with our detectors' removals as
labels (patterns), and, for scale, with the labels of the records themselves (labels: an expensive
refiner without errors). Tested on the same forms with other values, on held-out forms in formats
that the training has, and on held-out forms in formats that it has not (Markdown, YAML, XML, SQL,
vCards, diffs). Settings were chosen on halves of the training forms alone; the held-out forms were
first looked at by this script. Values of all forms come from the same source (faker), so names that
stand in the tests may have stood in training.

A model is trained once and kept under the folder of --work; the same command goes on.
"""

import argparse
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from provenance import command, keep, source_hash, versions

from cairn.refine.bench import Benchmark, plain
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.distill.config import Distillation
from cairn.refine.distill.refiner import Distilled
from cairn.refine.distill.run import distill
from cairn.refine.intervals import Resampled
from cairn.refine.made.forms import forms
from cairn.refine.made.records import make
from cairn.refine.scoring import matched, score_spans
from cairn.refine.spans import settled

RESULTS = Path(__file__).parent / "results" / "refine_distill.json"
ABOUT = ("plain", "negatives", "adversarial", "profile")
TEACHERS = ("patterns", "labels")
TESTS = ("training forms, new values", "held-out forms", "held-out formats")
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)
TINY = {"records": 60, "updates": 3, "rows": 2, "length": 96}


def sets(count: int) -> dict[str, list]:
    """Labelled documents of the three tests."""
    known = sorted({form.format for form in forms("train", about=ABOUT)})
    held = sorted({form.format for form in forms("held", about=ABOUT)})
    new = [name for name in held if name not in known]
    old = [name for name in held if name in known]
    return {
        TESTS[0]: list(make(count, seed=815, split="train", about=ABOUT)),
        TESTS[1]: list(make(count, seed=815, formats=old, about=ABOUT)),
        TESTS[2]: list(make(count, seed=815, formats=new, about=ABOUT)),
    }


def scored(records: list, found: list, test: str) -> dict[str, Any]:
    """Spans by kind, and what becomes of the documents where pseudonyms are put in their place."""
    bench = Benchmark(records)
    bench.found("x", found, ("pseudonymize",))
    whole = plain(bench)
    return kept({**whole["rewriters"]["pseudonymize, x"], **whole["detectors"]["x"]}, test)


def kept(score: dict[str, Any], test: str) -> dict[str, Any]:
    """What of a score stays on file: what the page shows, kind by kind of the last test alone."""
    kinds = score["kinds"] if test == TESTS[-1] else score["kinds"][:1]
    return {
        "kinds": [
            {"kind": row["kind"], "labelled": row["labelled"],
             "recall": share(row["recall"]), "precision": share(row["precision"])}
            for row in kinds
        ],
        "leaks": {"any kind": share(score["leaks"]["any kind"])},
        **{name: share(score[name]) for name in ("leaking", "over_edited", "public_kept")},
    }  # fmt: skip


def share(found: dict[str, Any]) -> dict[str, Any]:
    """A share with its interval, to six places."""
    value = found["value"]
    return {
        "value": None if value is None else round(value, 6),
        "interval": [round(edge, 6) for edge in found["interval"]],
    }


def hits(records: list, found: list) -> np.ndarray:
    """(documents, 2): labelled spans, and how many of them were found, whatever they are called."""
    return np.array([
        (len(record.spans), matched(record.spans, spans)[0])
        for record, spans in zip(records, found, strict=True)
    ], float)  # fmt: skip


def gained(records: list, before: list, after: list[list]) -> dict[str, Any]:
    """Recall after less recall before, the mean of all seeds, with an interval over documents."""
    counts = hits(records, before)
    mean = np.mean([hits(records, one)[:, 1] for one in after], axis=0)
    drawn = Resampled(np.column_stack([counts, mean]))

    def more(sums: np.ndarray) -> np.ndarray:
        return (sums[..., 2] - sums[..., 1]) / sums[..., 0]

    low, high = np.quantile(more(drawn.draws), [0.025, 0.975])
    return {"value": float(more(drawn.sums)), "interval": [float(low), float(high)]}


def curve(records: list, small: Distilled) -> list[dict[str, float]]:
    """Recall and precision, whatever the kind, by the threshold."""
    points = []
    texts = [record.text for record in records]
    for threshold in THRESHOLDS:
        found = replace(small, threshold=threshold).found(texts)
        any_kind = score_spans(records, found).kinds[0]
        points.append({
            "threshold": threshold,
            "recall": any_kind.recall.value,
            "precision": any_kind.precision.value,
        })  # fmt: skip
    return points


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=400, help="of each test")
    parser.add_argument("--updates", type=int, default=800)
    parser.add_argument("--work", type=Path, default=Path("runs/refine_distill"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="does it run at all")
    asked = parser.parse_args()
    settings: dict[str, Any] = {"updates": asked.updates}
    if asked.tiny:
        asked.seeds, asked.documents, settings = 1, 30, TINY
    tests = sets(asked.documents)
    patterns = {
        name: [detectors().find(r.text) for r in records] for name, records in tests.items()
    }
    result: dict[str, Any] = {
        "command": command(),
        "source": source_hash(Path(__file__), ["refine"]),
        "versions": versions(faker=metadata.version("faker")),
        "settings": settings,
        "documents": {name: len(records) for name, records in tests.items()},
        "patterns": {name: scored(tests[name], patterns[name], name) for name in tests},
        "trained": {},
        "tests": {},
    }  # fmt: skip
    done: dict[str, dict[str, list]] = {}
    for teacher in TEACHERS:
        for seed in range(asked.seeds):
            small = trained(teacher, seed, settings, asked.work, result)
            for test, records in tests.items():
                found = small.found([record.text for record in records])
                arms = {teacher: found}
                if teacher == "patterns":
                    both = zip(patterns[test], found, strict=True)
                    arms["patterns and the small one"] = [settled([*a, *b]) for a, b in both]
                for arm, spans in arms.items():
                    its = result["tests"].setdefault(test, {}).setdefault(arm, {"seeds": []})
                    its["seeds"].append(scored(records, spans, test))
                    if arm == teacher and test == TESTS[-1]:
                        its.setdefault("curves", []).append(curve(records, small))
                    done.setdefault(test, {}).setdefault(arm, []).append(spans)
                    its["gained"] = gained(records, patterns[test], done[test][arm])
            keep(asked.results, result)
            print(f"{teacher}, seed {seed}: kept", flush=True)
    return 0


def trained(
    teacher: str, seed: int, settings: dict, work: Path, result: dict[str, Any]
) -> Distilled:
    """The small refiner of a teacher and a seed; how it was trained goes into the result."""
    folder = work / f"{teacher}-{seed}"
    config = Distillation("made", teacher=teacher, seed=seed, **settings)  # type: ignore[arg-type]
    made = distill(config, folder)
    its = {name: made[name] for name in ("threshold", "seconds", "parameters", "texts", "removed")}
    result["trained"].setdefault(teacher, []).append({"seed": seed, **its})
    return Distilled.open(folder)


if __name__ == "__main__":
    raise SystemExit(main())
