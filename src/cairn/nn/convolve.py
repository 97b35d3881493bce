"""Convolutions over images of any size, in the form that is fast where they are used.

A view of side 3 to 7 passes one 3×3 convolution (the peers' network for the maze), and so does a
board of any size (`Image.cells`); any other image passes several with strides. The number of
filters decides nothing. What is computed is a product: of patches and a matrix, or, of a view whose
convolution is a small matrix, of the whole view and that matrix.
Measured on two CPU cores, forward and backward in a scan, milliseconds for a 3×3 convolution with
16 filters over 32 / 256 / 4,096 images of three channels:

    side   entries   dense                  patches                lax.conv
       5    10,800    0.04 /  0.2 /   3.1   0.03 /  0.2 /  12.1    0.1 /  2.0 /   74
       7    58,800    0.09 /  0.6 /    49   0.07 /  0.7 /    46    0.4 /  3.3 /  241
       9   190,512    0.27 /  1.6 /   131   0.15 /  1.7 /    95    3.3 /  7.3 /  570
      11   470,448    0.50 /  8.8 /   237   0.23 /  1.5 /   145    1.4 /   31 / 1938
      16  2,408,448   15.2 /   60           0.53 /   17            23  /  119

Beyond side 7 the matrix, which is mostly zero, also takes long to compile (5 to 50 s).

A board passes one layer, whose inputs need no gradient, so its patches are found by one gather
instead of being joined from nine slices. Milliseconds forward / of a gradient alone, for 32 and
1,984 boards (one step, and one batch of designs), two cores busy with other work:

    side  filters  boards   gather           slices           lax.conv
       9       16   1,984    4.2 /   7.7     8.4 /    13     12 /   13
      15       16      32   0.27 /  0.47    0.22 /  0.45    0.5 /  0.6
      15       16   1,984     39 /    54      59 /    62     20 /   91
      15      128   1,984    222 /   221     300 /   328    396 /  780
"""

import math
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from cairn.envs.protocol import Category, Image, Vector

Convolution = Literal["auto", "cells", "strides"]

KERNEL = 3
"""Rows and columns of a kernel, but for the first one over a large image."""
DENSE_ENTRIES = 100_000
"""A convolution whose dense matrix has at most so many entries is computed by it (table above)."""
COARSE, COARSE_SIDE = 4, 40
"""Images with a side of 40 and more are first cut into patches of 4×4 that do not overlap."""
LAST_SIDE = 7
"""Views of this side pass one convolution; of larger images, layers follow until none is larger."""


class Layer(NamedTuple):
    """One convolution, then ReLU. Zeros to the right and below, so that every pixel is seen."""

    image: tuple[int, int, int]
    """Rows, columns and channels that come in."""
    kernel: tuple[int, int]
    stride: int
    filters: int

    @property
    def positions(self) -> tuple[int, int]:
        """Rows and columns that come out."""
        rows, columns = (
            -(-(side - kernel) // self.stride) + 1
            for side, kernel in zip(self.image[:2], self.kernel, strict=True)
        )
        return rows, columns

    @property
    def patch(self) -> int:
        """Numbers under the kernel: rows of the weight."""
        return self.kernel[0] * self.kernel[1] * self.image[2]

    @property
    def outputs(self) -> int:
        """Numbers that come out."""
        return self.positions[0] * self.positions[1] * self.filters

    @property
    def dense(self) -> bool:
        """Whether it is fastest as one matrix."""
        return self.stride == 1 and math.prod(self.image) * self.outputs <= DENSE_ENTRIES


def as_asked(spec: PyTree, convolution: Convolution) -> PyTree:
    """The observations as a network is to take their images; `auto`: as the environment says."""

    def one(part: Image | Vector | Category) -> Image | Vector | Category:
        if convolution == "auto" or not isinstance(part, Image):
            return part
        return part._replace(cells=convolution == "cells")

    is_spec = lambda node: isinstance(node, Image | Vector | Category)  # noqa: E731
    return jax.tree.map(one, spec, is_leaf=is_spec)


def layers(image: Image, filters: int) -> tuple[Layer, ...]:
    """The convolutions for `image`: one of stride 1 over a small view or a board, or with strides.

    With strides, the first has `filters` and those after it twice as many.
    """
    small = image.cells or max(image.shape[:2]) <= LAST_SIDE
    if min(image.shape[:2]) >= KERNEL and small:
        return (Layer(image.shape, (KERNEL, KERNEL), 1, filters),)
    found: list[Layer] = []
    shape = image.shape
    while not found or max(shape[:2]) > LAST_SIDE:
        coarse = not found and max(shape[:2]) >= COARSE_SIDE
        size, stride = (COARSE, COARSE) if coarse else (KERNEL, 2)
        kernel = min(size, shape[0]), min(size, shape[1])
        found.append(Layer(shape, kernel, stride, 2 * filters if found else filters))
        shape = (*found[-1].positions, found[-1].filters)
    return tuple(found)


def initial(layer: Layer, key: Array) -> tuple[Array, Array]:
    """Weight, orthogonal with gain √2, and zero bias."""
    shape = (layer.patch, layer.filters)
    return jax.nn.initializers.orthogonal(math.sqrt(2))(key, shape), jnp.zeros(layer.filters)


def as_matrix(weight: Array, bias: Array, layer: Layer) -> tuple[Array, Array]:
    """A convolution of stride 1 as one (rows·columns·channels, outputs) matrix."""
    rows, columns, channels = layer.image
    out_rows, out_columns = layer.positions
    kernel = weight.reshape(*layer.kernel, channels, -1)
    placed = [
        jnp.pad(kernel, ((r, out_rows - 1 - r), (c, out_columns - 1 - c), (0, 0), (0, 0)))
        for r in range(out_rows)
        for c in range(out_columns)
    ]
    matrix = jnp.stack(placed, axis=3).reshape(rows * columns * channels, -1)
    return matrix, jnp.tile(bias, out_rows * out_columns)


def convolved(
    images: Float[Array, "N rows columns channels"], weight: Array, bias: Array, layer: Layer
) -> Float[Array, "N out_rows out_columns filters"]:
    """A convolution as patches times the weight, then ReLU."""
    number, rows, columns, _ = images.shape
    (height, width), stride, (down, across) = layer.kernel, layer.stride, layer.positions
    below = (down - 1) * stride + height - rows
    right = (across - 1) * stride + width - columns
    images = jnp.pad(images, ((0, 0), (0, below), (0, right), (0, 0)))
    if (height, width) == (stride, stride):  # patches that do not overlap are already there
        cut = images.reshape(number, down, stride, across, stride, -1).swapaxes(2, 3)
    else:
        last_row, last_column = (down - 1) * stride + 1, (across - 1) * stride + 1
        cut = jnp.concatenate(
            [
                images[:, r : r + last_row : stride, c : c + last_column : stride]
                for r in range(height)
                for c in range(width)
            ],
            axis=3,
        )
    cut = cut.reshape(number * down * across, layer.patch)
    return jax.nn.relu(cut @ weight + bias[None]).reshape(number, down, across, -1)


def gathered(
    boards: Float[Array, "N rows columns channels"], weight: Array, bias: Array, layer: Layer
) -> Float[Array, "N outputs"]:
    """A convolution of stride 1 as `convolved`, its patches found by one gather, flattened."""
    number, (down, across) = boards.shape[0], layer.positions
    places = np.arange(math.prod(layer.image), dtype=np.int32).reshape(layer.image)
    height, width = layer.kernel
    patches = np.stack(
        [places[r : r + height, c : c + width].ravel() for r in range(down) for c in range(across)]
    )
    cut = boards.reshape(number, -1).at[:, patches].get(mode="promise_in_bounds")
    cut = cut.reshape(number * down * across, layer.patch)
    return jax.nn.relu(cut @ weight + bias[None]).reshape(number, -1)
