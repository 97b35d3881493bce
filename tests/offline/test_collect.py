"""What is collected is whole, counted, the same whatever is played side by side, and safe."""

import json
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from signs import SIGNS, STEPS, Recall, Signs, known

from cairn.cli import main
from cairn.core import dataset
from cairn.core.dataset import Dataset
from cairn.core.errors import CairnError, ConfigError, DatasetError
from cairn.envs.pendulum import Pendulum
from cairn.envs.protocol import Continuous, Vector
from cairn.envs.recorded import check_same
from cairn.learners.random import RandomPolicy
from cairn.runs import collect as collecting
from cairn.runs.collect import collect, placed, source


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return collect(known(Recall), tmp_path_factory.mktemp("data") / "recall", episodes=5)


def test_rows_are_whole_episodes_with_the_observation_that_ended_each(made):
    arrays = made.read()
    rows = STEPS + 1
    assert arrays["valid"].reshape(5, rows).tolist() == [[True] * STEPS + [False]] * 5
    sign = arrays["level"]
    seen = arrays["observation.sign"].reshape(5, rows)
    assert np.array_equal(seen[:, 0], sign) and (seen[:, 1:] == SIGNS).all()
    assert arrays["observation.time"].reshape(5, rows).tolist() == [list(range(rows))] * 5
    assert np.array_equal(arrays["action"].reshape(5, rows)[:, :STEPS], np.tile(sign, (STEPS, 1)).T)
    assert arrays["truncated"].reshape(5, rows)[0].tolist() == [False, False, True, False]
    assert not arrays["terminated"].any()
    assert arrays["episode.length"].tolist() == [STEPS] * 5
    assert arrays["episode.return"].tolist() == [3.0] * 5 and arrays["episode.solved"].all()


def test_what_it_says_of_itself_is_what_it_holds(made):
    about = made.about
    assert (about["episodes"], about["steps"]) == (5, 5 * STEPS)
    assert (about["mean_return"], about["solve_rate"]) == (3.0, 1.0)
    assert about["environment"] == {
        "task": "signs:Recall", "settings": {"size": 1, "colour": "red"},
    }  # fmt: skip
    assert about["specs"]["action"] == {"Discrete": {"size": SIGNS}}
    assert about["specs"]["observation.sign"] == {"Category": SIGNS + 1}


def test_episodes_are_the_same_however_many_are_side_by_side_or_in_a_shard(
    made, tmp_path, monkeypatch
):
    monkeypatch.setattr(collecting, "MOST_BESIDE", 2)
    monkeypatch.setattr(dataset, "SHARD_BYTES", 200)
    other = collect(known(Recall), tmp_path / "narrow", episodes=5)
    assert len(other.about["shards"]) > 1
    ours, theirs = made.read(), other.read()
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_a_dataset_is_never_written_over(made):
    before = (made.path / "dataset.json").read_bytes()
    with pytest.raises(DatasetError, match=r"already exists.*--data"):
        collect(known(Recall), made.path, episodes=1)
    assert (made.path / "dataset.json").read_bytes() == before


def test_what_is_interrupted_leaves_nothing_behind(tmp_path):
    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect(known(Recall), tmp_path / "half", episodes=2, show=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: (path / "dataset.json").unlink(), "is no dataset"),
        (lambda path: (path / "dataset.json").write_text("{"), "cannot be read"),
        (lambda path: edit(path, specs={}), "digest does not fit"),
        (lambda path: edit(path, format=0), "has format 0, this release reads 1"),
        (lambda path: flip(path / "shard-00000.npz"), "sha256 does not fit"),
        (lambda path: (path / "shard-00000.npz").unlink(), "cannot be read"),
    ],
)
def test_a_damaged_dataset_is_refused_in_one_line(tmp_path, harm, said):
    with dataset.creating(tmp_path / "data") as writer:
        writer.add({"valid": np.ones(3, bool)})
        writer.finish({"environment": {}, "specs": {"a": 1}, "versions": {"cairn": "0"}})
    harm(tmp_path / "data")
    with pytest.raises(DatasetError, match=said) as refused:
        Dataset.open(tmp_path / "data").read()
    assert "\n" not in str(refused.value)


def edit(path, **changed):
    file = path / "dataset.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("task", "env", "said"),
    [
        ("maze", Recall(), "holds episodes of signs:Recall, expected maze"),
        ("signs:Recall", Recall(size=2), "size is 1, here it is 2. Give --size 1"),
    ],
)
def test_data_of_another_environment_is_refused(made, task, env, said):
    with pytest.raises(DatasetError, match=said):
        check_same(made.about, task, env, made.path)


def test_data_collected_on_other_levels_is_data_of_the_same_environment(made):
    check_same(made.about, "signs:Recall", Recall(colour="blue"), made.path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["maze"], "needs a task, --policy and --data"),
        (["--policy", "random", "--data", "x"], "needs a task"),
        (["maze", "--policy", "nowhere", "--data", "x"], "nowhere does not exist"),
        (["maze", "--policy", "random", "--data", ".", "--episodes", "3"], "already exists"),
        (["maze", "--policy", "random", "--data", "x", "--wdith", "3"], "Did you mean '--width'"),
        (["maze", "--policy", "random", "--data", "x", "--episodes", "0"], "at least 1"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert main.run(["collect", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


class Generous(Signs):
    """Pays everybody at once."""

    def step(self, key, state, action):
        played = super().step(key, state, action)
        return played._replace(reward=jnp.asarray(played.reward)[None])


class Picky(Signs):
    """Shows a vector where its policy looks for signs."""

    @property
    def observation_spec(self) -> Any:
        return Vector(2)

    def observe(self, state) -> Any:
        return jnp.zeros(2)


NO_ENVIRONMENT: Any = object()


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (placed(known(Signs), Generous()), r"step must give the reward: float32\[\]"),
        (placed(known(Signs), Picky()), "The policy me does not play Picky"),
        (known(Signs)._replace(env=NO_ENVIRONMENT), "not played by one alone"),
    ],
)
def test_who_and_where_must_fit_before_anything_is_played(tmp_path, who, said):
    with pytest.raises(ConfigError, match=said):
        collect(who, tmp_path / "data", episodes=2)
    assert list(tmp_path.iterdir()) == []


def test_who_acts_at_random_takes_any_action_of_the_settings_given():
    strong = placed(source("random", "pendulum"), Pendulum(torque=5.0))
    assert strong.actor.policy == RandomPolicy(Continuous((-5.0,), (5.0,)))


def test_a_random_policy_collects_where_the_command_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["signs:Signs", "--policy", "random", "--data", "r", "--episodes", "4"]
    assert main.run(["collect", *words, "--colour", "blue"]) == 0
    assert "r: 4 episodes, 12 steps, mean return" in capsys.readouterr().out
    made = Dataset.open("r")
    assert made.about["environment"]["settings"]["colour"] == "blue"
    assert made.about["collected_by"]["policy"] == "random"
    with pytest.raises(CairnError, match="needs a task"):
        collect("random", "q")
