from pathlib import Path

import pytest

import written_runs


@pytest.fixture(scope="session")
def accel_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two seeds of ACCEL."""
    return written_runs.write_accel(tmp_path_factory.mktemp("runs") / "accel")
