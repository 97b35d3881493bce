"""Images of digits, 8 by 8: drawn from glyphs, shifted, slanted, thickened, and noisy."""

from pathlib import Path

import numpy as np

GLYPHS = (
    "01110 10001 10011 10101 11001 10001 01110", "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00110 01000 10000 11111", "11110 00001 00001 01110 00001 00001 11110",
    "00010 00110 01010 10010 11111 00010 00010", "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110", "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110", "01110 10001 10001 01111 00001 00010 01100",
)  # fmt: skip
SIZES = {"train": 500, "search": 250, "selection": 250, "test": 1000}


def images(rows: int, rng: np.random.Generator, *, noise: float = 0.35):
    """(images `(rows, 64)` of whole numbers from 0 to 16, labels `(rows,)`)."""
    glyphs = np.array([[list(map(int, line)) for line in g.split()] for g in GLYPHS], float)
    labels = rng.integers(0, 10, rows)
    y, x = np.mgrid[0:8, 0:8] - 3.5
    found = np.empty((rows, 64))
    for row, label in enumerate(labels):
        slant, dx, dy = rng.normal(0, 0.15), *rng.normal(0, 0.4, 2)
        sx, sy = np.exp(rng.normal(0, 0.08, 2))
        # Where each pixel lies on the glyph, and its value there, between four cells.
        u, v = (x + slant * y + dx) / (1.3 * sx) + 2, (y + dy) / (1.1 * sy) + 3
        padded = np.pad(glyphs[label], 2)
        u, v = np.clip(u + 2, 0, 7.999), np.clip(v + 2, 0, 9.999)
        i, j = v.astype(int), u.astype(int)
        a, b = v - i, u - j
        value = (
            padded[i, j] * (1 - a) * (1 - b) + padded[np.minimum(i + 1, 10), j] * a * (1 - b)
            + padded[i, np.minimum(j + 1, 8)] * (1 - a) * b
            + padded[np.minimum(i + 1, 10), np.minimum(j + 1, 8)] * a * b
        )  # fmt: skip
        found[row] = value.ravel() + rng.normal(0, noise, 64)
    return np.clip(np.rint(found * 16), 0, 16).astype(int), labels


def save(path: Path, table: np.ndarray) -> None:
    """A table of whole numbers, one row a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, table, fmt="%d", delimiter=",")


def write(folder: Path, rng: np.random.Generator) -> None:
    """The data of the task."""
    for split, rows in SIZES.items():
        x, labels = images(rows, rng)
        save(folder / f"data/{split}/images.csv", x)
        labelled = folder / ("data/train" if split == "train" else f"answers/{split}")
        save(labelled / "labels.csv", labels[:, None])
