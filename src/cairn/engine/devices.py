"""How the work of one program is laid over several devices: seeds first, then columns.

A CPU counts as one device for each core (`use_cores`): the operations of a small recurrent
network are too small to split, so two halves of a batch side by side run faster than one batch
whose every product is split in two (`cairn bench ued --extra one-device`; docs/performance.md).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import PyTree

from cairn.core.axes import COLUMNS, SEEDS
from cairn.core.errors import ConfigError
from cairn.core.machine import cores
from cairn.engine import hosts

WHOLE = PartitionSpec()
"""Every device has all of it."""


class Layout(NamedTuple):
    """Which axis of the work the devices share. At most one of the two is set."""

    seeds: Mesh | None = None
    columns: Mesh | None = None

    def put(self, state: PyTree) -> PyTree:
        """Lay a state with a leading axis of seeds over the devices."""
        if self.seeds is not None:
            return hosts.lay(state, jax.NamedSharding(self.seeds, along(SEEDS)))
        if self.columns is not None:
            return hosts.lay(state, jax.NamedSharding(self.columns, WHOLE))
        return state

    def share(self, arrays: PyTree) -> PyTree:
        """Lay arrays that every device reads whole."""
        mesh = self.columns if self.seeds is None else self.seeds
        arrays = jax.tree.map(jax.numpy.asarray, arrays)
        return arrays if mesh is None else hosts.lay(arrays, jax.NamedSharding(mesh, WHOLE))


def use_cores() -> None:
    """Let JAX count every core this process may use as a device. Call before JAX computes."""
    jax.config.update("jax_num_cpu_devices", cores())


def plan(devices: int, seeds: int, columns: int) -> Layout:
    """The layout for `devices` devices: whole seeds if they divide evenly, else columns.

    Raises ConfigError if fewer devices exist, or neither seeds nor columns can be divided.
    """
    here, count = jax.devices(), jax.process_count()
    if devices > len(here):
        raise ConfigError(
            f"devices is {devices}, but JAX sees {len(here)} here. Start a new run with fewer "
            f"devices; a run goes on exactly only with as many as it began with."
        )
    if devices == 1:
        return Layout()
    # As many of each host, the first host's first.
    by_host = np.asarray(sorted(here, key=lambda device: (device.process_index, device.id)))
    chosen = by_host.reshape(count, -1)[:, : devices // count].reshape(-1)
    if seeds % devices == 0:
        return Layout(seeds=Mesh(chosen, (SEEDS,)))
    if columns % devices == 0:
        return Layout(columns=Mesh(chosen, (COLUMNS,)))
    raise ConfigError(
        f"devices must divide the {seeds} seeds or the {columns} columns of a batch, got {devices}."
    )


def usable(seeds: int, columns: int) -> int:
    """The largest number of devices here, as many of each host, that divides seeds or columns.

    Raises ConfigError if several hosts cannot divide either.
    """
    count = jax.process_count()
    fits = lambda n: seeds % n == 0 or columns % n == 0  # noqa: E731
    counts = [n for n in range(count, len(jax.devices()) + 1, count) if fits(n)]
    if not counts:
        raise ConfigError(
            f"{count} hosts must divide the {seeds} seeds or the {columns} columns of a batch. "
            f"Change --hosts, --seeds or --batch."
        )
    return max(counts)


def check_hosts(devices: int) -> None:
    """Raise ConfigError unless every host can bring an equal share of `devices`."""
    if devices % jax.process_count():
        raise ConfigError(
            f"devices must be a multiple of the {jax.process_count()} hosts, got {devices}. A run "
            f"goes on only with as many devices as it began with."
        )


def over(mesh: Mesh | None, function: Callable, inputs: Any, outputs: Any) -> Callable:
    """`function` on each device's part of the arguments, or `function` itself without a mesh.

    `inputs` and `outputs` are specs as for `jax.shard_map`: prefixes of the pytrees.
    """
    if mesh is None:
        return function
    return jax.shard_map(function, mesh=mesh, in_specs=inputs, out_specs=outputs, check_vma=False)


def along(axis: str, position: int = 0) -> PartitionSpec:
    """Divided along array axis `position`."""
    return PartitionSpec(*(None,) * position, axis)
