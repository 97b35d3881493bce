"""How programs compile while tests run, in this process and in those that tests start.

The one place: no test sets `XLA_FLAGS` or JAX's own variables for speed. Nearly all the time of the
tests went into compiling programs that then ran for milliseconds, so by default they compile with
few optimisations. `--as-users` leaves all that out. docs/testing.md says which tests need it.
"""

import os
import sys
from pathlib import Path

HOME = Path(__file__).parents[1] / ".cairn"

ALWAYS = {
    # Reading the CPU cache logs kilobytes of false alarms at the default level.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "JAX_PLATFORMS": "cpu",
    "JAX_COMPILATION_CACHE_DIR": str(HOME / "compiled"),
    # A test that needs a slow subprocess must not be slowed further by a figure window.
    "MPLBACKEND": "agg",
}
QUICK = {
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    # Small programs too: another process needs them again.
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
}
QUICK_XLA = "--xla_cpu_use_fusion_emitters=false"
USERS = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3"}


def apply(*, as_users: bool) -> None:
    """Set the variables, before JAX is imported. What is set already wins."""
    for name, value in (ALWAYS | (USERS if as_users else QUICK)).items():
        os.environ.setdefault(name, value)
    given = os.environ.get("XLA_FLAGS", "")
    if not as_users and QUICK_XLA not in given:  # a worker has its parent's variables
        os.environ["XLA_FLAGS"] = f"{given} {QUICK_XLA}".strip()
    keep_bytecode()


def keep_bytecode() -> None:
    """Where writing bytecode is turned off, write it into .cairn all the same.

    Without it each process compiles the sources of JAX again, and those of cairn with the checks
    of types put in: more than a second, a hundred times.
    """
    if sys.dont_write_bytecode and "-B" not in sys.orig_argv:
        folder = str(HOME / "bytecode")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        sys.dont_write_bytecode, sys.pycache_prefix = False, folder
