"""What every test runs under: checked shapes, strict dtypes, and a compilation cache."""

import os
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cairn" / "compiled"

# Before JAX is imported, and as variables so that the processes tests start inherit them.
# Reading the CPU cache logs kilobytes of false alarms at the default level.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.3")
# A test that needs a slow subprocess must not be slowed further by a figure window.
os.environ.setdefault("MPLBACKEND", "agg")

import jax  # noqa: E402
import jaxtyping  # noqa: E402
from hypothesis import settings  # noqa: E402

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Every annotated function of cairn checks its arguments and results while tests run.
jaxtyping.install_import_hook("cairn", "typecheck.check")

# Derandomised: the same examples in every run. No deadline: the first example compiles.
settings.register_profile("cairn", deadline=None, derandomize=True, max_examples=50, database=None)
settings.load_profile("cairn")
