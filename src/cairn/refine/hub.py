"""The output of a run as a dataset in Hugging Face's layout: Parquet files and a card.

    FOLDER/README.md                            the card: YAML, and what came of the run
    FOLDER/data/train-00000-of-00002.parquet    rows, in the order of the source

Layout and card after the documentation of the Hub's datasets (repository structure, dataset cards).
Needs `cairn[data]`.
"""

import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from cairn.core import files
from cairn.core.errors import ConfigError, RunError
from cairn.engine.map_sinks import ParquetSink
from cairn.lm.cast import Model
from cairn.refine import records
from cairn.refine.config import RefineConfig
from cairn.refine.directory import FIGURES, open_run

ROWS = 100_000
"""Rows of a Parquet file."""
SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"),
)  # fmt: skip
"""The Hub's size categories."""


def export(
    path: Path, folder: Path, *, name: str | None, license: str | None, rows: int = ROWS
) -> int:
    """Write the output of the run in `path` to a new folder; how many rows it has.

    Raises ConfigError for a folder that is there, RunError for a run without an output.
    """
    _, config = open_run(path)
    if os.path.lexists(folder):
        raise ConfigError(f"{folder} exists already: choose another folder.")
    count = sum(1 for _ in records.written(config.sink, config.how.provenance))
    if not count:
        raise RunError(f"the output {config.sink} has no row.")
    beside = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    with files.writing(folder):
        (beside / "data").mkdir(parents=True)
    total = -(-count // rows)
    sink = ParquetSink(beside)
    schema = sink.schema(lambda: _rows(config))  # the same in every file
    every = _rows(config)
    for shard in range(total):
        file = beside / "data" / f"train-{shard:05}-of-{total:05}.parquet"
        sink.write_part(file, schema, lambda: islice(every, rows))
    card = _card(config, path, count, name or folder.name, license)
    (beside / "README.md").write_text(card, encoding="utf-8")
    beside.rename(folder)
    return count


def _rows(config: RefineConfig) -> Iterator[tuple[str, bytes]]:
    for _, row in records.written(config.sink, config.how.provenance):
        yield "", json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")


def _card(config: RefineConfig, path: Path, count: int, name: str, license: str | None) -> str:
    size = next((label for most, label in SIZES if count < most), "n>100M")
    head: dict[str, Any] = {"pretty_name": name}
    if license is not None:
        head["license"] = license
    head["size_categories"] = [size]
    head["tags"] = ["cairn", "generative-data-refinement", config.task_name]
    files_of = {"split": "train", "path": "data/train-*"}
    head["configs"] = [{"config_name": "default", "data_files": [files_of]}]
    return f"---\n{''.join(_yaml(head))}---\n\n{_body(config, path, count, name)}"


def _yaml(value: Any, depth: int = 0) -> Iterable[str]:
    """The little YAML that a card needs; every text is quoted as JSON, which YAML reads."""
    indent = "  " * depth
    for key, inner in value.items():
        if isinstance(inner, list):
            yield f"{indent}{key}:\n"
            for part in inner:
                if isinstance(part, dict):
                    first, *rest = _yaml(part, depth + 1)
                    yield f"{indent}- {first.lstrip()}"
                    yield from rest
                else:
                    yield f"{indent}- {json.dumps(part)}\n"
        else:
            yield f"{indent}{key}: {json.dumps(inner)}\n"


def _body(config: RefineConfig, path: Path, count: int, name: str) -> str:
    simulated = config.simulation is not None
    who = "a simulated refiner (no language model)" if simulated else _called(config)
    text = ", ".join(f"`{field}`" for field in config.how.text)
    lines = [
        f"# {name}",
        "",
        f"{count:,} records, refined by `cairn refine run --task {config.task_name}` with {who}: "
        f"each was rewritten, checked, and accepted or rejected. The field "
        f"`{config.how.provenance}` says of each row which record it comes from, which model wrote "
        f"it, which checks it passed and at which try.",
        "",
        *_funnel(path),
        *_leaks(path),
        "What no check and no detector knows may still be in the texts. Fields other than "
        f"{text} are those of the source, unchanged.",
    ]
    return "\n".join(lines) + "\n"


def _called(config: RefineConfig) -> str:
    model = config.models.get("refiner")
    return model.model if isinstance(model, Model) else config.who


def _funnel(path: Path) -> list[str]:
    summary = _read(path / "summary.json")
    funnel = summary.get("funnel", {})
    shown = {n: v for n, v in funnel.items() if not n.startswith("turned down")}
    if not shown:
        return []
    rows = [f"| {label} | {number:,} |" for label, number in shown.items()]
    return ["| what became of the records | |", "|---|---|", *rows, ""]


def _leaks(path: Path) -> list[str]:
    found = _read(path / FIGURES).get("leaks")
    if not found:
        return []
    share = found["leaking_records"]
    return [
        f"Looked for after the run, by detectors: {share['value']:.4f} "
        f"[{share['low']:.4f}, {share['high']:.4f}] of {share['of']:,} records hold a value that "
        f"they find in its source.",
        "",
    ]


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}
