"""Archives as columns and as Parquet files."""

import sys

import jax.numpy as jnp
import numpy as np
import pyarrow.parquet
import pytest

from cairn.archive import elites as el
from cairn.archive import parquet, table
from cairn.archive.categorical import Categorical
from cairn.archive.cvt import Cvt
from cairn.archive.elites import Candidates
from cairn.archive.grid import Grid
from cairn.archive.product import Product
from cairn.core.errors import MissingExtraError, TableError

GRID = Grid((2, 3), (0.0, 0.0), (1.0, 1.0))
TEXT = {5: "five", 6: "six", 7: "sept, 七"}


def nobody(cells=6):
    solution = {"weights": jnp.zeros((2, 2)), "size": jnp.zeros((), jnp.int32)}
    return el.empty(cells, solution=solution, descriptor=jnp.zeros(2))


def some():
    solutions = {
        "weights": jnp.arange(12, dtype=jnp.float32).reshape(3, 2, 2),
        "size": jnp.array([3, 1, 2], jnp.int32),
    }
    descriptors = jnp.array([[0.9, 0.9], [0.1, 0.1], [0.1, 0.5]], jnp.float32)
    ids = jnp.array([5, 6, 7], jnp.uint32)
    fitness = jnp.array([1.0, -2.5, 0.1], jnp.float32)
    offered = Candidates(ids, fitness, descriptors, solutions, GRID.cell(descriptors))
    return el.insert(nobody(), offered)[0]


def same(a, b):
    pairs = zip(*(table.columns(x).items() for x in (a, b)), strict=True)
    return all(n == m and np.array_equal(x, y) for (n, x), (m, y) in pairs)


@pytest.mark.slow
def test_a_written_archive_reads_back_equal(tmp_path):
    file = tmp_path / "elites.parquet"
    parquet.write(file, some(), GRID, text=TEXT)
    elites, text = parquet.read(file, nobody(), GRID)
    assert same(elites, some()) and text == TEXT
    assert elites.occupied.tolist() == some().occupied.tolist()
    assert [file.name] == [entry.name for entry in tmp_path.iterdir()]
    parquet.write(file, nobody(), GRID)
    elites, text = parquet.read(file, some(), GRID)
    assert elites.count == 0 and not elites.occupied.any() and text is None


def test_other_tools_see_one_row_per_elite(tmp_path):
    parquet.write(tmp_path / "a", some(), GRID, text=TEXT)
    rows = pyarrow.parquet.read_table(tmp_path / "a").to_pylist()
    assert rows[1] == {
        "cell": 0, "id": 6, "fitness": -2.5, "descriptor": [np.float32(0.1)] * 2,
        "solution['size']": 1, "solution['weights']": [4.0, 5.0, 6.0, 7.0], "text": "six",
    }  # fmt: skip


def test_a_restored_archive_goes_on_like_the_original():
    again = table.restore(table.columns(some()), nobody())
    one = {"weights": jnp.ones((1, 2, 2)), "size": jnp.ones(1, jnp.int32)}
    point = jnp.array([[0.1, 0.1]], jnp.float32)
    child = Candidates(
        jnp.array([9], jnp.uint32), jnp.array([0.0], jnp.float32), point, one, GRID.cell(point)
    )
    assert same(el.insert(again, child)[0], el.insert(some(), child)[0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fitness": None}, "no column 'fitness'"),
        ({"cell": np.array([0, 0, 3], np.int32)}, "cell 0 comes twice"),
        ({"cell": np.array([0, 1, 6], np.int32)}, r"in \[0, 6\), got 0 to 6"),
        ({"fitness": np.array([1, np.nan, 1], np.float32)}, "must be finite"),
        ({"id": np.array([1, 2, 3], np.int64)}, "'id' must be uint32 of shape .3,., got int64"),
        ({"descriptor": np.zeros((3, 4), np.float32)}, "of shape .3, 4."),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_words(change, words):
    columns = {k: v for k, v in (table.columns(some()) | change).items() if v is not None}
    with pytest.raises(TableError, match=words):
        table.restore(columns, nobody())


def test_a_file_from_another_tessellation_is_refused(tmp_path):
    file = tmp_path / "a"
    parquet.write(file, some(), GRID)
    with pytest.raises(TableError, match="another tessellation"):
        parquet.read(file, nobody(), Grid((2, 3), (0.0, 0.0), (1.0, 2.0)))
    with pytest.raises(TableError, match="6 cells, the archive 7"):
        parquet.read(file, nobody(7), GRID)
    with pytest.raises(TableError, match="No text for elite 7"):
        parquet.write(file, some(), GRID, text={5: "", 6: ""})


def test_centroids_and_parts_are_kept_with_the_file(tmp_path):
    cells = Product((Categorical(("a", "b")), Cvt(jnp.array([[0.1], [0.7], [0.8]]))))
    parquet.write(tmp_path / "a", some(), cells)
    assert same(parquet.read(tmp_path / "a", nobody(), cells)[0], some())
    moved = Product((cells.parts[0], Cvt(jnp.array([[0.1], [0.7], [0.9]]))))
    with pytest.raises(TableError, match="another tessellation"):
        parquet.read(tmp_path / "a", nobody(), moved)


def test_a_damaged_or_foreign_file_is_refused(tmp_path):
    file = tmp_path / "a"
    with pytest.raises(TableError, match="No such file"):
        parquet.read(file, nobody(), GRID)
    parquet.write(file, some(), GRID)
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(TableError, match="not a Parquet table of elites"):
        parquet.read(file, nobody(), GRID)
    pyarrow.parquet.write_table(pyarrow.table({"x": [1]}), file)
    with pytest.raises(TableError, match="not a Parquet table of elites"):
        parquet.read(file, nobody(), GRID)


def test_without_pyarrow_the_install_line_is_given(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "cairn\[parquet\]"'):
        parquet.write(tmp_path / "a", some(), GRID)
