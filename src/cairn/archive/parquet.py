"""Archives of elites as Parquet files, for other tools and other runs.

The only file that needs pyarrow: `pip install "cairn[parquet]"`.
"""

import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import jax
import numpy as np

from cairn.archive.elites import Elites
from cairn.archive.table import columns, restore
from cairn.archive.tessellation import Tessellation
from cairn.core.errors import MissingExtraError, TableError

FORMAT = 1
"""Raised when a reader of older files would misread newer ones."""


def _pyarrow():
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError(
            'Parquet needs pyarrow, which is missing: pip install "cairn[parquet]"'
        )
    import pyarrow
    import pyarrow.parquet

    return pyarrow


def describe(tessellation: Tessellation) -> dict:
    """A tessellation in words and numbers: enough to see whether two are the same.

    Lists of centroids are included: scores are comparable only between runs that share them.
    """
    parts = jax.tree.leaves(
        getattr(tessellation, "parts", ()), is_leaf=lambda x: isinstance(x, Tessellation)
    )
    arrays = [] if parts else jax.tree.leaves(eqx.filter(tessellation, eqx.is_array))
    settings = {
        name: getattr(tessellation, name)
        for name in ("lower", "upper", "labels")
        if hasattr(tessellation, name)
    }
    return {
        "kind": type(tessellation).__name__,
        "shape": list(tessellation.shape),
        **{name: list(value) for name, value in settings.items()},
        **({"centroids": np.asarray(arrays[0]).tolist()} if arrays else {}),
        **({"parts": [describe(part) for part in parts]} if parts else {}),
    }


def write(
    path: Path,
    elites: Elites,
    tessellation: Tessellation,
    *,
    text: Mapping[int, str] | None = None,
) -> None:
    """One row per elite; `text` gives each elite's payload by id, as a column of that name.

    The file appears whole or not at all. Raises MissingExtraError without pyarrow, and TableError if
    `text` lacks an elite or the tessellation has another number of cells.
    """
    pyarrow = _pyarrow()
    _same_cells(elites, tessellation)
    table = columns(elites)
    arrays = {name: _pack(pyarrow, column) for name, column in table.items()}
    if text is not None:
        absent = [name for name in table["id"].tolist() if name not in text]
        if absent:
            raise TableError(f"No text for elite {absent[0]}; `text` must have every elite's id.")
        arrays["text"] = pyarrow.array([text[name] for name in table["id"].tolist()])
    about = {
        "format": FORMAT,
        "cells": elites.cells,
        "tessellation": describe(tessellation),
        "shapes": {name: column.shape[1:] for name, column in table.items()},
    }
    packed = pyarrow.table(arrays).replace_schema_metadata({"cairn": json.dumps(about)})
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        pyarrow.parquet.write_table(packed, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read(
    path: Path, like: Elites, tessellation: Tessellation
) -> tuple[Elites, dict[int, str] | None]:
    """The elites of a file that `write` made, and their text by id if it holds any.

    Raises MissingExtraError without pyarrow, and TableError if the file is no such table, was made
    with another tessellation, or does not fit `like`.
    """
    pyarrow = _pyarrow()
    _same_cells(like, tessellation)
    path = Path(path)
    if not path.is_file():
        raise TableError(f"No such file: {path}.")
    try:
        packed = pyarrow.parquet.read_table(path)
        about = json.loads((packed.schema.metadata or {})[b"cairn"])
    except (pyarrow.ArrowException, OSError, KeyError, ValueError) as error:
        raise TableError(f"{path} is not a Parquet table of elites written by cairn.") from error
    if about.get("format") != FORMAT:
        raise TableError(f"{path} has format {about.get('format')}; this release reads {FORMAT}.")
    # Through JSON, as the file's: tuples become lists and float32 the decimals they were saved as.
    if about["tessellation"] != json.loads(json.dumps(describe(tessellation))):
        raise TableError(f"{path} was made with another tessellation; its cells mean other things.")
    table = {
        name: _unpack(packed.column(name), shape)
        for name, shape in about["shapes"].items()
        if name in packed.column_names
    }
    elites = restore(table, like)
    if "text" not in packed.column_names:
        return elites, None
    return elites, dict(zip(table["id"].tolist(), packed.column("text").to_pylist(), strict=True))


def _same_cells(elites: Elites, tessellation: Tessellation) -> None:
    if elites.cells != tessellation.cells:
        raise TableError(
            f"The tessellation has {tessellation.cells} cells, the archive {elites.cells}."
        )


def _pack(pyarrow, column: np.ndarray):
    """A column of numbers, or of lists of fixed length where a row is an array."""
    if column.ndim == 1:
        return pyarrow.array(column)
    width = int(np.prod(column.shape[1:]))
    flat = pyarrow.array(np.ascontiguousarray(column).reshape(-1))
    return pyarrow.FixedSizeListArray.from_arrays(flat, width)


def _unpack(column, shape: list[int]) -> np.ndarray:
    chunked = column.combine_chunks()
    if not shape:
        return chunked.to_numpy(zero_copy_only=False)
    return chunked.flatten().to_numpy(zero_copy_only=False).reshape(len(column), *shape)
