"""What the script about ReMiDi measures is what it says, and is measured once."""

import json
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from cairn.envs.levers import Levers

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "verify"


@pytest.fixture(scope="module")
def scripts():
    """The two files, as they find each other."""
    before = list(sys.path)
    sys.path.insert(0, str(SCRIPTS))
    import remidi_levers
    import remidi_worth

    yield remidi_levers, remidi_worth
    sys.path[:] = before


def test_the_regret_of_every_level_is_that_of_a_plain_enumeration(scripts):
    """Levels × levers, with the rules written out."""
    _, worth = scripts
    n, pay, hidden = 4, 1.0, 10.0
    chances = np.random.default_rng(0).dirichlet(np.ones(n), n + 1).astype(np.float32)
    wanted = []
    for stake, sight_of in ((pay, lambda answer: answer), (hidden, lambda answer: n)):
        for answer in range(n):
            policy = chances[sight_of(answer)]
            value = sum(
                policy[lever] * (stake if lever == answer else -stake) for lever in range(n)
            )
            wanted.append(stake - value)
    found = worth.regrets(Levers(levers=n), jnp.asarray(chances))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    # Nothing is better in the worst case than all levers alike where nothing is seen.
    even = jnp.eye(n + 1, n).at[n].set(1 / n)
    np.testing.assert_allclose(worth.regrets(Levers(levers=n), even).max(), 20 * (1 - 1 / n))


def test_a_rise_is_the_most_it_ever_was_above_what_the_first_adversary_left(scripts):
    script, _ = scripts
    worst = [[9.0, 9.0], [5.0, 5.0], [5.0, 7.0], [4.0, 6.0]]
    curve = {"cycles": [100, 300, 400, 600], "worst_regret": worst}
    assert script.rise({"game": "levers", "curve": curve}).tolist() == [0.0, 2.0]
    assert script.at({"curve": curve}, "worst_regret", 600).tolist() == [4.0, 6.0]


def test_what_was_measured_is_not_measured_again_and_claims_are_about_what_there_is(
    scripts, tmp_path, monkeypatch, capsys
):
    script, _ = scripts
    falls = {"cycles": [300, 600], "visible": [[0.1], [0.95]], "invisible": [[0.2], [0.2]]}
    curve = falls | {"worst_regret": [[19.5], [19.5]]}
    stored = {"game": "levers", "seeds": 1, "seconds": 1.0, "curve": curve}
    monkeypatch.setattr(script, "measure", lambda *_: stored)
    words = ["--arms", "levers-remidi-table", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["remidi_levers.py", *words])
    script.main()
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text()) == stored
    monkeypatch.setattr(script, "measure", None)
    script.main()
    said = capsys.readouterr().out
    assert said.count("with a table the worst regret never rises: holds in every seed") == 2
    assert "PLR" not in said and "accuracy, visible | 0.950 |" in said
