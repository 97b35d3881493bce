import jax
import pytest

from cairn.ued.train import experiment, train

TINY = {
    "width": 7,
    "height": 7,
    "limit": 12,
    "batch": 4,
    "steps_per_cycle": 16,
    "capacity": 8,
    "minimum_fill": 0.5,
    "hidden": 8,
    "head": 4,
    "filters": 2,
    "epochs": 1,
    "minibatches": 1,
    "log_every": 4,
    "evaluate_every": 0,
    "seeds": 2,
}


@pytest.fixture(scope="session")
def accel_run(tmp_path_factory):
    """A run of a second: two seeds of ACCEL on tiny mazes."""
    path = tmp_path_factory.mktemp("runs") / "accel"
    train(experiment("maze", method="accel", steps=8_000, **TINY), path)
    jax.clear_caches()
    return path
