"""The command line asks for kernels that resume exactly where there may be a GPU."""

import os

import pytest

from cairn.cli import main


@pytest.mark.parametrize(
    ("there", "given", "wanted"),
    [
        (True, None, "--xla_gpu_deterministic_ops=true"),
        (True, "--xla_dump_to=x", "--xla_dump_to=x --xla_gpu_deterministic_ops=true"),
        (True, "--xla_gpu_deterministic_ops=false", "--xla_gpu_deterministic_ops=false"),
        (False, None, None),
    ],
)
def test_gpu_kernels_are_exact_unless_the_user_says_otherwise(there, given, wanted, monkeypatch):
    monkeypatch.setattr(main, "find_spec", lambda plugin: there)
    for name in ("JAX_NUM_CPU_DEVICES", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"):
        monkeypatch.setenv(name, os.environ.get(name, "1"))
    monkeypatch.setenv("XLA_FLAGS", given or "")  # so that it is undone in any case
    if given is None:
        monkeypatch.delenv("XLA_FLAGS")
    main._prepare_jax()
    assert os.environ.get("XLA_FLAGS") == wanted
