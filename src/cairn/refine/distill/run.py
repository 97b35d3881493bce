"""A whole distillation: examples out of a source, training, the threshold, the folder."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cairn.core import files
from cairn.core.errors import ConfigError, DatasetError, RunError
from cairn.core.typed import plain
from cairn.nn.language import weights
from cairn.nn.language.transformer import Transformer
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.directory import open_run
from cairn.refine.distill.config import MADE, Distillation
from cairn.refine.distill.directory import CHECKPOINTS, MODEL, TOLD, DistilledRun
from cairn.refine.distill.examples import Aligned, Example, of_pair, of_records
from cairn.refine.distill.training import APART, DivergedError, Told, calibrate, train
from cairn.refine.labels import read
from cairn.refine.pairs import accepted

REWRITTEN = 0.6
"""Share of a pair's words that did not survive from which the pair is no removal."""


@dataclass(frozen=True)
class Taken:
    """Examples, and what of the source was not taken."""

    examples: list[Example]
    rewritten: int = 0
    """Pairs of which most words are others: no removal, left out."""
    added: int = 0
    """Pairs whose rewrite says more than the text: taken, without what was added."""
    words: tuple[str, ...] = ()
    """More words for the noise: forms that are made have few of their own."""


def distill(
    config: Distillation, folder: Path, told: Callable[[Told], None] = lambda told: None
) -> dict[str, Any]:
    """Train a small refiner into a folder, or go on; what its refiner.json holds.

    Raises ConfigError and RunError for what cannot work: a source that is none or that removes
    nothing, a folder that another distillation or something else lies in; DivergedError for a
    training that came to nothing, of which no folder is left.
    """
    settings = plain(config)
    run = None
    if folder.exists():
        run = DistilledRun.open(folder)
        if run.config != settings:
            differs = sorted(name for name in settings if run.config.get(name) != settings[name])
            raise RunError(
                f"{folder} is a distillation with other settings ({', '.join(differs)}): give "
                f"those, or choose another folder."
            )
        if (folder / TOLD).is_file():
            return run.finished()
    taken = examples(config)
    kinds = sorted({span.kind for each in taken.examples for span in each.spans})
    if not kinds:
        raise ConfigError(
            f"{config.source}: nothing was removed from any of its {len(taken.examples)} texts, so "
            f"there is nothing to learn. Is it the run, or the file, that you meant?"
        )
    run = run or DistilledRun.create(folder, settings)
    with run.lock():
        try:
            return _trained(config, run.path, taken, kinds, told)
        except DivergedError as error:
            # The same command would come to the same, whatever checkpoint it went on from.
            shutil.rmtree(run.path)
            raise DivergedError(f"{error} Nothing was left at {folder}.") from None


def examples(config: Distillation) -> Taken:
    """What a source teaches. Raises ConfigError, DatasetError or RunError if it teaches nothing."""
    if config.source == MADE:
        from cairn.refine.made.forms import LANGUAGES
        from cairn.refine.made.records import make
        from cairn.refine.made.values import words

        made = make(
            config.records, seed=config.seed, split="train", formats=config.formats,
            languages=config.languages, about=("plain", "negatives", "adversarial", "profile"),
        )  # fmt: skip
        known = words(config.languages or LANGUAGES)
        return Taken(list(of_records(made, config.teacher)), words=known)
    path = Path(config.source)
    if path.is_dir():
        return _of_pairs(_run_pairs(path), path)
    if not path.is_file():
        raise ConfigError(
            f"{path} does not exist; expected a run of cairn refine run, a file of labelled "
            f"records or of pairs (JSON lines), or the word {MADE}."
        )
    if _holds_pairs(path):
        return _of_pairs(_file_pairs(path), path)
    return Taken(list(of_records(read(path), config.teacher)))


def _trained(
    config: Distillation,
    folder: Path,
    taken: Taken,
    kinds: list[str],
    told: Callable[[Told], None],
) -> dict[str, Any]:
    began = time.monotonic()
    learned = [each for at, each in enumerate(taken.examples) if at % APART]
    apart = taken.examples[::APART]
    model = train(learned or apart, kinds, config, folder / CHECKPOINTS, told, taken.words)
    threshold = config.threshold
    if threshold is None:
        threshold = calibrate(model, apart, kinds, config, taken.words)
    shutil.rmtree(folder / MODEL, ignore_errors=True)  # of one that was killed while it wrote
    weights.save(model, folder / MODEL, private=True)
    result = {
        "kinds": kinds,
        "threshold": threshold,
        "length": config.length,
        "weights": _digest(folder / MODEL / weights.WHOLE),
        "parameters": _parameters(model),
        "texts": len(taken.examples),
        "removed": sum(len(each.spans) for each in taken.examples),
        "rewritten": taken.rewritten,
        "added": taken.added,
        "seconds": round(time.monotonic() - began, 1),
    }
    files.write_private(folder / TOLD, files.to_json(result, indent=2) + "\n")
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    return result


def _run_pairs(path: Path) -> Iterator[tuple[str, str]]:
    _, config = open_run(path)
    for both in accepted(config):
        for name in config.how.text:
            yield str(both.source.get(name, "")), str(both.row.get(name, ""))


def _file_pairs(path: Path) -> Iterator[tuple[str, str]]:
    for number, row in _rows(path):
        text, rewrite = row.get("text"), row.get("rewrite")
        if not isinstance(text, str) or not isinstance(rewrite, str):
            raise DatasetError(
                f'{path}, line {number}: expected an object with the strings "text" and "rewrite".'
            )
        yield text, rewrite


def _holds_pairs(path: Path) -> bool:
    return any("rewrite" in row for _, row in _rows(path, most=1))


def _rows(path: Path, most: int | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "it is not UTF-8"
        raise DatasetError(f"{path}: expected JSON lines, but {what}.") from error
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for number, line in filled[:most]:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise DatasetError(f"{path}, line {number}: expected a JSON object.") from None
        yield number, row


def _of_pairs(pairs: Iterator[tuple[str, str]], path: Path) -> Taken:
    """Raises ConfigError where most pairs are no removal: a tagger cannot learn to reword."""
    finder = detectors()
    aligned: list[Aligned] = [of_pair(text, rewrite, (finder,)) for text, rewrite in pairs]
    if not aligned:
        raise ConfigError(f"{path}: expected texts beside their rewrites, got none.")
    taken = [each for each in aligned if each.edited < REWRITTEN]
    if 2 * len(taken) <= len(aligned):
        raise ConfigError(
            f"{path}: {len(aligned) - len(taken)} of {len(aligned)} rewrites keep less than "
            f"{1 - REWRITTEN:.0%} of the words. A distilled refiner takes words out and puts "
            f"pseudonyms in; it cannot learn to reword."
        )
    return Taken(
        [each.example for each in taken],
        len(aligned) - len(taken),
        sum(each.added > 0 for each in taken),
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _parameters(model: Transformer) -> int:
    import jax

    return sum(leaf.size for leaf in jax.tree.leaves(model) if hasattr(leaf, "size"))
