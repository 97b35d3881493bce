"""Everything from outside the package: through `cairn train`, killed, resumed, tested, loaded."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from outside.own_parts import Reinforce, Settings

import cairn
from cairn.cli import main
from cairn.core.axes import COLUMNS
from cairn.core.rundir import RunDir

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "own-method.md"
OWN = [
    "outside.own_world:Lamps", "--method", "outside.own_method:METHOD",
    "--score", "outside.own_parts:Failures",
]  # fmt: skip
LEARNERS = {
    "network": ["--network", "outside.own_parts:Perceptron", "--hidden", "8", "--decay", "none"],
    "learner": ["--learner", "outside.own_parts:Reinforce", "--rate", "2"],
}
TINY = ["--batch", "4", "--steps-per-cycle", "8", "--log-every", "5", "--evaluate-every", "0"]


@pytest.mark.slow
@pytest.mark.parametrize("who", LEARNERS)
def test_a_run_of_strangers_goes_on_exactly_and_is_tested_and_loaded(tmp_path, capsys, who):
    words = ["train", *OWN, *LEARNERS[who], *TINY]
    whole, stopped = str(tmp_path / "whole"), str(tmp_path / "stopped")
    assert main.run([*words, "--steps", "1600", "--run", whole]) == 0
    assert main.run([*words, "--steps", "640", "--run", stopped]) == 0
    assert main.run(["train", "--resume", stopped, "--steps", "1600"]) == 0
    lines = [RunDir.open(path).metrics() for path in (whole, stopped)]
    assert [line["metrics"] for line in lines[0]] == [line["metrics"] for line in lines[1]]
    ledger = lines[1][-1]["ledger"]
    assert ledger["training"] == ledger["scoring"] == [800]
    report = ["evaluate", stopped, "--suite", "random", "--attempts", "1", "--json", "-"]
    capsys.readouterr()
    assert main.run(report) == 0
    solved = json.loads(capsys.readouterr().out)["suites"]["random"]["solve_rate"]
    assert solved > (0.9 if who == "learner" else 0.2), "chance is 0.44"
    agent = cairn.load(stopped)
    _, observation = agent.env.reset(None, 2)
    assert 0 <= agent.act(observation) < 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "outside.own_method:METHDO"], "Did you mean 'METHOD'?"),
        (["--method", "outside.own_method:Config"], "is not a method"),
        (["--learner", "outside.own_parts:Failures"], "is not a learner"),
        (["--method", "plr", "--score", "outside.own_parts:Perceptron"], "is not a score"),
        (["--network", "outside.own_parts:Weights"], "own_parts:Weights cannot take"),
    ],
)
def test_what_is_not_what_it_is_named_for_is_refused_in_one_line(tmp_path, capsys, words, said):
    own = ["train", "outside.own_world:Lamps", "--method", "outside.own_method:METHOD"]
    assert main.run([*own, *words, "--run", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_the_page_shows_the_code_that_is_tested_and_its_method_takes_forty_lines():
    blocks = dict(re.findall(r"^```python file=(\S+)\n(.*?)^```$", PAGE.read_text(), re.M | re.S))
    assert blocks["own_method.py"] == (HERE / "outside" / "own_method.py").read_text()
    assert blocks["own_parts.py"] == (HERE / "outside" / "own_parts.py").read_text()
    code = [line for line in blocks["own_method.py"].splitlines() if line.strip()]
    assert len(code) <= 42


def test_the_learner_of_the_page_comes_to_one_state_where_devices_share_the_columns():
    class Trace(NamedTuple):
        observation: jax.Array
        action: jax.Array
        reward: jax.Array
        done: jax.Array
        last_value: jax.Array

    random = np.random.default_rng(0)
    trace = Trace(
        jnp.asarray(random.normal(size=(5, 2, 3, 4)), jnp.float32),
        jnp.asarray(random.integers(0, 2, (5, 2, 3)), jnp.int32),
        jnp.asarray(random.normal(size=(5, 2, 3)), jnp.float32),
        jnp.asarray(random.random((5, 2, 3)) < 0.3),
        jnp.zeros((2, 3), jnp.float32),
    )
    whole = Trace(
        trace.observation.reshape(5, 6, 4),
        *(leaf.reshape(5, 6) for leaf in trace[1:4]),
        trace.last_value.reshape(6),
    )
    learner = Reinforce(Settings(), inputs=4, outputs=2)
    before, key = learner.init(jax.random.key(0)), jax.random.key(1)
    alone, _ = learner.update(before, whole, key, 0.0)
    share = Trace(1, 1, 1, 1, 0)
    shared, _ = jax.vmap(
        lambda part: learner.update(before, part, key, 0.0, axis=COLUMNS),
        in_axes=(share,),
        axis_name=COLUMNS,
    )(trace)
    for device in shared.matrix:
        np.testing.assert_allclose(device, alone.matrix, rtol=1e-5)
    assert abs(alone.matrix).max() > 0.01
