"""Refinement inside a pipeline of datatrove: blocks that read, write and refine its documents.

Needs the package datatrove (`cairn[datatrove]`), which nothing else here imports.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cairn.core.errors import MissingExtraError, RunError
from cairn.core.typed import build
from cairn.refine import records
from cairn.refine.casting import task_of
from cairn.refine.config import RefineConfig
from cairn.refine.outcomes import PROVENANCE
from cairn.refine.run import refine

try:
    from datatrove.data import Document  # pyright: ignore[reportMissingImports]
    from datatrove.pipeline.base import PipelineStep  # pyright: ignore[reportMissingImports]
except ImportError:
    raise MissingExtraError(
        'blocks of datatrove need datatrove, which is missing: pip install "cairn[datatrove]"'
    ) from None


class RefinedReader(PipelineStep):
    """Reads what `cairn refine run` wrote: a document a row, provenance among its metadata."""

    name = "refined"
    type = "📖 - READER"

    def __init__(self, output: str, text: str = "text", provenance: str = PROVENANCE):
        super().__init__()
        self.output, self.text, self.provenance = output, text, provenance

    def run(
        self, data: Iterable[Document] | None = None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Every `world_size`-th row, from row `rank` on, behind what comes in."""
        yield from data or ()
        for number, (name, row) in enumerate(records.written(self.output, self.provenance)):
            if number % world_size == rank:
                document = _document(name, row, self.text)
                self.stat_update("documents")
                self.update_doc_stats(document)
                yield document


class SourceWriter(PipelineStep):
    """Writes documents as `cairn refine run 'FOLDER/*.jsonl' ...` reads them; hands them on."""

    name = "source of a refinement"
    type = "💽 - WRITER"

    def __init__(self, folder: str):
        super().__init__()
        self.folder = folder

    def run(
        self, data: Iterable[Document] | None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """A file for each rank."""
        path = Path(self.folder) / f"{rank:05}.jsonl"
        for document in _writing(path, data or ()):
            self.stat_update("documents")
            yield document


class Refine(PipelineStep):
    """Refines the documents that come in; those that are accepted go on, the others are listed.

    Each rank has its files in `folder`: `RANK.jsonl` while it works (readable by its owner alone,
    and gone at the end), the run, the output, and the rejects. A rank that is begun again goes on.
    """

    name = "refine"
    type = "🔧 - REFINER"

    def __init__(self, folder: str, task: str, **settings: Any):
        """`settings`: those of `cairn.refine.config.RefineConfig`, for example
        `models={"refiner": {"base_url": ..., "model": ...}}` or `simulation=0.1`."""
        super().__init__()
        self.folder, self.task, self.settings = folder, task, settings

    def run(
        self, data: Iterable[Document] | None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """The accepted documents. Raises RunError where a limit ended the refinement."""
        base = Path(self.folder) / f"{rank:05}"
        source, sink = base.with_suffix(".jsonl"), base.with_suffix(".refined.jsonl")
        for _ in _writing(source, data or ()):
            self.stat_update("documents in")
        table = {"source": str(source), "sink": str(sink), "task": self.task, "id": "id"}
        config = build(RefineConfig, {**table, **self.settings})
        counted = refine(config, base.with_suffix(".run"), task_of(config), show=False)
        if counted.stopped != "finished":
            raise RunError(f"rank {rank} was not finished: {counted.stopped}")
        for name, number in counted.funnel.items():
            self.stat_update(name, value=number)
        provenance = config.how.provenance
        for name, row in records.written(str(sink), provenance):
            yield _document(name, row, config.how.text[0])
        source.unlink()


def _writing(path: Path, data: Iterable[Document]) -> Iterator[Document]:
    """Write documents to a new file, which gets its name at the end; yields each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        for document in data:
            row = {"id": document.id, "text": document.text, "metadata": document.metadata}
            line = json.dumps(row, ensure_ascii=False, default=str)
            file.write(line.encode("utf-8", "surrogatepass") + b"\n")
            yield document
    beside.replace(path)


def _document(name: str, row: Mapping[str, Any], text: str) -> Document:
    rest = {key: value for key, value in row.items() if key not in (text, "id", "metadata")}
    metadata = row.get("metadata")
    inner = metadata if isinstance(metadata, dict) else {}
    return Document(text=row[text], id=name, metadata={**inner, **rest})
