"""What learners and shapers come to, small."""

import importlib
import json
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from cairn.core.errors import ConfigError
from cairn.games import good_shepherd, lola, m_fos, naive, shaper, tasks
from cairn.games.rounds import Aware, Config
from cairn.runs.method import Setup


def grown(method, config, cycles, task=None, seed=0):
    """The metrics of each cycle."""
    setup = Setup(task or tasks.Ipd(), {"algorithm": config}, 0)
    method.check(setup)
    program = method.program(setup)

    def run(key):
        def cycle(state, _):
            state, report = program.step(state)
            return state, report.metrics

        return jax.lax.scan(cycle, program.init(key), None, cycles)

    state, metrics = jax.jit(run)(jax.random.key(seed))
    return state, metrics


@pytest.mark.slow
def test_pairs_defect_if_naive_and_cooperate_by_lola():
    # 512 pairs, 100 steps: -1.98, -1.30 / -1.53 and a last -1.06 in the sheet of the field.
    _, plain = grown(naive.METHOD, Config(games=512), 100)
    assert plain["welfare"][-1] < -1.98
    state, aware = grown(lola.METHOD, lola.Config(games=512), 100)
    assert aware["welfare"][-1] == pytest.approx(-1.06, abs=0.05)
    _, alone = grown(lola.METHOD, lola.Config(games=512, others="naive"), 100)
    assert alone["reward_1"].mean() == pytest.approx(-1.30, abs=0.05)
    assert alone["reward_2"].mean() == pytest.approx(-1.53, abs=0.05)
    assert state.ledger.totals()["updates"] == 100


@pytest.mark.slow
def test_good_shepherd_and_m_fos_extort():
    small = {"population": 24, "opponents": 4, "episodes": 40}
    for method, config in (
        (good_shepherd.METHOD, good_shepherd.Config(**small)),
        (m_fos.METHOD, m_fos.Config(**small)),
    ):
        state, metrics = grown(method, config, 60)
        assert metrics["reward"][-5:].mean() > -1
        assert metrics["reward_others"][-5:].mean() < -1.5
        assert state.ledger.totals()["evaluations"] == 60 * 24


@pytest.mark.slow
def test_a_shaper_wins_more_of_its_victim_from_generation_to_generation():
    config = shaper.Config(population=20, games=8, rounds=8, episodes=10)
    state, metrics = grown(shaper.METHOD, config, 60)
    gap = metrics["reward"] - metrics["reward_others"]
    assert gap[-5:].mean() > gap[:5].mean() + 0.5
    assert state.ledger.totals()["training"] == 60 * 20 * 2 * 8 * 8 * 10


def test_mixing_makes_memories_of_one_co_player_alike():
    config = shaper.Config(hidden=3, games=4, mixing="average")
    weights = jnp.zeros(sum(size for _, size in shaper.parts(3)))
    memory = jnp.arange(12.0).reshape(4, 3)
    _, after = shaper.acts(weights, config, jnp.zeros((4, 5)), memory)
    # Zero weights keep half of what there is: of half the own memory and half the mean.
    assert after == pytest.approx(0.25 * memory + 0.25 * memory.mean(0, keepdims=True))


def test_who_plays_a_game_of_two_says_so():
    setup = Setup(tasks.Dilemma(players=3), {"algorithm": shaper.Config()}, 0)
    with pytest.raises(ConfigError, match="shaper plays games of two"):
        shaper.METHOD.check(setup)
    assert "no repeated game" in str(shaper.METHOD.takes(int))
    with pytest.raises(ConfigError, match="eta"):
        Aware(eta=-1)


@pytest.mark.slow
def test_the_verification_script_runs_tiny_and_measures_no_row_twice(tmp_path, monkeypatch, capsys):
    verify = Path(__file__).parents[2] / "benchmarks" / "verify"
    monkeypatch.syspath_prepend(str(verify))
    script = importlib.import_module("games_shaping")
    results = tmp_path / "games.json"
    command = ["games_shaping.py", "--tiny", "--results", str(results)]
    monkeypatch.setattr(sys, "argv", [*command, "--rows", "ipd-lola,m-fos,shaper"])
    script.main()
    first = json.loads(results.read_text())
    assert set(first["rows"]) == {"ipd-lola", "m-fos", "shaper"}
    assert first["rows"]["shaper"]["median"]["trial"][0] <= 0
    capsys.readouterr()
    script.main()
    assert capsys.readouterr().out == "" and json.loads(results.read_text()) == first
