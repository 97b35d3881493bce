"""Do refined files of code differ in those lines that hold something private, and in no others?

    uv run python benchmarks/verify/refine_code_lines.py [--files 200] [--results FILE] [--tiny]

Line-level agreement, as arXiv:2509.08653 measures it against experts: a line that was changed or
lost is taken for one that was said to be private, and the labels of made files say which are.
A file that is dropped or rejected loses all its lines. Removal by the detectors of the task
`anonymize-code` is real; two refiners are SIMULATED (they know the labels and err at stated rates).
A third one is real: a small model that was distilled from what the scripted one with errors made of
files of the training forms, and that is asked about held-out forms. What refiners write goes the
way of `cairn refine run`, with its checks, tries and rejects.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import refine_sets as sets
from provenance import command, keep, source_hash, versions

from cairn.nn.language.size import Size
from cairn.refine.baselines import removed
from cairn.refine.distill.config import Distillation
from cairn.refine.distill.refiner import Distilled
from cairn.refine.distill.run import distill
from cairn.refine.intervals import Resampled
from cairn.refine.labels import Record
from cairn.refine.made.records import make
from cairn.refine.rewriting_score import Rewrite
from cairn.refine.simulated import Errors, SimulatedRefiner
from cairn.refine.tasks.catalogue import task

SPLITS = ("train", "held")
ABOUT = ("plain", "negatives", "adversarial")
TINY = {"updates": 2, "rows": 1, "length": 32, "size": Size(width=32, layers=1, inner=96)}
RESULTS = Path(__file__).parent / "results" / "refine_trained_on" / "code.json"


def private_lines(record: Record) -> set[int]:
    """The numbers of lines in which a labelled span lies, from 0."""
    return {
        number
        for span in record.spans
        for number in range(
            record.text.count("\n", 0, span.start), record.text.count("\n", 0, span.end - 1) + 1
        )
    }


def changed_lines(record: Record, rewrite: str | None) -> set[int]:
    """The numbers of the original's lines that do not stand in the rewrite, in order."""
    before = record.text.split("\n")
    if rewrite is None:
        return set(range(len(before)))
    pairs = SequenceMatcher(None, before, rewrite.split("\n"), autojunk=False)
    kept = {block.a + at for block in pairs.get_matching_blocks() for at in range(block.size)}
    return set(range(len(before))) - kept


def agreement(records: Sequence[Record], rewrites: Sequence[Rewrite]) -> dict[str, Any]:
    """Precision, recall and F1 of changed lines, with intervals over files; lines that are left."""
    counts = np.array([
        (len(said), len(there), len(said & there), len(record.text.split("\n")))
        for record, rewrite in zip(records, rewrites, strict=True)
        for said, there in [(changed_lines(record, rewrite.text), private_lines(record))]
    ])  # fmt: skip
    out = np.array([rewrite.text is not None for rewrite in rewrites])
    said, there, both, lines = counts.astype(float).T
    columns = (said, there, both, lines, said + there, 2 * both, lines - said)
    drawn = Resampled(np.stack([*columns, said * out, there * out, both * out], axis=1))
    shares = {
        "precision": (2, 0), "recall": (2, 1), "f1": (5, 4), "lines left": (6, 3),
        "precision in files out": (9, 7), "recall in files out": (9, 8),
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, (part, whole) in shares.items():
        share = drawn.share(part, whole)
        found[name] = {"value": share.value, "interval": [share.low, share.high]}
    found["files out"] = float(out.mean())
    found["rejected by"] = Counter(r.reason for r in rewrites if r.text is None and r.reason)
    return found


def arms(records: Sequence[Record], folder: Path, student: Distilled | None) -> dict[str, Any]:
    """All arms on the same files; the distilled refiner's where there is one."""
    how = task("anonymize-code")
    (finds,) = how.detectors
    spans = [finds.find(record.text) for record in records]
    removals = {"files dropped": "drop-document", "lines dropped": "drop-line", "masked": "mask"}
    found = {
        f"{name}, detectors": agreement(records, removed(records, spans, removal))
        for name, removal in removals.items()
    }
    players: dict[str, Any] = {
        f"refined {name}, simulated": (how, SimulatedRefiner(records, errors).model(27))
        for name, errors in (("without errors", Errors()), ("with errors", sets.ERRORS))
    }
    if student is not None:
        players["refined, distilled"] = (replace(how, also=(student,)), student.model())
    for at, (name, (played, player)) in enumerate(players.items()):
        made = sets.refined(records, played, player, folder / f"{at}", 27)
        found[name] = agreement(records, made)
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=200, help="of each half of the forms")
    parser.add_argument("--updates", type=int, default=150, help="of the distilled refiner")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--tiny", action="store_true", help="see that it runs; keeps nothing")
    asked = parser.parse_args()
    settings: dict[str, Any] = {"updates": asked.updates}
    if asked.tiny:
        asked.files, settings = 8, TINY
    elif asked.results.exists():
        raise SystemExit(f"{asked.results} is there: delete it to measure again.")
    began = time.process_time()
    records = {
        split: list(make(asked.files, seed=27, split=split, formats=("code",), about=ABOUT))
        for split in SPLITS
    }
    with tempfile.TemporaryDirectory() as folder:
        known = arms(records["train"], Path(folder) / "train", None)
        # What the scripted refiner with errors made of the training forms is in the second run.
        source = str(Path(folder) / "train" / "1" / "run")
        small = Path(folder) / "small"
        told = distill(Distillation(source, **settings), small)
        held = arms(records["held"], Path(folder) / "held", Distilled.open(small))
    lines = {split: sum(r.text.count("\n") + 1 for r in its) for split, its in records.items()}
    private = {split: sum(len(private_lines(r)) for r in its) for split, its in records.items()}
    found = {"train": known, "held": held}
    result = {
        "files": asked.files, "lines": lines, "private lines": private,
        "errors": vars(sets.ERRORS), "distilled": {**settings, **told},
        "arms": found, "cpu_s": round(time.process_time() - began, 1),
        "command": command(), "versions": versions(faker=metadata.version("faker")),
        "sources": source_hash(
            Path(__file__), ("refine", "nn/language"), Path(sets.__file__ or "")
        ),
    }  # fmt: skip
    if not asked.tiny:
        keep(asked.results, result)
    for split, its in found.items():
        for name, shares in its.items():
            print(split, name, {k: v["value"] if isinstance(v, dict) and "value" in v else v
                                for k, v in shares.items()})  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
