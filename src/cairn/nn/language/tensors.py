"""Files of tensors in the format `safetensors`, read where they lie and written one by one.

Eight bytes with the length of a header, little-endian; the header in JSON, name → dtype, shape and
first and last byte; then the bytes. The library's NumPy part knows no bfloat16, so it is done here.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from cairn.core.errors import WeightsError
from cairn.core.files import writing

DTYPES = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(jnp.bfloat16),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file by name, mapped and not loaded: bytes are read when they are used.

    Raises WeightsError if the file is missing, cut short or of another format, or holds numbers
    that are no floats (as quantised weights are).
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > size - 8:
                raise ValueError(f"it has {size} bytes and asks for a header of {length}")
            header = json.loads(file.read(length))
            if not isinstance(header, dict):
                raise ValueError("its header is no object")
            whole = np.memmap(file, np.uint8, "r", offset=8 + length) if size > 8 + length else b""
    except OSError as error:
        raise WeightsError(f"Cannot read {path}: {error.strerror}.") from None
    except ValueError as error:
        raise WeightsError(f"{path} is no safetensors file: {error}.") from None
    header.pop("__metadata__", None)
    return {name: _tensor(path, name, told, whole) for name, told in header.items()}


def _tensor(path: Path, name: str, told: Any, whole: Any) -> np.ndarray:
    try:
        dtype, shape = DTYPES[told["dtype"]], tuple(map(int, told["shape"]))
        first, last = map(int, told["data_offsets"])
    except (KeyError, TypeError, ValueError):
        raise WeightsError(
            f"{path}: {name} is {told!r}; expected floats ({', '.join(DTYPES)}) with a shape and "
            f"a place. Quantised weights are not read."
        ) from None
    count = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if not 0 <= first <= last <= len(whole) or last - first != count:
        raise WeightsError(
            f"{path}: {name} should take {count} bytes from {first} to {last} of {len(whole)}: "
            f"the file is cut short or damaged."
        )
    return np.frombuffer(whole[first:last], dtype).reshape(shape)


def write(path: Path, tensors: Mapping[str, np.ndarray]) -> None:
    """Write tensors, one after another. Raises RunError if the disk is full or refuses."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, tensor in tensors.items():
        place = [at, at := at + tensor.nbytes]
        header[name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": place,
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with writing(path), path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            np.ascontiguousarray(tensor).view(np.uint8).tofile(file)
