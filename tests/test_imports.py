import json
import os
import subprocess
import sys

import pytest

# In a process of its own: this one has long since touched its devices.
LOOK = """
import importlib, json, logging, os, pkgutil, sys
import jax  # sets TF_CPP_MIN_LOG_LEVEL itself
before = dict(os.environ)
import cairn
from cairn.core.errors import MissingExtraError
names = [m.name for m in pkgutil.walk_packages(cairn.__path__, "cairn.")]
without = []
for name in names:
    if not name.endswith("__main__"):
        try:
            importlib.import_module(name)
        except MissingExtraError:
            without.append(name)
import jax._src.xla_bridge
print(json.dumps({
    "modules": names,
    "without": without,
    "backends": sorted(jax._src.xla_bridge._backends),
    "environment": sorted(set(before.items()) ^ set(os.environ.items())),
    "handlers": [repr(handler) for handler in logging.getLogger().handlers],
    "loaded": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""
# Compiled, and then read back from the cache on disk.
FROM_THE_CACHE = """
import os, cairn
cairn.experiment
print(os.environ.get("TF_CPP_MIN_LOG_LEVEL"))
import jax
double = jax.jit(lambda x: (x @ x).sum())
for _ in range(2):
    double(jax.numpy.ones((64, 64))).block_until_ready()
    jax.clear_caches()
"""
pytestmark = pytest.mark.slow
HEAVY = {"torch", "tensorflow", "orbax", "wandb", "tensorboardX", "trackio", "ray", "openai"}


@pytest.fixture(scope="module")
def found():
    # Without what conftest.py sets: as a user imports it.
    ours = {"TF_CPP_MIN_LOG_LEVEL", "MPLBACKEND", "JAX_PLATFORMS", "CAIRN_FAULT"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    command = [sys.executable, "-c", LOOK]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_every_module_was_imported(found):
    assert {"cairn.core.keys", "cairn.envs.protocol"} <= set(found["modules"])
    # Whose classes are those of a package that users have and tests do not.
    assert set(found["without"]) <= {"cairn.refine.trove"}


def test_importing_touches_no_device(found):
    assert found["backends"] == []


def test_importing_changes_no_environment_variable(found):
    assert found["environment"] == []


def test_importing_leaves_logging_alone(found):
    assert found["handlers"] == []


def test_importing_loads_nothing_heavy_or_optional(found):
    assert HEAVY.isdisjoint(found["loaded"])


@pytest.mark.parametrize("chosen", [None, "2"])
def test_reading_the_compilation_cache_says_nothing_unless_the_user_wants_to_hear(tmp_path, chosen):
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path)}
    del environment["TF_CPP_MIN_LOG_LEVEL"]
    if chosen is not None:
        environment["TF_CPP_MIN_LOG_LEVEL"] = chosen
    command = [sys.executable, "-c", FROM_THE_CACHE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{chosen or 1}\n", "what JAX alone sets"
    assert list(tmp_path.iterdir())
    if chosen is None:
        assert done.stderr == ""
