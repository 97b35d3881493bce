"""Checkpoints: one safetensors file each, every leaf with its name, dtype, shape and digest.

Only arrays are stored. Functions and other static parts of the state come from the config, so
`load` takes a state of the same structure and fills in the arrays. A checkpoint is complete or
absent: it is written beside its place, forced to the disk, and then renamed.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from cairn.core import faults, files
from cairn.core.errors import CheckpointError

FORMAT = 1
KEEP = 2
"""Checkpoints kept by default: the newest, and one more in case a disk loses it."""


class Leaf(NamedTuple):
    """What the file knows of one leaf beside its bytes."""

    dtype: str
    shape: tuple[int, ...]
    sha256: str
    key: str
    """Implementation of a random key (stored as its key data), or empty."""


def save(
    folder: Path,
    step: int,
    state: PyTree,
    meta: dict[str, Any],
    *,
    config_hash: str = "",
    keep: int | None = KEEP,
) -> Path:
    """Write `state` as the checkpoint of `step`, then drop all but the newest `keep` (None: none).

    `meta` is anything JSON can hold. Raises RunError if the disk is full or refuses; the
    checkpoints before stay.
    """
    path = folder / f"step-{step:015d}.safetensors"
    faults.point("checkpoint:before-write")
    with files.writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(".*"):  # of a save that was killed
            leftover.unlink()
        tensors, leaves = _to_host(state)
        record = files.to_json(
            {
                "format": FORMAT,
                "step": step,
                "config_hash": config_hash,
                "leaves": {name: leaf._asdict() for name, leaf in leaves.items()},
                "meta": meta,
            }
        )
        temporary = folder / f".{path.name}"
        sha256 = hashlib.sha256(record.encode()).hexdigest()
        save_file(tensors, temporary, {"record": record, "sha256": sha256})
        faults.point("checkpoint:before-sync")
        files.sync(temporary)
        faults.point("checkpoint:before-rename")
        temporary.replace(path)
        faults.point("checkpoint:after-rename")
        files.sync(folder)
        faults.point("checkpoint:before-prune")
        for old in every(folder)[: -keep if keep else 0]:
            old.unlink()
    return path


def latest(folder: Path) -> Path | None:
    """The newest checkpoint, or None."""
    return max(every(folder), default=None)


def load(
    path: Path, like: PyTree, *, config_hash: str | None = None
) -> tuple[PyTree, dict[str, Any]]:
    """The state and `meta` of a checkpoint, every byte verified.

    `like` gives structure, dtypes, shapes and all parts that are not arrays; its arrays may be
    `jax.ShapeDtypeStruct`. Raises CheckpointError naming the file and the leaf that is missing,
    too many, altered, or of another dtype or shape.
    """
    arrays, static = eqx.partition(like, _is_array)
    names = _names(arrays)
    try:
        with safe_open(path, "numpy") as file:
            record = _record(path, file.metadata() or {})
            if config_hash is not None and record["config_hash"] != config_hash:
                raise CheckpointError(
                    f"{path} belongs to another config than this run's. Resume with the run's own "
                    f"config.json, or start a new run from its weights."
                )
            leaves = {name: Leaf(**leaf) for name, leaf in record["leaves"].items()}
            _check_names(path, set(names), set(leaves), set(file.keys()))
            values = [
                _restore(path, name, file.get_tensor(name), leaves[name], wanted)
                for name, wanted in names.items()
            ]
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}): cut short or altered. {_FALL_BACK}"
        ) from error
    restored = jax.tree.unflatten(jax.tree.structure(arrays), values)
    return eqx.combine(restored, static), record["meta"]


def meta(path: Path) -> dict[str, Any]:
    """What was saved beside a state, before anything is known of its structure.

    Raises CheckpointError if it is no checkpoint, or one cut short or altered.
    """
    try:
        with safe_open(path, "numpy") as file:
            return _record(path, file.metadata() or {})["meta"]
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}): cut short or altered.") from error


def digest(state: PyTree, *extra: bytes) -> str:
    """One hash over the names, dtypes, shapes and bytes of all arrays, and over `extra`."""
    total = hashlib.sha256()
    for name, leaf in _to_host(state)[1].items():
        total.update(f"{name} {leaf.dtype} {leaf.shape} {leaf.key} {leaf.sha256}\n".encode())
    for part in extra:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


_FALL_BACK = "Delete this file to resume from the checkpoint before it."


def every(folder: Path) -> list[Path]:
    """All checkpoints, the newest last."""
    return sorted(folder.glob("step-*.safetensors"))


def _is_array(leaf: Any) -> bool:
    # NumPy arrays too: a state that holds one must not lose it silently.
    return isinstance(leaf, jax.Array | jax.ShapeDtypeStruct | np.ndarray | np.generic)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _names(arrays: PyTree) -> dict[str, Any]:
    """Leaves by name: "state" and the path from the root, as in `state.learner.weights[0]`."""
    flat, _ = jax.tree_util.tree_flatten_with_path(arrays)
    return {"state" + jax.tree_util.keystr(path): leaf for path, leaf in flat}


def _to_host(state: PyTree) -> tuple[dict[str, np.ndarray], dict[str, Leaf]]:
    named = _names(eqx.filter(state, _is_array))
    keys = {name: str(jax.random.key_impl(leaf)) for name, leaf in named.items() if _is_key(leaf)}
    data = {n: jax.random.key_data(leaf) if n in keys else leaf for n, leaf in named.items()}
    # One call for all, so that copies from a device overlap. `order`: the writer reads raw memory.
    tensors = {n: np.asarray(value, order="C") for n, value in jax.device_get(data).items()}
    leaves = {
        n: Leaf(str(leaf.dtype), tuple(leaf.shape), _sha256(tensors[n]), keys.get(n, ""))
        for n, leaf in named.items()
    }
    return tensors, leaves


def _sha256(value: np.ndarray) -> str:
    content = hashlib.sha256(f"{value.dtype} {value.shape}".encode())
    content.update(value.reshape(-1).view(np.uint8).data)
    return content.hexdigest()


def _record(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    text = metadata.get("record", "")
    if hashlib.sha256(text.encode()).hexdigest() != metadata.get("sha256"):
        raise CheckpointError(f"{path}: its record of leaves was altered. {_FALL_BACK}")
    record = json.loads(text)
    if record["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has checkpoint format {record['format']}, this cairn reads {FORMAT}. "
            f"Resume with the release that wrote it (see versions.json)."
        )
    return record


def _check_names(path: Path, wanted: set[str], recorded: set[str], stored: set[str]) -> None:
    for name in sorted(recorded ^ stored):
        raise CheckpointError(f"{path}: leaf {name} was removed or added. {_FALL_BACK}")
    for name in sorted(wanted - recorded):
        raise CheckpointError(f"{path}: leaf {name} is missing: it is from another config.")
    for name in sorted(recorded - wanted):
        raise CheckpointError(f"{path}: leaf {name} is one too many: it is from another config.")


def _restore(path: Path, name: str, value: np.ndarray, leaf: Leaf, wanted: Any) -> Any:
    if _sha256(value) != leaf.sha256:
        raise CheckpointError(
            f"{path}: leaf {name} was altered: its bytes do not match their digest. {_FALL_BACK}"
        )
    for what, came, expected in (
        ("dtype", leaf.dtype, str(wanted.dtype)),
        ("shape", tuple(leaf.shape), tuple(wanted.shape)),
    ):
        if came != expected:
            raise CheckpointError(
                f"{path}: leaf {name} has {what} {came}, expected {expected}: it is from another "
                f"config."
            )
    if leaf.key:
        return jax.random.wrap_key_data(jnp.array(value), impl=leaf.key)
    # A copy, so that a compiled step may be given the buffer to overwrite.
    return value if isinstance(wanted, np.ndarray | np.generic) else jnp.array(value)
