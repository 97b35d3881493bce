"""`cairn doctor`: is this machine fit, and does its compiler compute what it should?"""

import importlib.util
import json
import os
import platform
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cairn.cli.arguments import Parser
from cairn.cli.jail import described
from cairn.core.machine import cores
from cairn.core.rundir import ADAPTED, PACKAGES
from cairn.core.trackers import MODULES
from cairn.jail import tier

SLOW = 40.0
"""Ten times as many writes may take this many times longer before we complain: 10 where a write
costs the same whatever the buffer, 100 where each write copies it."""


def doctor_command(arguments: list[str]) -> int:
    """Print what was found; 1 if a self-test failed."""
    parser = Parser(
        prog="cairn doctor",
        description="Versions, devices, self-tests for known compiler faults, optional parts.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    as_json = parser.parse_args(arguments).json
    found = examine()
    failed = [name for name, passed in found["self_tests"].items() if not passed]
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print(found)
    return 1 if failed else 0


def examine() -> dict[str, Any]:
    """Everything the doctor knows."""
    return {
        "versions": {name: metadata.version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "machine": {
            "platform": f"{platform.system()} {platform.machine()}",
            "cores": cores(),
            "memory_gib": _memory_gib(),
            "devices": [f"{device.platform}: {device.device_kind}" for device in jax.devices()],
        },
        "jail": tier()._asdict(),
        "self_tests": {name: test() for name, test in SELF_TESTS.items()},
        "optional": {
            extra: importlib.util.find_spec(module) is not None
            for extra, module in (MODULES | {name: name for name in ADAPTED}).items()
        },
    }


def shifts_rows() -> bool:
    """x.at[1:].set(x[:-1]), then a reshape, under jit. Wrong on CPU with jax 0.10.2."""

    def shift(rewards: jax.Array) -> jax.Array:
        done = rewards > 0.5
        return done.at[1:].set(done[:-1]).reshape(-1)

    rewards = np.random.default_rng(0).random((256, 32), np.float32)
    expected = rewards > 0.5
    expected[1:] = expected[:-1].copy()
    return np.array_equal(jax.jit(shift)(jnp.asarray(rewards)), expected.reshape(-1))


def multiplies_rows() -> bool:
    """Mapped matrix times vector, then a sum. Wrong on CPU with jax 0.10.2 at this size."""

    def norms(rows: jax.Array) -> jax.Array:
        matrix = jnp.eye(3, dtype=jnp.float32)
        return jax.vmap(lambda row: jnp.sum((matrix @ row) ** 2))(rows)

    rows = np.zeros((32_769, 3), np.float32)
    rows[:, 0] = np.arange(len(rows))
    squares = rows[:, 0].astype(np.float64) ** 2
    return np.allclose(jax.jit(norms)(jnp.asarray(rows)), squares, rtol=1e-5)


def updates_in_place() -> bool:
    """A small write in a loop does not copy the buffer. It does on CPU with jax 0.11.1."""
    return _fill_seconds(100_000) < SLOW * _fill_seconds(10_000)


SELF_TESTS: dict[str, Callable[[], bool]] = {
    "shifts_rows": shifts_rows,
    "multiplies_rows": multiplies_rows,
    "updates_in_place": updates_in_place,
}


def _fill_seconds(size: int) -> float:
    """Seconds to fill a buffer of `size` numbers one by one; the best of three."""

    def write(buffer: jax.Array, place: jax.Array) -> tuple[jax.Array, None]:
        value = buffer[place - 1] + 1.0
        return jax.lax.dynamic_update_slice(buffer, value[None], (place,)), None

    @jax.jit
    def last() -> jax.Array:
        places = jnp.arange(1, size, dtype=jnp.int32)
        return jax.lax.scan(write, jnp.zeros(size, jnp.float32), places)[0][-1]

    last().block_until_ready()  # compiles
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        last().block_until_ready()
        times.append(time.perf_counter() - begun)
    return min(times)


def _memory_gib() -> float | None:
    try:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
    return round(pages / 2**30, 1)


def _print(found: dict[str, Any]) -> None:
    machine = found["machine"]
    print("versions:  " + ", ".join(f"{name} {v}" for name, v in found["versions"].items()))
    print(
        f"machine:   {machine['platform']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB of memory"
    )
    print("devices:   " + ", ".join(machine["devices"]))
    print(f"jail:      {described()}")
    for name, passed in found["self_tests"].items():
        meaning = (SELF_TESTS[name].__doc__ or "").split("\n", 1)[0]
        print(f"self-test: {'ok    ' if passed else 'FAILED'} {name}: {meaning}")
    for extra, there in found["optional"].items():
        state = "there" if there else f"not there; install it with: uv sync --extra {extra}"
        print(f"optional:  {extra}: {state}")
    if not all(found["self_tests"].values()):
        print("Do not trust results of this jax: install the version that pyproject.toml pins.")
