"""Several hosts as one program: each runs one process, and `jax.distributed` connects them.

All run the same chunks on a mesh of all their devices. Host 0 alone reads and writes the run's
directory and speaks to people; what it read, it tells the others. None of this does anything, and
none of it costs anything, in a process that was not joined to others.
"""

import atexit
import contextlib
import ctypes
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import PyTree

from cairn.core import files
from cairn.core.errors import CairnError, ConfigError, RunError

T = TypeVar("T")
AUTO = "auto"


@dataclass(frozen=True)
class Meeting:
    """Who meets where."""

    coordinator: str
    """ADDRESS:PORT at which host 0 can be reached by all, or "auto": Slurm, Open MPI or a TPU pod
    tells all three."""
    hosts: int | None = None
    """How many processes there are in all."""
    host: int | None = None
    """Which of them this is, from 0."""
    timeout_s: int = 300
    """Seconds to wait for the others."""

    def __post_init__(self) -> None:
        if self.timeout_s < 1:
            raise ConfigError(f"join_timeout must be at least 1 second, got {self.timeout_s}.")
        if self.coordinator == AUTO:
            if (self.hosts, self.host) != (None, None):
                raise ConfigError("--coordinator auto finds hosts and host itself: leave them out.")
            return
        if self.hosts is None or self.host is None:
            raise ConfigError("--coordinator needs --hosts (how many) and --host (which, from 0).")
        if self.hosts < 1:
            raise ConfigError(f"hosts must be at least 1, got {self.hosts}.")
        if not 0 <= self.host < self.hosts:
            raise ConfigError(
                f"host must lie in [0, {self.hosts}), got {self.host}: hosts count from 0."
            )
        port = re.fullmatch(r".+:(\d+)", self.coordinator)
        if not port or not 0 < int(port[1]) < 2**16:
            raise ConfigError(
                f"coordinator must be ADDRESS:PORT of host 0 (or auto), got {self.coordinator!r}."
            )


@contextlib.contextmanager
def joined(meeting: Meeting) -> Iterator[None]:
    """Meet the other hosts before any device is touched; leave them at once after an error.

    Raises ConfigError if the address cannot be used here, RunError if another host is lost. If
    the others do not come in time, the process ends with one line and exit status 2.
    """
    try:
        _join(meeting)
        yield
    except BaseException as error:
        if not _last_words.acquire(blocking=False):
            time.sleep(10)  # the runtime's abort has said why, and is about to end the process
        status = {CairnError: 2, KeyboardInterrupt: 130}
        kind = next((kind for kind in status if isinstance(error, kind)), None)
        lost = isinstance(error, ValueError | RuntimeError) and _LOST.search(str(error))
        # At exit JAX waits until all hosts leave, but the others wait for this one.
        atexit.register(_leave, 2 if lost else status.get(kind, 1))
        if lost:
            raise RunError(_ALONE) from error
        raise


def first() -> bool:
    """Whether this is host 0, which reads, writes and speaks. True if there is only one."""
    return jax.process_index() == 0


def told(make: Callable[[], T]) -> T:
    """What `make` gives on host 0, on every host. Anything JSON can hold."""
    if jax.process_count() == 1:
        return make()
    content = files.to_json(make()).encode() if first() else b""
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(content))))
    padded = np.frombuffer(content.ljust(size), np.uint8)
    return json.loads(multihost_utils.broadcast_one_to_all(padded).tobytes())


def shared(state: PyTree) -> PyTree:
    """The arrays of host 0 on every host, bit for bit: states of hosts must not drift apart."""
    if jax.process_count() == 1:
        return state
    return jax.tree.map(_shared, state)


def whole(tree: PyTree) -> PyTree:
    """The same arrays of the mesh, each host having all of each."""
    if jax.process_count() == 1:
        return tree
    mesh = jax.tree.leaves(tree)[0].sharding.mesh
    return lay(tree, NamedSharding(mesh, PartitionSpec()))


def lay(tree: PyTree, sharding: NamedSharding) -> PyTree:
    """`jax.device_put`, also onto devices of other hosts if this one has all of the arrays."""
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)
    lies = lambda leaf: leaf.sharding.is_equivalent_to(sharding, leaf.ndim)  # noqa: E731
    if all(map(lies, jax.tree.leaves(tree))):
        return tree
    return jax.jit(_same, out_shardings=sharding)(tree)


def anywhere(flag: bool) -> bool:
    """Whether `flag` is set on any host: all of them must decide alike."""
    if jax.process_count() == 1:
        return flag
    return bool(multihost_utils.process_allgather(np.asarray(flag)).any())


def _shared(leaf: Any) -> Any:
    if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(
            _shared(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf)
        )
    here = np.asarray(leaf)
    # As bytes: a broadcast is a sum, and 0.0 + -0.0 is not -0.0.
    there = multihost_utils.broadcast_one_to_all(here.reshape(-1).view(np.uint8))
    return jax.numpy.asarray(there.view(here.dtype).reshape(here.shape))


def _same(tree: PyTree) -> PyTree:
    return tree


def _join(meeting: Meeting) -> None:
    address = _address(meeting)
    others = f"host 0 at {meeting.coordinator}" if meeting.host else "the other hosts"
    late = (
        f"Waited {meeting.timeout_s} s for {others}. Start cairn train on every host with the same "
        f"--coordinator and --hosts; look for a firewall, or give a longer --join-timeout."
    )
    _instead_of_abort(late)
    # Its C++ handler of SIGTERM would take the place of the loop's.
    jax.config.update("jax_enable_preemption_service", False)
    with _ctrl_c_ends():
        try:
            jax.distributed.initialize(**address, initialization_timeout=meeting.timeout_s)
        except (ValueError, RuntimeError) as error:
            raise ConfigError(
                f"JAX cannot use coordinator {meeting.coordinator}: {error} "
                f"Give ADDRESS:PORT of host 0, with --hosts and --host."
            ) from error
    _instead_of_abort(_ALONE)
    by_host = [device.process_index for device in jax.devices()]
    counts = [by_host.count(host) for host in range(jax.process_count())]
    if len(set(counts)) > 1:
        raise ConfigError(
            f"Every host must bring as many devices, but they have {counts}. On CPU set "
            f"JAX_NUM_CPU_DEVICES to {min(counts)} on all of them."
        )
    with _mute():
        multihost_utils.sync_global_devices("joined")


@contextlib.contextmanager
def _mute() -> Iterator[None]:
    """Gloo greets its peers on standard output."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _address(meeting: Meeting) -> dict[str, Any]:
    if meeting.coordinator == AUTO:
        return {}
    given = {
        "coordinator_address": meeting.coordinator,
        "num_processes": meeting.hosts,
        "process_id": meeting.host,
    }
    if meeting.host:
        return given
    port = int(meeting.coordinator.rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:  # JAX crashes if it cannot have the port
        socket.create_server(("", port), family=family, dualstack_ipv6=both).close()
    except OSError as error:
        raise ConfigError(
            f"Port {port} cannot be used here: {error.strerror}. Give --coordinator another one."
        ) from error
    return given | {"coordinator_bind_address": f"{'[::]' if both else '0.0.0.0'}:{port}"}


@contextlib.contextmanager
def _ctrl_c_ends() -> Iterator[None]:
    """Waiting happens in C++, where Python's handler of Ctrl-C would wait too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_ALONE = (
    "Another host ended or cannot be reached any more, so this one ends too: its last line says "
    "why. Nothing up to the newest checkpoint is lost: go on with --resume on all hosts."
)
_LOST = re.compile("Gloo|NCCL|Connection closed|UNAVAILABLE|[Cc]oordination service")
_last_words = threading.Lock()
"""Taken by whoever explains the end of this process: its error, or the runtime's abort."""
_kept: list[Any] = []
"""The handler below: C keeps no reference to it."""


def _instead_of_abort(explanation: str) -> None:
    """Turn the runtime's abort over a lost connection into one line and exit status 2.

    JAX offers nothing for it, and a handler by `signal.signal` would run only after the C++
    function returns, which `abort` never does. This one runs inside of it.
    """

    def handler(number: int) -> None:
        if not _last_words.acquire(blocking=False):
            time.sleep(10)  # another thread is about to leave with better words
        else:
            os.write(2, f"cairn: {explanation}\n".encode())
        os._exit(2)

    _kept[:] = [ctypes.CFUNCTYPE(None, ctypes.c_int)(handler)]
    ctypes.CDLL(None).signal(signal.SIGABRT, _kept[0])


def _leave(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
