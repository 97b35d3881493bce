"""What no shape can tell about somebody's environment, and what a run does about it."""

from typing import ClassVar

import jax.numpy as jnp
import pytest

import cairn
import house
from cairn.cli import main
from cairn.core.errors import ConfigError, RunError
from cairn.envs.cartpole import CartPole
from cairn.envs.protocol import Quick


class Endless(CartPole):
    """Says that it has a limit, and never keeps to it."""

    random_start: ClassVar[bool] = True

    def step(self, key, state, action):
        played = super().step(key, state, action)
        never = jnp.zeros_like(played.terminated)
        return played._replace(terminated=never, truncated=never)


class Pair(CartPole):
    """Two players."""

    players: ClassVar[tuple[str, ...]] = ("player-1", "player-2")


class Odd(CartPole):
    """Measured by something unknown."""

    measure: ClassVar[str] = "score"


class Elsewhere(CartPole):
    """Tested where there is no test."""

    def quick_suites(self):
        return {"nowhere": Quick(1, 1)}


SMALL = house.settings("dr", "cartpole") | {"limit": 16}


@pytest.mark.slow
def test_episodes_that_never_end_stop_the_run_in_one_line(tmp_path):
    chosen = cairn.experiment("runs.test_doubts:Endless", method="dr", **SMALL)
    with pytest.raises(RunError, match=r"max_steps=16 steps, but none did.*`truncated` at the lim"):
        cairn.train(chosen, tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Pair", "has the players player-1, player-2, but methods of environment design train one"),
        ("Odd", r"measure must give one of solve_rate.*got 'score'"),
        ("Elsewhere", "quick_suites must give some of random; got nowhere"),
    ],
)
def test_promises_are_looked_at_before_a_run_is_begun(tmp_path, name, said):
    with pytest.raises(ConfigError, match=said):
        cairn.train(
            cairn.experiment(f"runs.test_doubts:{name}", method="dr", **SMALL), tmp_path / "run"
        )
    assert not list(tmp_path.iterdir())


def test_json_replaces_nothing_but_json(tmp_path, capsys):
    (tmp_path / "notes.md").write_text("# Mine\n")
    from cairn.cli.testing import check_json

    with pytest.raises(ConfigError, match="exists and is no JSON"):
        check_json(tmp_path / "notes.md", [])
    (tmp_path / "old.json").write_text("{}")
    check_json(tmp_path / "old.json", [])
    assert main.run(["list"]) == 0
